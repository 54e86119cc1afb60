#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a bus-less dkmsd leaves for those who log in: /run/motd.d/dkms, in a mount namespace whose system is a scratch directory."""

import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNEL = '6.12.117-test'
DKMSCTL = scratch.BUILD / 'client' / 'dkmsctl'
NO_BUS = 'unix:path=/nowhere'


@unittest.skipUnless(pathlib.Path('/lib/modules').is_dir(), 'a directory /lib/modules is needed to mount another one there')
class Login(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.run_directory = self.trees.root / 'run'
        self.run_directory.mkdir()
        (self.trees.modules / KERNEL).mkdir()
        (self.trees.modules / KERNEL / 'vmlinuz').touch()
        self.trees.add_source()
        if subprocess.run([*scratch.own_mounts(), 'true'], capture_output=True).returncode:
            self.skipTest('no mount namespace can be had')

    def dkmsctl(self, *words):
        """With the default trees, which are those of the scratch directory."""
        mounts = (f'mount -t tmpfs none /var/lib; mkdir /var/lib/dkms; mount --bind {self.trees.dkms} /var/lib/dkms; '
                  f'mount --bind {self.trees.sources} /usr/src; mount --bind {self.trees.modules} /lib/modules; '
                  f'mount --bind {self.run_directory} /run; exec setpriv --ambient-caps=-all "$@"')
        environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8', 'DBUS_SYSTEM_BUS_ADDRESS': NO_BUS}
        environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        result = scratch.Result(subprocess.run([*scratch.own_mounts(), 'sh', '-ec', mounts, 'sh', DKMSCTL, *words],
                                               env=environment, text=True, capture_output=True))
        self.assertEqual(result.code, 0, result)

    def told(self):
        file = self.run_directory / 'motd.d' / 'dkms'
        return file.read_text() if file.exists() else None

    def test_what_is_missing_is_told_until_it_is_there(self):
        self.dkmsctl('status')
        self.assertIsNone(self.told())
        self.dkmsctl('add', 'hello/1.0')
        self.assertEqual(self.told(), f'Kernel {KERNEL} boots next and lacks hello. To see why: dkmsctl status\n')
        self.dkmsctl('remove', 'hello/1.0', '--all')
        self.assertIsNone(self.told())

    def test_trees_that_are_named_concern_nobody_else(self):
        self.dkmsctl('add', 'hello/1.0', '--installtree', '/lib/modules')
        self.assertIsNone(self.told())

    def test_who_may_not_tell_does_the_rest(self):
        (self.run_directory / 'motd.d').write_text('in the way')
        self.dkmsctl('add', 'hello/1.0')
        self.assertTrue((self.trees.dkms / 'hello' / '1.0').is_dir())


if __name__ == '__main__':
    unittest.main()
