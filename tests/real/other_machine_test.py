#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modules for a kernel of another machine, made with its cross compiler, beside those of this one."""

import pathlib
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import foreign  # noqa: E402
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()[:1]


class OtherMachine(unittest.TestCase):
    def setUp(self):
        if not foreign.are_there() or not KERNELS:
            self.skipTest('headers of kernels for another machine, and of one for this, are needed')
        self.trees = self.enterContext(scratch.Scratch())
        self.release, self.arch, self.elf_machine = foreign.add_kernels(self.trees)[0]
        self.trees.add_kernel(KERNELS[0])
        self.trees.add_source()

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
