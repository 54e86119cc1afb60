#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Source packages of SUSE kernel module packages, which dkms mkkmp makes."""

import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import rpm_products  # noqa: E402
from rpm_products import KERNEL_WORDS, KERNELS, Maker, digest, fresh_system, member, query  # noqa: E402


class KmpSource(rpm_products.Case):
    """dkms mkkmp."""

    def setUp(self):
        super().setUp()
        self.maker = Maker.get('greeting-2.1')

    def test_the_same_tree_gives_the_same_bytes(self):
        digests = set()
        for _ in range(2):
            self.make('-k', KERNELS[0])
            digests.add(digest(self.maker.products('greeting', '2.1')['greeting-2.1-1.src.rpm']))
        self.assertEqual(len(digests), 1)

    def make(self, *words, code=0, name='greeting', version='2.1', system=None):
        result = (system or self.maker).run('dkms', 'mkkmp', '-m', f'{name}/{version}', *words)
        self.assertEqual(result.returncode, code, result.stdout)
        return result.stdout

    def test_source_as_make_finds_it(self):
        said = self.make('-k', KERNELS[0])
        self.assertIn('KMP SRPM location: /var/lib/dkms/greeting/2.1/rpm/', said)
        package = self.maker.products('greeting', '2.1')['greeting-2.1-1.src.rpm']
        self.assertEqual(query(package, '-l').split(), ['greeting-2.1.tar.bz2', 'greeting.spec'])
        archive = self.maker.root / 'var/tmp/source.tar.bz2'
        archive.write_bytes(member(package, 'greeting-2.1.tar.bz2'))
        source = self.maker.root / 'var/tmp/source'
        source.mkdir()
        subprocess.run(['tar', 'xjf', archive, '-C', source], check=True)
        self.assertTrue((source / 'greeting-2.1/driver/configured.h').exists())  # PRE_BUILD makes it
        self.assertNotEqual((source / 'greeting-2.1/driver/greeting.c').read_text(),
                            (self.maker.root / 'usr/src/greeting-2.1/driver/greeting.c').read_text())  # patched
        self.no_lint(package)

    def test_spec_of_the_source(self):
        system = fresh_system(self)
        source = system.add_source()
        (source / 'hello-kmp.spec').write_text('Name: hello\nVersion: 7\nRelease: 1\nSummary: s\nLicense: x\n'
                                               'Source: hello-1.0.tar.bz2\n%description\nd\n')
        (source / 'other.spec').write_text((source / 'hello-kmp.spec').read_text().replace('Version: 7', 'Version: 8'))
        system.dkms('add', '-m', 'hello/1.0')
        self.make('-k', KERNELS[0], name='hello', version='1.0', system=system)
        self.make('-k', KERNELS[0], '--spec', 'other.spec', name='hello', version='1.0', system=system)
        self.assertEqual(list(system.products()), ['hello-7-1.src.rpm', 'hello-8-1.src.rpm'])
        self.make('-k', KERNELS[0], '--spec', 'missing.spec', code=5, name='hello', version='1.0', system=system)

    def test_exit_codes(self):
        self.make(*KERNEL_WORDS, code=4)
        self.make('--all', code=5)
        self.make('-k', '9.9.9', code=21)
        self.make('-k', KERNELS[0], code=2, version='9')
        system = fresh_system(self)
        source = system.add_source()
        with (source / 'dkms.conf').open('a') as conf:
            conf.write('PATCH[0]=missing.patch\n')
        system.dkms('add', '-m', 'hello/1.0')
        self.make('-k', KERNELS[0], code=5, name='hello', version='1.0', system=system)
        (source / 'dkms.conf').write_text((source / 'dkms.conf').read_text().replace('PATCH[0]=', 'BUILD_EXCLUSIVE_KERNEL=^9 #'))
        self.make('-k', KERNELS[0], code=77, name='hello', version='1.0', system=system)


if __name__ == '__main__':
    unittest.main()
