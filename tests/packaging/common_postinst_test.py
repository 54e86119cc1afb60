#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What /usr/lib/dkms/common.postinst asks of dkms, and how it ends: with a dkms that only writes down what it is asked."""

import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import guest  # noqa: E402

REASON = guest.reason_to_skip()
SCRIPT = guest.CHECKOUT / 'systemd' / 'hooks' / 'common.postinst'

# Keeps a tree of empty files: added, and built for a kernel. /codes/ACTION-KERNEL holds the code to end with.
DKMS = r'''#!/bin/sh
action=$1
shift
archive= kernel=
words=$action
while [ $# -gt 0 ]; do
    case $1 in
    -m) ;; -v) ;;
    -k) kernel=$2; words="$words $2" ;;
    -a) words="$words/$2" ;;
    --archive) archive=$2; words="$words $2" ;;
    --all) words="$words --all"; shift; continue ;;
    esac
    shift 2
done
tree=/var/lib/dkms/hello/1.0
[ "$action" = status ] || echo "$words" >>/calls
if [ -e "/codes/$action-$kernel" ]; then exit "$(cat "/codes/$action-$kernel")"; fi
case $action in
status)
    [ -e $tree/source ] || exit 0
    if [ -e "$tree/$kernel/built" ]; then echo "hello/1.0, $kernel, x86_64: built"; else echo "hello/1.0: added"; fi
    ;;
add) mkdir -p $tree; ln -s /usr/src/hello-1.0 $tree/source ;;
build) mkdir -p "$tree/$kernel"; touch "$tree/$kernel/built" ;;
remove) rm -r $tree ;;
esac
'''
# A machine that has one of these kernels running.
UNAME = '#!/bin/sh\ncat /running\n'


