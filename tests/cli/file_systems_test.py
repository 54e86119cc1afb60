#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trees on file systems that are not one plain disk: an overlay whose lower layer has the builds, as in a container or a live
image; links; several file systems; one that is read-only, or has no free inodes.

All of it happens in mounts of this program's own, on a tmpfs."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'torture'))
import faults  # noqa: E402
from faults import KERNEL  # noqa: E402
import scratch  # noqa: E402

OWN = 'DKMS_TEST_OWN_MOUNTS'
AT = ['-k', KERNEL]


def enter_own_mounts():
    """This program again, where it may mount."""
    if OWN in os.environ:
        return
    os.environ[OWN] = '1'
    os.execvp('unshare', [*scratch.own_mounts(), sys.executable, *sys.argv])


def mount(*words):
    subprocess.run(['mount', *map(str, words)], check=True)


@unittest.skipUnless(KERNEL, 'kernel headers are needed')
class FileSystems(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.disk = pathlib.Path('/mnt')
        mount('-t', 'tmpfs', '-o', 'mode=755', 'dkms-test', cls.disk)
        cls.scene = faults.make_scene(cls.disk)
        cls.installed = faults.Place(cls.scene, cls.disk)
        assert cls.installed.dkmsctl('install', 'hello/1.0', *AT).code == 0

    def succeed(self, place, *words, **options):
        result = place.dkmsctl(*words, **options)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(place.leftovers(), [])
        return result

    def overlay(self, scene):
        """A place, all of which is in the lower layer of an overlay. Where only root's file systems have the attributes that it
        needs, /var/tmp has them; a user's overlay never renames such directories."""
        root = pathlib.Path('/proc/self/uid_map').read_text().split() == ['0', '0', '4294967295']
        below = self.disk
        if not root:
            below = pathlib.Path(tempfile.mkdtemp(prefix='dkms-test-', dir='/var/tmp'))
            below.chmod(0o755)
            self.addCleanup(subprocess.run, f'chmod -R u+rwX {below}; rm -rf {below}', shell=True, check=True)
        place = faults.Place(scene, below)
        layers = [place.root.with_name(place.root.name + '.' + name) for name in ('upper', 'work')]
        for layer in layers:
            layer.mkdir(mode=0o755)
        options = f'lowerdir={place.root},upperdir={layers[0]},workdir={layers[1]},'
        try:
            mount('-t', 'overlay', '-o', options + ('redirect_dir=off' if root else 'userxattr'), 'dkms-test', place.root)
        except subprocess.CalledProcessError:
            if root:
                raise
            self.skipTest('this system lets no ordinary user mount an overlay')
        self.addCleanup(subprocess.run, ['umount', place.root], check=True)
        return place

    def states(self, place):
        return [(kernel['release'], kernel['state']) for module in place.status() for kernel in module['kernels']]

    def test_overlay(self):
        built = self.scene.dkms / 'hello' / '1.0' / KERNEL / scratch.ARCH
        self.assertTrue(built.is_dir())
        place = self.overlay(self.scene)
        below = place.dkms / built.relative_to(self.scene.dkms)
        with self.assertRaises(OSError):  # else this shows nothing
            os.rename(below, place.dkms / 'elsewhere')
        self.succeed(place, 'unbuild', 'hello/1.0', *AT)
        self.assertFalse(below.parent.exists())
        self.succeed(place, 'remove', 'hello/1.0', '--all')
        self.assertFalse((place.dkms / 'hello').exists())
        self.succeed(place, 'add', 'hello/1.0')

        place = self.overlay(self.installed)
        self.succeed(place, 'rebuild', 'hello/1.0', *AT)
        self.assertEqual([state for _, state in self.states(place)], ['installed'])
        self.succeed(place, 'uninstall', 'hello/1.0', *AT)
        self.succeed(place, 'install', 'hello/1.0', *AT)
        self.succeed(place, 'remove', 'hello/1.0', '--all')
        self.assertEqual(self.states(place), [])

        place = self.overlay(self.scene)
        self.succeed(place, 'build', 'hello/1.0', *AT, '--force')
        place = self.overlay(self.scene)
        self.succeed(place, 'remove', 'hello/1.0', '--all')

    def test_killed_while_a_lower_directory_is_replaced(self):
        wanted = self.overlay(self.scene)
        self.succeed(wanted, 'unbuild', 'hello/1.0', *AT)
        for number in range(1, 12):
            place = self.overlay(self.scene)
            before = place.content()
            result = place.straced(['unbuild', 'hello/1.0', *AT], f'rename,unlinkat,rmdir:signal=SIGKILL:when={number}')
            if not result.injected:
                break
            # Whoever takes the lock next finds it complete, or gone.
            place.dkmsctl('uninstall', 'hello/1.0', *AT)
            with self.subTest(number=number):
                self.assertIn(place.content(), (before, wanted.content()))
                self.succeed(place, 'unbuild', 'hello/1.0', *AT)
                self.assertEqual(place.content(), wanted.content())
        self.assertGreater(number, 4)

    def test_several_file_systems_and_links(self):
        place = faults.Place(self.scene, self.disk)
        other = self.disk / 'other'
        other.mkdir()
        mount('-t', 'tmpfs', '-o', 'mode=755', 'dkms-test', other)
        for name, directory in (('dkms', place.dkms), ('lib', place.modules.parent)):
            subprocess.run(['cp', '-a', directory, other / name], check=True)
            subprocess.run(['rm', '-r', directory], check=True)
        place.dkms.symlink_to(other / 'dkms')
        place.modules.parent.symlink_to(other / 'lib')
        second = self.disk / 'second'
        second.mkdir()
        mount('-t', 'tmpfs', '-o', 'mode=755', 'dkms-test', second)
        subprocess.run(['cp', '-a', place.sources, second / 'src'], check=True)
        mount('--bind', second / 'src', place.sources)
        before = place.content()
        self.succeed(place, 'install', 'hello/1.0', *AT)
        self.succeed(place, 'rebuild', 'hello/1.0', *AT)
        self.succeed(place, 'uninstall', 'hello/1.0', *AT)
        self.assertEqual(set(place.content()), set(before))
        self.succeed(place, 'import', place.sources / 'hello-1.0', '--force')
        self.succeed(place, 'remove', 'hello/1.0', '--all')
        self.assertFalse((place.dkms / 'hello').exists())

    def refused(self, place, name, hint):
        before = place.content()
        result = place.dkmsctl('install', 'hello/1.0', *AT)
        self.assertNotEqual(result.code, 0, result)
        self.assertIn(hint, result.err)
        for wrong in ('as root', 'should not have happened', 'reinstall'):
            self.assertNotIn(wrong, result.err)
        self.assertEqual(place.content(), before)

    def test_a_kernel_that_cannot_be_written(self):
        for options, hint in (('remount,ro', 'mounted read-only'), ('remount,nr_inodes={inodes}', 'no free inodes'), ('remount,size={size}', 'df -h')):
            with self.subTest(options=options):
                place = faults.Place(self.scene, self.disk)
                kernels = place.root / 'kernels'
                kernels.mkdir()
                mount('-t', 'tmpfs', '-o', 'mode=755', 'dkms-test', kernels)
                subprocess.run(['cp', '-a', place.modules / KERNEL, kernels], check=True)
                mount('--bind', kernels, place.modules)
                used = os.statvfs(kernels)
                inodes = used.f_files - used.f_ffree
                size = (used.f_blocks - used.f_bfree) * used.f_frsize
                mount('-o', options.format(inodes=inodes, size=size), kernels)
                if 'ro' in options.split(','):
                    mount('-o', 'remount,bind,ro', place.modules)
                self.refused(place, KERNEL, hint)

    def test_a_module_is_always_in_one_of_its_places(self):
        """In the order of the system calls: the kernel's own at its place, or ours at ours."""
        calls = 'rename,renameat,renameat2,link,linkat,unlink,unlinkat'
        names = re.compile(r'"([^"]*)"')
        for verb, state in (('install', self.scene), ('uninstall', self.installed)):
            place = faults.Place(state, self.disk)
            there = {str(path) for path in place.modules.rglob('hello.ko*')}
            result = place.straced([verb, 'hello/1.0', *AT], f'{calls}:delay_enter=1')
            self.assertEqual(result.code, 0, result)
            seen = 0
            for line in result.trace.splitlines():
                if ' = 0' not in line:
                    continue
                paths = names.findall(line)
                if 'link' in line.split('(')[0] and 'unlink' not in line.split('(')[0]:
                    there.add(paths[-1])
                elif 'unlink' in line.split('(')[0]:
                    there.discard(paths[-1])
                else:
                    there.discard(paths[0])
                    there.add(paths[-1])
                modules = [path for path in there if pathlib.Path(path).name.startswith('hello.ko') and path.startswith(str(place.modules))]
                seen += str(place.modules) in line
                self.assertNotEqual(modules, [], f'{verb}: after {line}')
            self.assertGreater(seen, 2)


if __name__ == '__main__':
    enter_own_mounts()
    unittest.main()
