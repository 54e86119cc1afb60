#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modules on their way out of a tree and into another: dkmsctl export and import."""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()


class Transfer(unittest.TestCase):
    def setUp(self):
        self.here, self.there = (self.enterContext(scratch.Scratch()) for _ in range(2))
        self.out = self.here.root / 'out'
        self.here.add_source()
        self.ask(self.here, 'add', 'hello/1.0')

    def ask(self, trees, *words, code=0):
        result = trees.dkmsctl(*words)
        self.assertEqual(result.code, code, result)
        return result

    def build(self):
        if not KERNELS:
            self.skipTest('kernel headers are needed')
        for kernel in KERNELS:
            self.here.add_kernel(kernel)
            self.ask(self.here, 'build', 'hello/1.0', '-k', kernel)

    def export(self, *words):
        """The files that were written, by what JSON says of them."""
        job, = self.ask(self.here, 'export', 'hello', '-o', str(self.out), '--json', *words).json['jobs']
        return job['packed']

    def refused(self, trees, code, *words):
        before = trees.listing()
        result = trees.dkmsctl(*words)
        self.assertEqual(result.code, code, result)
        self.assertEqual(trees.listing(), before)
        return result.err

    def test_everything(self):
        """Without further words every build goes out; what comes in elsewhere is the same, and can be installed there."""
        self.build()
        packed, = self.export()
        path = pathlib.Path(packed['path'])
        self.assertEqual(path.parent, self.out)
        self.assertEqual(packed['size'], path.stat().st_size)
        self.assertEqual(packed['sha256'], hashlib.sha256(path.read_bytes()).hexdigest())
        with tarfile.open(path) as archive:
            for kernel in KERNELS:
                archive.getmember(f'./dkms_main_tree/{kernel}/{scratch.ARCH}/module/hello.ko' + self.suffix(kernel))
        result = self.ask(self.there, 'import', str(path), '--json').json
        self.assertEqual(result['jobs'][0]['loaded'], 'hello/1.0')
        for kernel in KERNELS:
            self.there.add_kernel(kernel)
            self.ask(self.there, 'install', 'hello/1.0', '-k', kernel)
            self.ask(self.here, 'install', 'hello/1.0', '-k', kernel)
            self.assertTrue(self.installed(self.here, kernel))
            self.assertEqual(self.installed(self.there, kernel), self.installed(self.here, kernel))
        # What becomes of the machine that it was built on is of no interest here.
        shutil.rmtree(self.here.sources / 'hello-1.0')
        for kernel in KERNELS:
            self.assertNotIn('changed', self.ask(self.there, 'plan', '-k', kernel).out)
            built = self.there.dkms / 'hello/1.0' / kernel / scratch.ARCH / 'module'
            before = built.stat().st_ino
            self.ask(self.there, 'autoinstall', '-k', kernel)
            self.assertEqual(built.stat().st_ino, before, 'it was built anew')

    def test_what_is_changed_after_its_build_does_not_go_out(self):
        self.build()
        module = self.here.dkms / 'hello/1.0' / KERNELS[0] / scratch.ARCH / f'module/hello.ko{self.suffix(KERNELS[0])}'
        module.write_bytes(b'another')
        self.assertIn('not as it was when it was built', self.ask(self.here, 'export', 'hello', '-o', str(self.out), code=7).err)
        self.assertEqual(list(self.out.iterdir()), [])

    def test_a_link_that_leaves_the_source_is_told(self):
        (self.here.sources / 'hello-1.0' / 'doc').symlink_to('/usr/share/doc')
        said = self.ask(self.here, 'export', 'hello', '-o', str(self.out))
        self.assertIn('The link doc leads out of the source, to /usr/share/doc', said.err)

    @staticmethod
    def installed(trees, kernel):
        """The sample's files in the kernel's directory, with what is in them."""
        top = trees.modules / kernel
        return {path.relative_to(top): path.read_bytes() for path in top.rglob('hello.ko*')}

    def suffix(self, kernel):
        module, = (self.here.dkms / 'hello/1.0' / kernel / scratch.ARCH / 'module').glob('hello.ko*')
        return module.name.removeprefix('hello.ko')

    def test_parts(self):
        """Only what is asked for goes out."""
        self.build()
        packed, = self.export('-k', KERNELS[0], '--archive', 'one.tar.zst')
        self.assertEqual(packed['path'], str(self.out / 'one.tar.zst'))
        listing = subprocess.run(['tar', '-taf', packed['path']], check=True, capture_output=True, text=True).stdout
        self.assertIn(f'./dkms_main_tree/{KERNELS[0]}/', listing)
        for kernel in KERNELS[1:]:
            self.assertNotIn(kernel + '/', listing)
        packed, = self.export('--source-only', '--archive', 'source.tar')
        with tarfile.open(packed['path']) as archive:
            self.assertFalse([name for name in archive.getnames() if name.startswith('./dkms_main_tree/') and name.count('/') > 2])

    def test_people(self):
        """What is said on the way tells where to go on."""
        result = self.ask(self.here, 'export', 'hello', '-o', str(self.out))
        self.assertRegex(result.out, r'^hello/1\.0  exported in .*\n  /.*/out/hello-1\.0-source-only\.dkms\.tar\.gz  \d+ bytes\n$')
        archive = result.out.split()[-3]
        self.assertRegex(self.ask(self.there, 'import', archive).out, r'^hello/1\.0  imported in ')
        err = self.refused(self.there, 8, 'import', archive)
        self.assertIn('import --force', err)
        self.ask(self.there, 'import', archive, '--force')

    def test_add(self):
        """A file or a source directory where a module is expected is taken in, too."""
        packed, = self.export()
        self.ask(self.there, 'add', packed['path'])
        self.assertIn('hello', self.ask(self.there, 'status').out)
        with scratch.Scratch() as third:
            self.ask(third, 'add', str(scratch.SAMPLES / 'hello-1.0'))
            self.assertIn('hello', self.ask(third, 'status').out)

    def test_changed_on_the_way(self):
        """What is not as the archive's manifest says is refused, and nothing of it stays."""
        packed, = self.export('--archive', 'a.tar')
        unpacked = self.here.root / 'unpacked'
        unpacked.mkdir()
        subprocess.run(['tar', '-xf', packed['path'], '-C', unpacked], check=True)
        with open(unpacked / 'dkms_source_tree/hello.c', 'a') as file:
            file.write('/* longer */\n')
        changed = self.out / 'changed.tar'
        subprocess.run(['tar', '-cf', changed, '-C', unpacked, '.'], check=True)
        self.assertIn('its source is not as its manifest says', self.refused(self.there, 3, 'import', str(changed)))

    def test_refused(self):
        """Each with what can be done about it."""
        self.assertIn('apt install', self.refused(self.there, 1, 'import', '/tmp/hello.deb'))
        self.assertIn('dnf install', self.refused(self.there, 1, 'import', '/tmp/hello.rpm'))
        self.assertIn('There is no archive', self.refused(self.there, 2, 'import', str(self.out / 'missing.tar')))
        self.assertIn("no format 'zip'", self.refused(self.here, 2, 'export', 'hello', '--format', 'zip'))
        self.assertIn('is not in the tree', self.refused(self.here, 3, 'export', 'other', '-o', str(self.out)))
        self.assertIn('is not built for kernel', self.refused(self.here, 6, 'export', 'hello', '-k', '9.9', '-o', str(self.out)))
        file = self.here.root / 'file'
        file.touch()
        self.assertIn('cannot be written', self.refused(self.here, 9, 'export', 'hello', '-o', str(file)))

    def test_foreign_tree(self):
        """To take something out of a tree one needs to read it, no more."""
        subprocess.run(['chmod', '-R', 'a-w', self.here.dkms], check=True)
        self.out.mkdir()
        result = self.here.dkmsctl('export', 'hello', '-o', str(self.out), as_nobody=True)
        self.assertEqual(result.code, 0, result)
        self.assertTrue(list(self.out.iterdir()))


if __name__ == '__main__':
    unittest.main()
