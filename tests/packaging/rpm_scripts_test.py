#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the scripts of an RPM of dkms mkrpm do when real rpm installs, replaces and removes it."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import rpm_products  # noqa: E402
from rpm_products import HELLO, KERNELS, Maker, fresh_system  # noqa: E402


class Installed(rpm_products.Case):
    """What the scripts of a package of dkms mkrpm do."""

    def setUp(self):
        super().setUp()
        self.package = Maker.hello_package()
        self.system = fresh_system(self)  # the last of the kernels runs

    def other_package(self, *words, version='1.0', kernels=()):
        maker = fresh_system(self)
        maker.add_source(version=version)
        maker.dkms('add', '-m', f'hello/{version}')
        for kernel in kernels:
            maker.dkms('build', '-m', f'hello/{version}', '-k', kernel)
        maker.dkms('mkrpm', '-m', f'hello/{version}', *words, *(word for kernel in kernels for word in ('-k', kernel)))
        return maker.products(version=version)[f'hello-{version}-1dkms.noarch.rpm']

    def everywhere(self, version, kernels=KERNELS):
        self.assertEqual(self.system.states(), {(f'hello/{version}', kernel): 'installed' for kernel in kernels})
        self.assertEqual(self.system.module_files(), [f'{kernel}/updates/dkms/hello.ko' for kernel in kernels])

    def test_ready_built_modules_for_all_kernels_that_are_there(self):
        before = self.system.listing()
        said = self.system.rpm('-i', self.package)
        self.assertNotIn('Building module', said)
        self.everywhere('1.0')
        self.assertIn('hello-1.0-1dkms', self.system.succeed('rpm', '-qa'))
        self.system.rpm('-e', 'hello')
        self.assertEqual(self.system.states(), {})
        self.assertEqual(self.system.listing(), before)

    def test_kernel_that_is_not_there(self):
        system = fresh_system(self, kernels=KERNELS[-1:])
        system.rpm('-i', self.package)
        self.assertEqual(system.states()['hello/1.0', KERNELS[-1]], 'installed')
        self.assertEqual(system.states()['hello/1.0', KERNELS[0]], 'built')

    def test_kernel_without_headers(self):
        system = fresh_system(self, kernels=[])
        for kernel in KERNELS:
            system.add_kernel(kernel, headers=False)
        system.rpm('-i', self.package)
        self.assertEqual(set(system.states().values()), {'installed'})

    def test_running_kernel_that_nothing_has_come_for(self):
        package = self.other_package(kernels=KERNELS[:1])
        said = self.system.rpm('-i', package)
        self.assertIn(f'building hello/1.0 for {KERNELS[-1]}', said)
        self.everywhere('1.0')

    def test_source_only(self):
        self.system.rpm('-i', self.other_package('--source-only'))
        self.everywhere('1.0', KERNELS[-1:])

    def test_binaries_only(self):
        package = self.other_package('--binaries-only', kernels=KERNELS[-1:])
        self.system.rpm('-i', package)
        self.everywhere('1.0', KERNELS[-1:])
        self.system.rpm('-e', 'hello')
        self.assertEqual(self.system.states(), {})

    def test_common_postinst_of_the_system(self):
        package = self.other_package('--source-only', '--legacy-postinst=0')
        self.assertIn('brings no common.postinst', self.system.rpm('-i', package, scripts_may_fail=True))
        self.system.rpm('-e', 'hello')
        self.system.write_program('usr/libexec/dkms/common.postinst', '#!/bin/sh\necho called with "$@"\nexit 4\n')
        said = self.system.rpm('-i', package, scripts_may_fail=True)
        self.assertIn('called with hello 1.0 /usr/share/hello', said)
        self.assertIn('exit status 4', said)

    def test_administrator_who_wants_nothing_installed(self):
        (self.system.root / 'etc/dkms/no-autoinstall').touch()
        self.system.rpm('-i', self.package)
        self.assertEqual(self.system.module_files(), [])

    def test_upgrade_and_downgrade(self):
        newer = self.other_package(version='1.1', kernels=KERNELS)
        self.system.rpm('-i', self.package)
        for action, package, version in (('-U', newer, '1.1'), ('-U --oldpackage', self.package, '1.0')):
            said = self.system.rpm(action, package)
            self.assertNotIn('Error!', said)
            self.everywhere(version)
            self.assertEqual(self.system.succeed('rpm', '-qa').split(), [f'hello-{version}-1dkms.noarch'])

    def test_the_same_version_once_more(self):
        self.system.rpm('-i', self.package)
        self.system.rpm('-U --replacepkgs', self.package)
        self.everywhere('1.0')
        self.system.rpm('-e', 'hello')
        self.assertEqual(self.system.states(), {})

    def test_upgrade_to_a_module_that_does_not_build(self):
        maker = fresh_system(self)
        source = maker.add_source(version='1.1')
        (source / 'hello.c').write_text('#error broken\n')
        maker.dkms('add', '-m', 'hello/1.1')
        maker.dkms('mkrpm', '-m', 'hello/1.1', '--source-only')
        self.system.rpm('-i', self.package)
        said = self.system.rpm('-U', maker.products(version='1.1')['hello-1.1-1dkms.noarch.rpm'],
                               scripts_may_fail=True)
        self.assertIn('exit status 10', said)
        self.assertNotIn('hello/1.0', self.system.dkms('status'))
        self.system.rpm('-e', 'hello')
        self.assertEqual(self.system.states(), {})


if __name__ == '__main__':
    unittest.main()
