#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""weak-modules links an installed module into other kernels, where a distribution has it. What another version leaves of that.

All of it happens in mounts of this program's own: it has its trees where a system has them, and a weak-modules that links into every
other kernel whose name is in a file `fits` beside the module's version."""

import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / 'dkms'))
import elf  # noqa: E402
import scratch  # noqa: E402

OWN = 'DKMS_TEST_OWN_MOUNTS'
KERNEL, OTHER = '6.6.6-1.test', '6.6.6-2.test'
AT = ['-k', f'{KERNEL}/{scratch.ARCH}']
MODULES = pathlib.Path('/lib/modules')
WEAK_MODULES = f'''#!/bin/sh
while read -r module; do
    link={MODULES}/{OTHER}/weak-updates/${{module##*/}}
    case $2 in
    --add-modules) grep -q "version=$(cat {MODULES}/fits)" "$module" && mkdir -p "${{link%/*}}" && ln -sf "$module" "$link" ;;
    --remove-modules) rm -f "$link" ;;
    esac
done
exit 0
'''


def enter_own_mounts():
    """This program again, where it may mount."""
    if OWN in os.environ:
        return
    os.environ[OWN] = '1'
    os.execvp('unshare', [*scratch.own_mounts(), sys.executable, *sys.argv])


class WeakLinks(unittest.TestCase):
    def setUp(self):
        self.disk = pathlib.Path(tempfile.mkdtemp(prefix='dkms-test-', dir='/dev/shm'))
        self.addCleanup(subprocess.run, ['rm', '-rf', self.disk], check=True)
        for name, place in (('modules', '/usr/lib/modules'), ('lib', '/var/lib'), ('src', '/usr/src'), ('bin', '/usr/local/sbin')):
            (self.disk / name).mkdir(mode=0o755)
            subprocess.run(['mount', '--bind', self.disk / name, place], check=True)
            self.addCleanup(subprocess.run, ['umount', place], check=True)
        release = self.disk / 'os-release'
        release.write_text('ID=rhel\nVERSION_ID=9.4\n')
        subprocess.run(['mount', '--bind', release, '/etc/os-release'], check=True)
        self.addCleanup(subprocess.run, ['umount', '/etc/os-release'], check=True)
        program = self.disk / 'bin' / 'weak-modules'
        program.write_text(WEAK_MODULES)
        program.chmod(0o755)
        for kernel in (KERNEL, OTHER):
            (MODULES / kernel).mkdir()
            for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo', 'modules.dep'):
                (MODULES / kernel / name).touch()
        (MODULES / 'fits').write_text('1.0')
        self.link = MODULES / OTHER / 'weak-updates' / 'hello.ko'

    def dkmsctl(self, *words, code=0):
        environment = {'PATH': '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(self.disk), 'LANG': 'C.UTF-8',
                       'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={self.disk}/no-bus'}
        result = scratch.Result(subprocess.run([scratch.BUILD / 'client' / 'dkmsctl', *words], env=environment, text=True,
                                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False))
        self.assertEqual(result.code, code, result)
        return result

    def bring(self, version, more=''):
        path = self.disk / f'hello-{version}.dkms.tar.gz'
        conf = f'PACKAGE_NAME="hello"\nPACKAGE_VERSION="{version}"\nBUILT_MODULE_NAME[0]="hello"\nDEST_MODULE_LOCATION[0]="/extra"\n{more}'
        data = elf.module_bytes(KERNEL, scratch.ARCH, version=version)
        with tarfile.open(path, 'w:gz') as archive:
            for name, content in (('dkms_source_tree/dkms.conf', conf.encode()),
                                  (f'dkms_main_tree/{KERNEL}/{scratch.ARCH}/module/hello.ko', data)):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        self.dkmsctl('import', path)

    def test_another_version_that_does_not_fit_leaves_no_link(self):
        self.bring('1.0')
        self.dkmsctl('install', 'hello/1.0', *AT)
        self.assertTrue(self.link.is_symlink() and self.link.exists())
        self.bring('2.0')
        self.dkmsctl('install', 'hello/2.0', *AT)
        self.assertFalse(self.link.is_symlink(), 'what the kernel would load does not fit it')
        self.dkmsctl('install', 'hello/1.0', *AT, '--force')
        self.assertTrue(self.link.exists())
        # An installation that fails leaves what was there. depmod cannot write its index.
        (MODULES / KERNEL / 'modules.dep').unlink()
        (MODULES / KERNEL / 'modules.dep').mkdir()
        self.dkmsctl('install', 'hello/2.0', *AT, code=6)
        self.assertTrue(self.link.exists())
        self.assertIn(b'version=1.0', self.link.read_bytes())
        (MODULES / KERNEL / 'modules.dep').rmdir()
        (MODULES / KERNEL / 'modules.dep').touch()
        self.dkmsctl('uninstall', 'hello/1.0', *AT)
        self.assertFalse(self.link.is_symlink())


if __name__ == '__main__':
    enter_own_mounts()
    unittest.main()
