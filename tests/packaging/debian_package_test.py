#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian package in a Debian: packages of modules and kernels notice nothing, and nothing is left behind."""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import guest  # noqa: E402

REASON = guest.reason_to_skip()
MODULE_PACKAGES = ('acpi-call-dkms', 'v4l2loopback-dkms')
MODULES = ['acpi_call', 'v4l2loopback']


def tearDownModule():
    guest.Package.delete()


@unittest.skipIf(REASON, REASON)
class Package(unittest.TestCase):

    @unittest.skipUnless(shutil.which('lintian'), 'lintian is needed')
    def test_is_as_a_debian_package_should_be(self):
        said = subprocess.run(['lintian', '--allow-root', '--fail-on', 'error,warning', guest.Package.path()], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(said.returncode, 0, said.stdout)


@unittest.skipIf(REASON, REASON)
class ModulePackages(unittest.TestCase):
    """With their own maintainers' scripts."""

    def test_are_installed_and_removed_and_nothing_is_left(self):
        with guest.Guest() as debian:
            before = debian.listing()
            debian.install_our_package()
            with_us = debian.listing()
            debian.apt('install', *MODULE_PACKAGES)
            self.check_installed(debian)
            debian.apt('remove', *MODULE_PACKAGES)
            self.assertEqual(debian.status(), '')
            self.assertEqual(debian.installed_files(), [])
            debian.apt('purge', *MODULE_PACKAGES)
            self.assertEqual([path for path in self.left_over(with_us, debian) if '/.dkmsd' not in path], [])
            debian.apt('purge', 'dkmsd')
            self.assertEqual(self.left_over(before, debian), [])
            self.assertNotIn('dkms', (debian.root / 'etc' / 'passwd').read_text())

    def test_that_are_installed_stay_in_the_tree_when_we_are_purged(self):
        with guest.Guest() as debian:
            debian.install_our_package()
            debian.add_source()
            debian.succeed('/usr/lib/dkms/common.postinst', 'hello', '1.0')
            self.assertEqual(debian.installed_files(), ['hello'])
            tree = debian.root / 'var' / 'lib' / 'dkms'
            (tree / 'mok.key').touch()
            message = debian.root / 'run' / 'motd.d' / 'dkms'
            message.parent.mkdir(parents=True, exist_ok=True)
            message.write_text('a kernel lacks modules\n')
            self.assertIn('mok.key stays', debian.apt('purge', 'dkmsd'))
            self.assertFalse(message.exists())
            self.assertEqual(sorted({path.name for path in tree.iterdir()} - {'mok.pub'}), ['hello', 'mok.key'])
            self.assertEqual(debian.installed_files(), ['hello'])
            debian.install_our_package()
            self.assertIn(': installed', debian.status('hello/1.0'))

    def test_of_dkms_are_taken_over(self):
        with guest.Guest() as debian:
            debian.link_descriptors()
            debian.apt('install', 'dkms', *MODULE_PACKAGES)
            was = debian.status()
            debian.install_our_package()
            self.assertFalse(debian.is_installed('dkms'))
            for package in MODULE_PACKAGES:
                self.assertTrue(debian.is_installed(package), package)
            self.assertEqual(debian.status(), was)
            self.check_installed(debian)
            debian.apt('purge', 'dkms')
            for directory in ('postinst.d', 'prerm.d', 'header_postinst.d'):
                self.assertTrue((debian.root / 'etc' / 'kernel' / directory / 'dkms').exists(), directory)
            debian.apt('remove', *MODULE_PACKAGES)
            self.assertEqual(debian.status(), '')
            self.assertEqual(debian.installed_files(), [])
            self.check_the_way_back(debian)

    def check_the_way_back(self, debian):
        """Hooks of ours that stay ask dkms for nothing that it does not know."""
        debian.apt('-o', 'Dpkg::Options::=--force-confnew', 'install', 'dkms')
        self.assertFalse(debian.is_installed('dkmsd'))
        self.assertTrue((debian.root / 'etc' / 'kernel' / 'preinst.d' / 'dkms').exists(), 'removed, not purged')
        for directory in ('preinst.d', 'postinst.d', 'header_postinst.d', 'prerm.d'):
            debian.succeed('run-parts', '--exit-on-error', f'--arg={debian.kernel}', f'/etc/kernel/{directory}')
        self.assertEqual(debian.run('/etc/kernel/preinst.d/dkms', debian.kernel).stdout, '')

    def check_installed(self, debian):
        self.assertEqual(debian.installed_files(), MODULES)
        lines = debian.status().splitlines()
        self.assertEqual(len(lines), len(MODULE_PACKAGES), lines)
        for line in lines:
            self.assertRegex(line, rf'^[a-z0-9-]+/[0-9.]+, {re.escape(debian.kernel)}, \w+: installed$')
        for name in MODULES:
            file, = (debian.modules() / 'updates' / 'dkms').glob(name + '.ko*')
            found = debian.succeed('modinfo', '-F', 'vermagic', '/' + str(file.relative_to(debian.root)))
            self.assertEqual(found.split()[0], debian.kernel)

    def left_over(self, before, debian):
        """What is new, but for the key and its certificate, the history, and the directory they are in, and the index of depmod."""
        may_stay = ('/var/lib/dkms/mok.', '/var/lib/dkms/.dkmsd.history', f'/usr/lib/modules/{debian.kernel}/modules.')
        tree = debian.root / 'var' / 'lib' / 'dkms'
        return sorted(path for path in debian.listing() - before
                      if not path.startswith(may_stay) and not (path == '/var/lib/dkms' and list(tree.iterdir())))


@unittest.skipIf(REASON, REASON)
class KernelHooks(unittest.TestCase):
    """As kernel packages call them."""

    @classmethod
    def setUpClass(cls):
        cls.debian = guest.Guest(is_mount=True).__enter__()
        cls.addClassCleanup(cls.debian.__exit__)
        cls.debian.install_our_package()
        cls.debian.add_source()
        cls.debian.succeed('dkms', 'add', 'hello/1.0')

    def setUp(self):
        self.debian.succeed('dkms', 'unbuild', 'hello/1.0', '--all')
        self.kernel = self.debian.kernel

    def hook(self, directory, *words):
        return self.debian.succeed('run-parts', '--verbose', '--exit-on-error', *(f'--arg={word}' for word in words),
                                   f'/etc/kernel/{directory}')

    def test_modules_come_and_go_with_a_kernel(self):
        self.hook('postinst.d', self.kernel, '/boot/vmlinuz-' + self.kernel)
        self.assertEqual(self.debian.installed_files(), ['hello'])
        self.hook('prerm.d', self.kernel, '/boot/vmlinuz-' + self.kernel)
        self.assertEqual(self.debian.status(), 'hello/1.0: added\n')
        self.assertFalse((self.debian.modules() / 'updates').exists())

    def test_modules_come_with_headers(self):
        self.hook('header_postinst.d', self.kernel)
        self.assertEqual(self.debian.installed_files(), ['hello'])

    def test_old_builds_go_before_a_kernel_is_installed_again(self):
        self.hook('postinst.d', self.kernel)
        self.hook('preinst.d', self.kernel, '/boot/vmlinuz-' + self.kernel)
        self.assertEqual(self.debian.status(), 'hello/1.0: added\n')

    def test_old_builds_stay_where_nothing_could_take_their_place(self):
        self.hook('postinst.d', self.kernel)
        self.debian.succeed('mv', f'/lib/modules/{self.kernel}/build', '/root')
        self.addCleanup(self.debian.succeed, 'mv', '/root/build', f'/lib/modules/{self.kernel}')
        self.hook('preinst.d', self.kernel, '/boot/vmlinuz-' + self.kernel)
        self.assertEqual(self.debian.installed_files(), ['hello'])

    def test_kernel_install(self):
        plugin = '/usr/lib/kernel/install.d/40-dkms.install'
        self.debian.succeed(plugin, 'add', self.kernel, '/efi/entry', '/boot/vmlinuz-' + self.kernel)
        self.assertEqual(self.debian.installed_files(), ['hello'])
        self.debian.succeed(plugin, 'remove', self.kernel, '/efi/entry')
        self.assertEqual(self.debian.installed_files(), [])

    def test_kernel_without_headers_is_no_error(self):
        self.debian.succeed('mkdir', '-p', '/lib/modules/6.0.0-none/kernel')
        for words in (['/etc/kernel/postinst.d/dkms', '6.0.0-none'], ['/etc/kernel/header_postinst.d/dkms', '6.0.0-none'],
                      ['/usr/lib/dkms/dkms_autoinstaller', 'start', '6.0.0-none']):
            self.assertIn('headers', self.debian.succeed(*words))
        for directory in ('preinst.d', 'prerm.d'):
            self.debian.succeed(f'/etc/kernel/{directory}/dkms', '6.0.0-none')
        self.debian.succeed('sh', '-c', 'rmdir /lib/modules/6.0.0-none/kernel 2>/dev/null; rmdir /lib/modules/6.0.0-none')

    def test_module_that_fails_does_not_stop_a_kernel(self):
        self.debian.add_kernel('9.9.9-other')
        try:
            self.assertIn('Kernel 9.9.9-other: 1 failed', self.hook('postinst.d', '9.9.9-other'))
            self.debian.succeed('/usr/lib/kernel/install.d/40-dkms.install', 'add', '9.9.9-other', '/efi/entry')
            result = self.debian.run('/usr/lib/dkms/dkms_autoinstaller', 'start', '9.9.9-other')
            self.assertEqual(result.returncode, 1, result.stdout)
        finally:
            self.debian.succeed('rm', '-r', '/lib/modules/9.9.9-other')

    def test_policy_decides_whether_a_module_that_fails_stops_a_kernel(self):
        self.debian.add_kernel('9.9.9-other')
        self.addCleanup(self.debian.succeed, 'rm', '-r', '/lib/modules/9.9.9-other')
        policy = self.debian.root / 'etc' / 'dkms' / 'policy.conf.d' / 'test.conf'
        policy.write_text('hello boot\n')
        self.addCleanup(policy.unlink)
        for hook, code in (('/etc/kernel/postinst.d/dkms', 11), ('/etc/kernel/header_postinst.d/dkms', 11)):
            result = self.debian.run(hook, '9.9.9-other')
            self.assertEqual(result.returncode, code, result.stdout)
            self.assertIn('DO NOT BOOT KERNEL 9.9.9-other', result.stdout)
        plugin = self.debian.run('/usr/lib/kernel/install.d/40-dkms.install', 'add', '9.9.9-other', '/efi/entry')
        self.assertEqual(plugin.returncode, 1, plugin.stdout)
        result = self.debian.run('/usr/lib/dkms/dkms_autoinstaller', 'start', '9.9.9-other')
        self.assertEqual(result.returncode, 1, result.stdout)
        self.hook('postinst.d', self.kernel)

    def test_no_autoinstall(self):
        switch = self.debian.root / 'etc' / 'dkms' / 'no-autoinstall'
        switch.touch()
        self.addCleanup(switch.unlink)
        self.assertIn('no-autoinstall', self.hook('postinst.d', self.kernel))
        self.assertIn('no-autoinstall', self.debian.succeed('/usr/lib/dkms/common.postinst', 'hello', '1.0', '', '', ''))
        self.assertEqual(self.debian.installed_files(), [])

    def test_hooks_of_a_removed_package_do_nothing(self):
        with guest.Guest() as debian:
            debian.install_our_package()
            debian.apt('remove', 'dkmsd')
            for directory in ('postinst.d', 'preinst.d', 'prerm.d', 'header_postinst.d'):
                self.assertEqual(debian.succeed(f'/etc/kernel/{directory}/dkms', debian.kernel), '', directory)


if __name__ == '__main__':
    guest.enter_namespaces()
    unittest.main()
