#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPMs of nothing but built modules, for installers and for systems without DKMS."""

import hashlib
import json
import lzma
import pathlib
import re
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'cli' / 'dkms')]
import anaconda_rules  # noqa: E402
import elf  # noqa: E402
import rpm_products  # noqa: E402
from rpm_products import ARCH, KERNELS, REASON, Maker, digest, fresh_system, member, query  # noqa: E402


def warnings(events):
    """What packing warned of; but not that this system has no sandbox, which is so inside another one."""
    return [event for event in events if event.get('event') == 'warning' and event['name'] != 'no-sandbox']


class KmodPackage(rpm_products.Case):
    """RPMs of nothing but built modules."""

    @classmethod
    def setUpClass(cls):
        if REASON:
            return
        cls.maker = Maker.get('edu-1.0', 'greeting-2.1')
        cls.events = {name: cls.maker.pack_kmod(name, version) for name, version in (('edu', '1.0'), ('greeting', '2.1'))}

    def package(self, kernel, name='edu', version='1.0', maker=None):
        part = kernel.replace('-', '_')
        return (maker or self.maker).products(name, version)[f'kmod-{name}-{version}-1.k{part}.{ARCH}.rpm']

    def test_one_for_each_kernel(self):
        for kernel in KERNELS:
            files = query(self.package(kernel), '-l').split()
            self.assertIn(f'/lib/modules/{kernel}/extra/edu/edu.ko', files)
            manifest = json.loads(member(self.package(kernel), f'./usr/share/kmod-edu/{kernel}/dkms_manifest.json'))
            build, = manifest['builds']
            self.assertEqual(build['kernel'], kernel)
            module = member(self.package(kernel), f'./lib/modules/{kernel}/extra/edu/edu.ko')
            self.assertIn({'file': 'edu.ko', 'sha256': hashlib.sha256(module).hexdigest()}, build['modules'])
            self.no_lint(self.package(kernel))

    def test_digests_without_openssl(self):
        system = fresh_system(self, without=['openssl'])
        system.add_source()
        system.dkms('install', 'hello/1.0', '-k', KERNELS[0])
        system.pack_kmod('hello', '1.0', KERNELS[:1])
        package = self.package(KERNELS[0], 'hello', maker=system)
        build, = json.loads(member(package, f'./usr/share/kmod-hello/{KERNELS[0]}/dkms_manifest.json'))['builds']
        module = member(package, f'./lib/modules/{KERNELS[0]}/extra/hello/hello.ko')
        self.assertIn({'file': 'hello.ko', 'sha256': hashlib.sha256(module).hexdigest()}, build['modules'])

    def test_dependencies_tell_what_fits(self):
        package = self.package(KERNELS[0])
        self.assertEqual(query(package, '--qf', '%{ARCH}'), ARCH)
        provided = query(package, '--provides')
        for line in ('modalias(pci:v00001234d000011E8sv*sd*bc*sc*i*) = 1.0', 'kmod(edu.ko) = 1.0'):
            self.assertIn(line + '\n', provided)
        module = self.maker.root / f'var/lib/dkms/edu/1.0/{KERNELS[0]}/{ARCH}/module/edu.ko'
        versions = subprocess.run(['modprobe', '--dump-modversions', module], check=True, text=True, stdout=subprocess.PIPE).stdout
        wanted = {f'kernel({symbol}) = {crc}' for crc, symbol in (line.split() for line in versions.splitlines())}
        found = {line for line in query(package, '--requires').splitlines() if line.startswith('kernel(')}
        self.assertEqual(found, wanted)

    def test_symbols_among_its_own_modules(self):
        package = self.package(KERNELS[0], 'greeting', '2.1')
        self.assertRegex(query(package, '--provides'), r'ksym\(greeting_words\) = 0x[0-9a-f]{8}\n')
        self.assertNotIn('greeting_words', query(package, '--requires'))

    def test_another_architecture_and_names_as_red_hat_has_them(self):
        system = fresh_system(self)
        kernel = '5.14.0-70.13.1.el9_0.aarch64'
        system.add_source()
        system.dkms('add', '-m', 'hello/1.0')
        module = system.root / f'var/lib/dkms/hello/1.0/{kernel}/aarch64/module/hello.ko.xz'
        module.parent.mkdir(parents=True)
        module.write_bytes(lzma.compress(elf.module_bytes(kernel, 'aarch64', version='3 beta', alias='usb:v1p2*')))
        events = system.pack_kmod('hello', '1.0', [kernel], 'aarch64')
        self.assertEqual(warnings(events), [])
        package = system.products()['kmod-hello-1.0-1.k5.14.0_70.13.1.el9_0.aarch64.rpm']
        self.assertEqual(query(package, '--qf', '%{ARCH}'), 'aarch64')
        provided = query(package, '--provides')
        self.assertIn(f'kernel-modules >= {kernel}\n', provided)
        self.assertIn('modalias(usb:v1p2*) = 3_beta\n', provided)
        self.assertIn(f'kernel-uname-r = {kernel}\n', query(package, '--requires'))  # its symbols have no versions
        self.assertEqual(anaconda_rules.complaints(package, kernel, 'aarch64'), [])
        self.assertEqual(anaconda_rules.files_used(package), ['extra/hello/hello.ko.xz'])
        self.assertTrue(anaconda_rules.is_meant_for(package, '5.14.0-71.el9.aarch64'))
        self.assertFalse(anaconda_rules.is_meant_for(package, '5.14.0-70.12.1.el9_0.aarch64'))

    def test_kernels_that_a_dependency_cannot_name(self):
        changed = [kernel for kernel in KERNELS if kernel.count('-') > 1]
        warned = [warning['parameters']['kernel'] for warning in warnings(self.events['edu'])]
        self.assertEqual(warned, changed)

    def test_anacondas_order_of_versions_is_rpms(self):
        versions = ('1', '1.0', '1.0a', '1.a', '1.0~rc1', '1.0^git', '1.10', '1.9', '6.1.0-57-amd64', '6.1.0-57_amd64', '6.1.0-57',
                    '5.14.0-70.el9.x86_64', '5.14.0-70.el9_0.x86_64', '010', 'a1', 'b')
        for one in versions:
            for other in versions:
                # As one word: RPM would take what follows a '-' for the release.
                words = [version.replace('-', '_') for version in (one, other)]
                expression = '%{lua:print(rpm.vercmp("' + '", "'.join(words) + '"))}'
                said = subprocess.run(['rpm', '--eval', expression], check=True, text=True, stdout=subprocess.PIPE).stdout
                self.assertEqual(anaconda_rules.order(one, other), int(said), f'{one} and {other}')

    def test_anaconda_takes_it(self):
        for kernel in KERNELS:
            package = self.package(kernel)
            self.assertEqual(anaconda_rules.complaints(package, kernel), [])
            self.assertFalse(anaconda_rules.is_meant_for(package, '5.10.0-1'))
            self.assertTrue(anaconda_rules.is_meant_for(package, '6.99.0-1'))
            self.assertEqual(anaconda_rules.files_used(package), ['extra/edu/edu.ko'])

    def test_anaconda_does_not_take_a_package_for_dkms(self):
        self.assertEqual(len(anaconda_rules.complaints(Maker.hello_package(), KERNELS[0])), 3)

    def test_installs_and_goes(self):
        system = fresh_system(self)
        before = system.listing()
        system.rpm('-i', *(self.package(kernel) for kernel in KERNELS))
        self.assertEqual(system.module_files(), [f'{kernel}/extra/edu/edu.ko' for kernel in KERNELS])
        for kernel in KERNELS:
            self.assertIn('pci:v00001234', (system.root / 'modules' / kernel / 'modules.alias').read_text())
            self.assertIn('extra/edu/edu.ko', system.succeed('modinfo', '-k', kernel, '-F', 'filename', 'edu'))
        system.rpm('-e --allmatches', 'kmod-edu')
        self.assertNotIn('pci:v00001234', (system.root / 'modules' / KERNELS[0] / 'modules.alias').read_text())
        self.assertEqual({path for path in system.listing() - before if not re.search(r'/(extra|modules\..*)$', path)}, set())

    def test_kernels_that_are_compatible_are_told(self):
        system = fresh_system(self)
        system.write_program('var/tmp/weak-modules', '#!/bin/sh\necho weak-modules "$@"\ncat\n')
        text = query(self.package(KERNELS[0]), '--scripts').replace('/usr/sbin/weak-modules', '/var/tmp/weak-modules')
        before, after = (re.search(rf'(?s)\n?{name} scriptlet[^\n]*\n(.*?exit 0)', text)[1] for name in ('postinstall', 'postuninstall'))
        place = f'/lib/modules/{KERNELS[0]}/extra/edu/edu.ko'
        system.rpm('-i --noscripts', self.package(KERNELS[0]))
        self.assertIn(f'weak-modules --add-modules\n{place}', system.succeed('sh', '-c', before))
        self.assertNotIn(place, system.succeed('sh', '-c', after))  # an upgrade: it is there
        system.rpm('-e --noscripts', 'kmod-edu')
        self.assertIn(f'weak-modules --remove-modules\n{place}', system.succeed('sh', '-c', after))

    def test_the_same_tree_gives_the_same_bytes(self):
        before = {path.name: digest(path) for path in self.maker.products('edu').values() if path.name.startswith('kmod-')}
        self.maker.pack_kmod('edu', '1.0')
        self.assertEqual({name: digest(self.maker.products('edu')[name]) for name in before}, before)


if __name__ == '__main__':
    unittest.main()
