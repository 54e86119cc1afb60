#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages that mkdeb and mkbmdeb make, in a Debian: installed, upgraded, downgraded and removed by dpkg."""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import guest  # noqa: E402

REASON = guest.reason_to_skip()


def tearDownModule():
    guest.Package.delete()


@unittest.skipIf(REASON, REASON)
class MadePackages(unittest.TestCase):

    def setUp(self):
        self.debian = guest.Guest().__enter__()
        self.addCleanup(self.debian.__exit__)
        self.debian.install_our_package()

    def made(self, action, version, *words):
        """Adds hello/VERSION, runs the action, and takes the module away again, its source, too. Returns the package."""
        debian, source = self.debian, self.debian.root / 'usr' / 'src' / f'hello-{version}'
        debian.add_source()
        if version != '1.0':
            (self.debian.root / 'usr' / 'src' / 'hello-1.0').rename(source)
            for file in ('dkms.conf', 'hello.c'):
                (source / file).write_text((source / file).read_text().replace('1.0', version))
        debian.succeed('dkms', 'add', f'hello/{version}')
        if words:
            debian.succeed('dkms', 'build', f'hello/{version}', *words)
        said = debian.succeed('dkms', action, f'hello/{version}', *words)
        package = said.split('Wrote: ')[1].split()[0].replace('//', '/')
        kept = debian.root / 'tmp' / pathlib.Path(package).name
        (debian.root / package.lstrip('/')).rename(kept)
        debian.succeed('dkms', 'remove', f'hello/{version}', '--all')
        debian.succeed('rm', '-r', f'/usr/src/hello-{version}')
        debian.succeed('rm', '-rf', '/var/lib/dkms/hello')
        return f'/tmp/{kept.name}'

    def dpkg(self, *words):
        return self.debian.succeed('dpkg', *words)

    def version_of(self):
        """The version that the installed module names itself."""
        file, = (self.debian.modules() / 'updates' / 'dkms').glob('hello.ko*')
        return self.debian.succeed('modinfo', '-F', 'version', '/' + str(file.relative_to(self.debian.root))).strip()

    def check_gone(self):
        self.assertEqual(self.debian.status(), '')
        self.assertEqual(self.debian.installed_files(), [])
        self.assertFalse(list((self.debian.root / 'usr' / 'src').glob('hello-*')))
        self.assertFalse((self.debian.root / 'usr/share/hello-dkms').exists())

    def test_a_source_is_built_when_its_package_is_installed(self):
        package = self.made('mkdeb', '1.0')
        said = self.dpkg('-i', package)
        self.assertIn('building hello/1.0', said)
        self.assertRegex(self.debian.status(), f'^hello/1.0, {re.escape(self.debian.kernel)}, .*: installed')
        self.dpkg('-i', package)  # the same once more
        self.assertEqual(self.debian.installed_files(), ['hello'])
        self.dpkg('-r', 'hello-dkms')
        self.check_gone()
        self.dpkg('-i', package)
        self.assertEqual(self.debian.installed_files(), ['hello'])
        self.dpkg('-P', 'hello-dkms')
        self.check_gone()

    def test_builds_in_a_package_are_taken_as_they_are(self):
        package = self.made('mkdeb', '1.0', '-k', self.debian.kernel)
        said = self.dpkg('-i', package)
        self.assertNotIn('building', said)
        self.assertRegex(self.debian.status(), f'^hello/1.0, {re.escape(self.debian.kernel)}, .*: installed')
        self.assertEqual(self.version_of(), '1.0')
        self.assertTrue((self.debian.root / 'var/lib/dkms/hello/1.0/source').is_symlink())
        self.dpkg('-P', 'hello-dkms')
        self.check_gone()

    def test_an_upgrade_that_fails_leaves_the_module_of_before(self):
        old, new = self.made('mkdeb', '1.0'), self.made('mkdeb', '1.1')
        self.dpkg('-i', old)
        self.debian.succeed('sh', '-c', f'dpkg-deb -R {new} /tmp/broken && printf "#!/bin/sh\\nexit 1\\n" > /tmp/broken/DEBIAN/preinst && '
                            'chmod 755 /tmp/broken/DEBIAN/preinst && dpkg-deb -b /tmp/broken /tmp/broken.deb')
        self.assertNotEqual(self.debian.run('dpkg', '-i', '/tmp/broken.deb').returncode, 0)
        self.assertEqual(self.version_of(), '1.0')
        self.dpkg('-P', 'hello-dkms')
        self.check_gone()

    def test_upgrade_and_downgrade_leave_one_version(self):
        old, new = self.made('mkdeb', '1.0'), self.made('mkdeb', '1.1', '-k', self.debian.kernel)
        for package, version in ((old, '1.0'), (new, '1.1'), (old, '1.0')):
            self.dpkg('-i', package)
            self.assertEqual(self.version_of(), version)
            self.assertRegex(self.debian.status(), f'^hello/{version}, [^\n]*: installed$')
            self.assertEqual([path.name for path in (self.debian.root / 'usr' / 'src').glob('hello-*')], [f'hello-{version}'])
        self.dpkg('-P', 'hello-dkms')
        self.check_gone()

    def test_a_package_without_dkms_says_what_to_do(self):
        package = self.made('mkdeb', '1.0')
        self.dpkg('-P', 'dkmsd')
        result = self.debian.run('dpkg', '-i', package)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn('depends on dkms', result.stdout)
        self.dpkg('-P', 'hello-dkms')
        self.assertFalse((self.debian.root / 'usr/src/hello-1.0').exists())

    def test_built_modules_are_installed_without_dkms(self):
        package = self.made('mkbmdeb', '1.0', '-k', self.debian.kernel)
        self.dpkg('-P', 'dkmsd')
        (self.debian.modules() / 'modules.order').touch()
        self.dpkg('--force-depends', '-i', package)  # there are headers, but no image
        self.assertEqual(self.version_of(), '1.0')
        index = self.debian.modules() / 'modules.dep'
        self.assertIn('updates/dkms/hello.ko', index.read_text())
        self.dpkg('-P', f'hello-modules-{self.debian.kernel}')
        self.assertNotIn('hello', index.read_text())
        self.assertEqual(self.debian.installed_files(), [])


if __name__ == '__main__':
    guest.enter_namespaces()
    unittest.main()
