#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modules for a kernel of another machine, made with its cross compiler, beside those of this one.

Environment: DKMS_TEST_FOREIGN is a directory with the .deb files of that kernel's headers (./dev test fetches them).
"""

import os
import pathlib
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

PACKAGES = pathlib.Path(os.environ.get('DKMS_TEST_FOREIGN', '/nonexistent'))
KERNELS = scratch.kernels_with_headers()[:1]
# Debian's name of the machine: as uname has it, and as ELF has it (elf.h, EM_…).
MACHINES = {'arm64': ('aarch64', 183), 'amd64': ('x86_64', 62)}


class OtherMachine(unittest.TestCase):
    def setUp(self):
        packages = sorted(PACKAGES.glob('*.deb'))
        if len(packages) != 2 or not KERNELS:
            self.skipTest('headers of a kernel for another machine, and of one for this, are needed')
        self.trees = self.enterContext(scratch.Scratch())
        for package in packages:
            subprocess.run(['dpkg-deb', '-x', package, self.trees.root / 'other'], check=True)
        headers, = (path for path in (self.trees.root / 'other/usr/src').iterdir() if not path.name.endswith('-common'))
        self.release = headers.name.removeprefix('linux-headers-')
        self.arch, self.elf_machine = MACHINES[self.release.rpartition('-')[2]]
        self.use_own_programs(headers)
        directory = self.trees.modules / self.release
        directory.mkdir()
        (directory / 'build').symlink_to(headers)
        for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo'):
            (directory / name).touch()
        self.trees.add_kernel(KERNELS[0])
        self.trees.add_source()

    def use_own_programs(self, headers):
        """What a build runs, such as modpost, is this machine's own; and the headers stand elsewhere than they think."""
        programs = (headers / 'scripts').readlink().parent  # ../../lib/linux-kbuild-6.1
        place = pathlib.Path(os.path.normpath(headers / programs))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(pathlib.Path('/usr/lib') / place.name)
        common = headers.with_name(headers.name.rpartition('-')[0] + '-common')
        (headers / 'source').symlink_to(pathlib.Path('..') / common.name)  # as kernels have it that were built outside of their source
        makefile = headers / 'Makefile'
        makefile.write_text(makefile.read_text().replace('/usr/src/', f'{headers.parent}/'))

    def ask(self, *words, trees=None, code=0):
        result = (trees or self.trees).dkmsctl(*words)
        self.assertEqual(result.code, code, result)
        return result

    def check(self, file, release, machine):
        """That a module file is for this kernel and machine."""
        magic, = struct.unpack_from('<H', file.read_bytes(), 18)
        self.assertEqual(magic, machine)
        vermagic = subprocess.run(['/sbin/modinfo', '-F', 'vermagic', file], check=True, text=True, capture_output=True).stdout
        self.assertEqual(vermagic.split()[0], release)

    def test_both(self):
        """One source, two machines: built by one tree, packed together, installed elsewhere without a compiler."""
        own = f'{KERNELS[0]}/{scratch.ARCH}'
        other = f'{self.release}/{self.arch}'
        self.ask('build', 'hello/1.0', '-k', own, '-k', other)
        out = self.trees.root / 'out'
        packed, = self.ask('export', 'hello', '-o', str(out), '--json').json['jobs'][0]['packed']
        with scratch.Scratch() as there:
            for kernel in (self.release, KERNELS[0]):
                (there.modules / kernel).mkdir()
            self.ask('import', packed['path'], trees=there)
            self.ask('install', 'hello/1.0', '-k', own, '-k', other, trees=there)
            file, = (there.modules / self.release).rglob('hello.ko*')
            self.check(file, self.release, self.elf_machine)
            states = {kernel['release']: kernel['state'] for kernel in there.status()[0]['kernels']}
            self.assertEqual(states, {KERNELS[0]: 'installed', self.release: 'installed'})

    def test_life(self):
        """Installed, shown, uninstalled and removed as for this machine's own kernels."""
        words = 'hello/1.0', '-k', self.release, '-a', self.arch
        self.ask('install', *words)
        file, = (self.trees.modules / self.release).rglob('hello.ko*')
        self.check(file, self.release, self.elf_machine)
        self.ask('uninstall', *words)
        self.assertEqual(list((self.trees.modules / self.release).rglob('hello.ko*')), [])
        self.ask('remove', 'hello/1.0', '--all')

    def test_wrong_machine(self):
        """What is built for this machine is not taken for the other one's."""
        conf = self.trees.sources / 'hello-1.0' / 'dkms.conf'
        own = (pathlib.Path('/lib/modules') / KERNELS[0] / 'build').resolve()
        conf.write_text(conf.read_text() + f'MAKE[0]="env -u ARCH -u CROSS_COMPILE -u CC -u LD make -C {own} M=$dkms_tree/hello/1.0/build"\n')
        result = self.ask('build', 'hello/1.0', '-k', self.release, '-a', self.arch, code=7)
        self.assertIn(f'cannot be used with kernel {self.release}', result.err)

    def test_no_compiler(self):
        """Where the cross compiler is missing, the package that brings it is named."""
        tools = f'{self.arch.replace("_", "-")}-linux-gnu'
        hide = f'for program in /usr/bin/{self.arch}-linux-gnu-gcc*; do mount --bind /dev/null "$(readlink -f "$program")"; done'
        result = self.trees.dkmsctl('build', 'hello/1.0', '-k', self.release, '-a', self.arch, namespace=hide)
        self.assertEqual(result.code, 10, result)
        self.assertRegex(result.err, rf'Install the package gcc-(\d+-)?{tools}')


if __name__ == '__main__':
    unittest.main()
