#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What cannot be read is not absent. One system call fails (strace injects the error): the command fails, says of what, and has
changed nothing; without the fault it does all that it should."""

import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'torture'))
import faults  # noqa: E402
from faults import KERNEL  # noqa: E402
import scratch  # noqa: E402

LOOKS = '%file,openat,getdents64,fstat,read'
INSTALL, UNINSTALL = ['install', 'hello/1.0', '-k', KERNEL], ['uninstall', 'hello/1.0', '-k', KERNEL]
REMOVE, UNBUILD = ['remove', 'hello/1.0', '--all'], ['unbuild', 'hello/1.0', '-k', KERNEL]
HERE = f'{KERNEL}/{scratch.ARCH}'

# what is done, to what state, which path fails, with what. {m} is the kernel's directory, {t} the tree.
CASES = [
    (REMOVE, 'installed', '{t}/hello/original_module/' + HERE, 'EIO'),
    (UNINSTALL, 'installed', '{t}/hello/original_module/' + HERE, 'EIO'),
    (UNINSTALL, 'installed', '{m}', 'ESTALE'),
    (REMOVE, 'installed', '{m}', 'ESTALE'),
    (UNINSTALL, 'installed', '{t}/hello/.kernel-' + KERNEL + '-' + scratch.ARCH + '.json', 'EIO'),
    (UNINSTALL, 'installed', '{t}/hello/kernel-' + KERNEL + '-' + scratch.ARCH, 'EIO'),
    (UNINSTALL, 'installed', '{m}/modules.dep', 'EIO'),
    (UNINSTALL, 'installed', '{t}/.dkmsd/intents', 'EIO'),
    (UNBUILD, 'built', '{t}/hello/1.0/' + HERE, 'EIO'),
    (UNBUILD, 'built', '{t}/hello/1.0', 'ESTALE'),
    (INSTALL, 'built', '/etc/os-release', 'EIO'),
    (INSTALL, 'built', '{m}/kernel', 'EIO'),
    (INSTALL, 'built', '{m}/modules.dep', 'EIO'),
    (INSTALL, 'built', '{t}/hello/1.0/' + HERE + '/module', 'EIO'),
    (INSTALL, 'built', '{t}/hello/1.0/' + HERE + '/.dkmsd.json', 'EIO'),
    (INSTALL, 'built', '{t}/hello', 'EMFILE'),
    (['status'], 'installed', '{t}', 'EIO'),
    (['status'], 'installed', '{t}/hello', 'ESTALE'),
]


@unittest.skipUnless(KERNEL, 'kernel headers are needed')
class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scenes = {'built': faults.make_scene()}
        cls.addClassCleanup(cls.scenes['built'].__exit__)
        cls.scenes['installed'] = faults.Place(cls.scenes['built'])
        cls.addClassCleanup(cls.scenes['installed'].__exit__)
        result = cls.scenes['installed'].dkmsctl(*INSTALL)
        assert result.code == 0, str(result)

    def place(self, state):
        return self.enterContext(faults.Place(self.scenes[state]))

    def test_what_cannot_be_read_is_not_absent(self):
        wanted = {}
        for verb, state, path, error in CASES:
            path_text = path
            with self.subTest(verb=verb[0], path=path_text, error=error):
                place = self.place(state)
                before = place.content()
                if (verb[0], state) not in wanted:
                    other = self.place(state)
                    result = other.dkmsctl(*verb)
                    self.assertEqual(result.code, 0, result)
                    wanted[verb[0], state] = other.content()
                path = path.format(t=place.dkms, m=place.modules / KERNEL)
                result = place.straced(verb, f'{LOOKS}:error={error}', path)
                self.assertGreater(result.injected, 0, 'nothing has looked there')
                self.assertNotEqual(result.code, 0, result)
                self.assertNotIn('This should not have happened', result.err)
                self.assertEqual(place.content(), before, result)
                result = place.dkmsctl(*verb)
                self.assertEqual(result.code, 0, result)
                self.assertEqual(place.content(), wanted[verb[0], state])

    def test_hints_follow_the_error(self):
        place = self.place('built')
        for calls, path, error, hint in (('mkdir,openat', '{t}/.dkmsd', 'EROFS', 'mounted read-only'),
                                         ('flock', None, 'ENOLCK', 'no file locks'),
                                         ('rename', None, 'EXDEV', 'across file systems'),
                                         ('fsync', None, 'EDQUOT', 'quota'),
                                         ('fsync', None, 'ENOSPC', 'df -i'),
                                         ('memfd_create', None, 'EMFILE', 'Too many files are open'),
                                         ('memfd_create', None, 'ENOMEM', 'out of memory')):
            with self.subTest(call=calls, error=error):
                before = place.content()
                result = place.straced(INSTALL, f'{calls}:error={error}', path and path.format(t=place.dkms))
                self.assertGreater(result.injected, 0)
                self.assertNotEqual(result.code, 0, result)
                self.assertIn(hint, result.err)
                for wrong in ('as root', 'should not have happened', 'reinstall'):
                    self.assertNotIn(wrong, result.err)
                self.assertEqual(place.content(), before, result)
                place.dkmsctl('status')


if __name__ == '__main__':
    unittest.main()
