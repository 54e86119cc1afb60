#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a hostile module can do to root while it is built: the modules of tests/data/attacks, without a bus.

As an ordinary user they are built as well; then nothing is there to be won, but nothing may be left either."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()
ATTACKS = scratch.SAMPLES.parent / 'attacks'
KEY = 'the key of the machine\n'


def prebuilt(directory):
    """hello.ko of the first kernel: attacks take milliseconds when they need no compiler."""
    source = directory / 'prebuilt'
    shutil.copytree(scratch.SAMPLES / 'hello-1.0', source)
    subprocess.run(['make', '-s', '-C', f'/lib/modules/{KERNELS[0]}/build', f'M={source}', 'modules'], check=True,
                   stdout=subprocess.DEVNULL)
    return source / 'hello.ko'


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class Boundary(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = cls.enterClassContext(scratch.Scratch())
        cls.module = prebuilt(cls.place.root)

    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.trees.add_kernel(KERNELS[0])
        self.secret = self.trees.root / 'secret'
        self.secret.mkdir(mode=0o700)
        for name in ('key', 'prey.ko'):
            (self.secret / name).write_text(KEY)
            (self.secret / name).chmod(0o600)
        (self.trees.root / 'readable').write_text('of root\n')

    def prey(self, directives):
        """A module whose make copies what was built before."""
        source = self.trees.sources / 'prey-1.0'
        source.mkdir()
        shutil.copy(self.module, source / 'built')
        (source / 'Makefile').write_text('all:\n\tcp built prey.ko\n')
        (source / 'dkms.conf').write_text('PACKAGE_NAME="prey"\nPACKAGE_VERSION="1.0"\nBUILT_MODULE_NAME="prey"\n'
                                          'DEST_MODULE_LOCATION="/updates"\nMAKE="make all"\nSTRIP="no"\n' + directives)
        return source

    def attack(self, when, script):
        source = self.prey(f'{when}="attack"\n')
        text = (ATTACKS / script).read_text()
        head, rest = text.split('\n', 1)
        setting = f'import os; os.environ["secret"] = "{self.secret}"' if 'python' in head else f'secret={self.secret}'
        (source / 'attack').write_text(f'{head}\n{setting}\n{rest}')
        (source / 'attack').chmod(0o755)
        return self.build()

    def build(self):
        result = self.trees.dkmsctl('build', 'prey/1.0', '-k', KERNELS[0])
        self.nothing_was_won()
        return result

    def nothing_was_won(self):
        self.assertEqual(sorted(os.listdir(self.secret)), ['key', 'prey.ko'])
        for path in self.secret.iterdir():
            facts = path.stat()
            self.assertEqual((path.read_text(), stat.S_IMODE(facts.st_mode), facts.st_uid), (KEY, 0o600, os.geteuid()), path)
        for top, directories, files in os.walk(os.fsencode(self.trees.dkms)):
            for name in directories + files:
                path = os.path.join(top, name)
                facts = os.lstat(path)
                self.assertEqual(facts.st_uid, os.geteuid(), path)
                if stat.S_ISLNK(facts.st_mode):
                    self.assertTrue(path.endswith(b'/source'), path)
                    continue
                self.assertTrue(stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode), path)
                self.assertEqual(facts.st_mode & 0o6022, 0, path)
                if stat.S_ISREG(facts.st_mode):
                    with open(path, 'rb') as file:
                        self.assertNotIn(KEY.encode(), file.read(), path)
        for own in ('build', 'staging'):
            left = self.trees.dkms / '.dkmsd' / own
            self.assertEqual(os.listdir(left) if left.exists() else [], [], own)

    def refused(self, result, *words):
        self.assertEqual(result.code, 7, result)
        for word in words:
            self.assertIn(word, result.err)
        self.assertFalse((self.trees.dkms / 'prey' / '1.0' / KERNELS[0]).exists())

    def built(self, result, *beside):
        self.assertEqual(result.code, 0, result)
        place = self.trees.dkms / 'prey' / '1.0' / KERNELS[0] / scratch.ARCH
        self.assertEqual(sorted(os.listdir(place)), sorted(['.dkmsd.json', 'log', 'module', *beside]))
        self.assertEqual((place / 'log' / 'make.log').stat().st_mode & 0o777, 0o644)

    def test_a_walk_that_runs_out_of_descriptors(self):
        self.built(self.attack('POST_BUILD', 'deep-and-link.py'))

    def test_a_module_directory_that_is_a_link(self):
        self.refused(self.attack('POST_BUILD', 'swap-module-directory.py'), 'module/prey.ko', 'symbolic link')

    def test_a_module_directory_that_goes_on_changing(self):
        result = self.attack('POST_BUILD', 'keep-swapping.py')
        self.assertIn(result.code, (0, 7), result)  # stopped while it was one or the other

    def test_a_hundred_thousand_entries(self):
        self.refused(self.attack('POST_BUILD', 'crowd.py'), 'more than 100 files')

    def test_what_is_dangerous_once_it_is_root_s(self):
        result = self.attack('POST_BUILD', 'oddities.py')
        self.built(result, 'setuid')
        self.assertIn('they were deleted', result.err)

    def make(self, commands):
        """The same module, but for what make does."""
        source = self.prey('')
        (source / 'Makefile').write_text('all:\n\t' + commands + '\n')
        return self.build()

    def test_a_module_of_a_terabyte(self):
        result = self.make('truncate -s 1T prey.ko')
        self.assertEqual(result.code, 10, result)
        self.assertIn('exceeded 4 GiB in one file', result.err)

    def test_a_module_that_is_larger_than_modules_are(self):
        self.refused(self.make('truncate -s 3G prey.ko'), 'prey.ko', 'larger than')

    def test_a_module_that_is_a_pipe(self):
        self.refused(self.make('mkfifo prey.ko'), 'prey.ko', 'not a regular file')

    def test_a_module_that_is_a_link(self):
        self.refused(self.make(f'ln -s {self.secret}/key prey.ko'), 'prey.ko', 'symbolic link')

    def test_a_module_that_is_a_hard_link_to_a_file_of_root_s(self):
        result = self.make(f'ln {self.trees.root}/readable prey.ko || ln /etc/passwd prey.ko')
        self.assertNotEqual(result.code, 0, result)

    def test_a_pipe_where_the_log_is_to_be(self):
        self.built(self.attack('POST_BUILD', 'fifo-log.sh'))


if __name__ == '__main__':
    unittest.main()