@unittest.skipIf(REASON, REASON)
class CommonPostinst(unittest.TestCase):

    def setUp(self):
        self.debian = guest.Guest().__enter__()
        self.addCleanup(self.debian.__exit__)
        (self.debian.root / 'usr' / 'lib' / 'dkms').mkdir()
        shutil.copy(SCRIPT, self.debian.root / 'usr' / 'lib' / 'dkms')
        self.debian.write_program('/usr/local/sbin/dkms', DKMS)
        self.debian.write_program('/usr/local/bin/uname', UNAME)
        (self.debian.root / 'codes').mkdir()
        self.debian.succeed('rm', '-r', f'/lib/modules/{self.debian.kernel}')
        self.add_kernels('6.1.0-9', '6.1.0-10', '6.12.0-1')
        self.running('6.1.0-9')
        self.debian.add_source()

    def add_kernels(self, *releases, headers=True, image=True):
        for release in releases:
            modules = self.debian.modules(release)
            if headers:
                (modules / 'build' / 'include').mkdir(parents=True)
            if image:
                (modules / 'kernel').mkdir(parents=True)

    def running(self, release):
        (self.debian.root / 'running').write_text(release + '\n')

    def settings(self, text):
        (self.debian.root / 'etc' / 'dkms' / 'framework.conf.d').mkdir(parents=True)
        (self.debian.root / 'etc' / 'dkms' / 'framework.conf.d' / 'test.conf').write_text(text)

    def ends_with(self, action, kernel, code):
        (self.debian.root / 'codes' / f'{action}-{kernel}').write_text(str(code))

    def call(self, *words, code=0):
        """Runs the script; what it asked of dkms since the test began."""
        result = self.debian.run('/usr/lib/dkms/common.postinst', *words)
        self.assertEqual(result.returncode, code, result.stdout)
        self.said = result.stdout
        calls = self.debian.root / 'calls'
        return calls.read_text().splitlines() if calls.exists() else []

    def builds(self, *kernels):
        return ['add', *(f'{action} {kernel}' for kernel in kernels for action in ('build', 'install'))]

    def test_running_and_newest_kernel(self):
        self.assertEqual(self.call('hello', '1.0'), self.builds('6.1.0-9', '6.12.0-1'))

    def test_headers_alone_do_not_make_a_kernel_the_newest(self):
        self.add_kernels('6.13.0-1', image=False)
        self.assertEqual(self.call('hello', '1.0', '/usr/share/hello-dkms', '', ''), self.builds('6.1.0-9', '6.12.0-1'))

    def test_all_kernels_if_that_is_set(self):
        self.settings('autoinstall_all_kernels="yes"\n')
        self.assertEqual(self.call('hello', '1.0'), self.builds('6.1.0-9', '6.1.0-10', '6.12.0-1'))

    def test_in_a_chroot_all_kernels_with_headers(self):
        self.running('6.6.6-host')
        self.add_kernels('6.13.0-1', image=False)
        self.add_kernels('6.14.0-1', headers=False)
        self.assertEqual(self.call('hello', '1.0'), self.builds('6.1.0-9', '6.1.0-10', '6.12.0-1', '6.13.0-1'))
        self.assertIn("It is likely that it belongs to a chroot's host", self.said)

    def test_an_upgrade_in_a_chroot_is_for_the_newest_kernel(self):
        self.running('6.6.6-host')
        self.assertEqual(self.call('hello', '1.0', '/usr/share/hello-dkms', '', '0.9'), self.builds('6.12.0-1'))

    def test_no_kernel_is_no_error(self):
        self.debian.succeed('rm', '-r', '/lib/modules')
        self.assertEqual(self.call('hello', '1.0'), ['add'])
        self.assertIn('no kernel', self.said)

    def test_no_headers_are_no_error(self):
        self.running('6.14.0-1')
        self.add_kernels('6.14.0-1', headers=False)
        self.assertEqual(self.call('hello', '1.0'), ['add'])
        self.assertIn('headers of 6.14.0-1', self.said)

    def test_the_same_version_is_removed_first(self):
        self.call('hello', '1.0')
        (self.debian.root / 'calls').unlink()
        self.assertEqual(self.call('hello', '1.0'), ['remove --all', *self.builds('6.1.0-9', '6.12.0-1')])

    def test_failing_build_is_told_after_the_other_kernels(self):
        self.ends_with('build', '6.1.0-9', 10)
        self.assertEqual(self.call('hello', '1.0', code=10), ['add', 'build 6.1.0-9', 'build 6.12.0-1', 'install 6.12.0-1'])

    def test_failing_build_is_the_last_if_that_is_set(self):
        self.settings('continue_on_error="false"\n')
        self.ends_with('build', '6.1.0-9', 10)
        self.assertEqual(self.call('hello', '1.0', code=10), ['add', 'build 6.1.0-9'])

    def test_kernel_that_the_module_is_not_meant_for(self):
        self.ends_with('build', '6.1.0-9', 77)
        self.assertEqual(self.call('hello', '1.0'), ['add', 'build 6.1.0-9', 'build 6.12.0-1', 'install 6.12.0-1'])

    def test_failing_install_ends_it(self):
        self.ends_with('install', '6.1.0-9', 6)
        self.assertEqual(self.call('hello', '1.0', code=6), ['add', 'build 6.1.0-9', 'install 6.1.0-9'])

    def test_architecture(self):
        self.running('6.12.0-1')
        self.assertEqual(self.call('hello', '1.0', '', 'x86_64'), ['add', 'build 6.12.0-1/x86_64', 'install 6.12.0-1/x86_64'])

    def test_archive(self):
        archive = self.debian.root / 'usr' / 'share' / 'hello' / 'hello-1.0.dkms.tar.gz'
        archive.parent.mkdir()
        archive.touch()
        self.ends_with('ldtarball', '', 7)
        self.assertEqual(self.call('hello', '1.0', '/usr/share/hello', code=2), ['ldtarball /usr/share/hello/hello-1.0.dkms.tar.gz'])

    def test_module_that_is_not_installed_by_itself(self):
        conf = self.debian.root / 'usr' / 'src' / 'hello-1.0' / 'dkms.conf'
        for value in ('', 'no', 'NO'):
            with self.subTest(value=value):
                conf.write_text(f'AUTOINSTALL="{value}"\n')
                self.assertNotIn('build 6.1.0-9', self.call('hello', '1.0'))

    def test_the_administrator_has_the_last_word_on_that(self):
        self.settings('')
        (self.debian.root / 'etc' / 'dkms' / 'hello.conf').write_text('AUTOINSTALL=no\n')
        self.assertEqual(self.call('hello', '1.0'), ['add'])

    def test_missing_source_is_no_error(self):
        self.debian.succeed('rm', '-r', '/usr/src/hello-1.0')
        self.assertEqual(self.call('hello', '1.0'), [])
        self.assertIn('was not added', self.said)

    def test_a_dkms_that_is_dead_is_not_hidden(self):
        """Nothing is said of what could not be asked, and the package is not configured."""
        for action, calls in (('status', []), ('add', ['add'])):
            with self.subTest(action=action):
                self.ends_with(action, '', 3)
                self.assertEqual(self.call('hello', '1.0', code=3), calls)
                self.assertIn('exit code 3', self.said)
                self.assertNotIn('its source belongs', self.said)
                (self.debian.root / 'codes' / f'{action}-').unlink()

    def test_kernel_for_installation_media_is_left_out(self):
        self.running('6.12.0-1BOOT')
        self.add_kernels('6.12.0-1BOOT')
        self.debian.succeed('rm', '-r', '/lib/modules/6.12.0-1')
        self.assertEqual(self.call('hello', '1.0'), ['add'])


if __name__ == '__main__':
    guest.enter_namespaces()
    unittest.main()
