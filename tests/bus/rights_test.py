# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everyone may look; only root and the service's own user may change."""

import json
import os
import pwd
import shutil
import subprocess
import unittest

from service import BUILD, JOB, MANAGER, NAME, PATH, BusTest

ACCESS_DENIED = 'org.freedesktop.DBus.Error.AccessDenied'


@unittest.skipUnless(os.getuid() == 0, 'only root can be another user for a while')
class RightsTest(BusTest):
    def as_nobody(self, *words):
        nobody = pwd.getpwnam('nobody')
        return subprocess.run(words, env=self.bus.environment, text=True, capture_output=True, check=False,
                              user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])

    def call(self, method, *arguments, path=PATH, interface=MANAGER):
        return self.as_nobody('gdbus', 'call', '--system', '-d', NAME, '-o', path, '-m', f'{interface}.{method}', *arguments)

    def test_everyone_may_look(self):
        self.add_source()
        job, path = self.client.change('Add')
        self.client.removed(job)
        for method, arguments in (('ListModules', ['{}']), ('ListJobs', ['0']), ('GetJob', [str(job)])):
            self.assertEqual(self.call(method, *arguments).returncode, 0, method)
        for method in ('Events', 'OpenLog'):
            self.assertEqual(self.call(method, path=path, interface=JOB).returncode, 0, method)

    def test_nobody_may_not_change(self):
        self.add_source()
        for method in ('Build', 'Install', 'Uninstall', 'Unbuild', 'Remove', 'Rebuild'):
            self.assertIn(ACCESS_DENIED, self.call(method, 'hello', '1.0', '[]', '{}').stderr, method)
        self.assertIn(ACCESS_DENIED, self.call('Add', 'hello', '1.0', '{}').stderr)
        self.assertEqual(self.client.call('ListJobs', '(t)', (0,))[0], [])
        self.assertEqual(list(self.tree.glob('hello')), [])

    def test_nobody_may_not_cancel_what_others_asked_for(self):
        gate = self.add_gated_source()
        job, path = self.client.change('Build', 'gated', kernels=[self.kernel()])
        gate.wait_for_build()
        self.assertIn(ACCESS_DENIED, self.call('Cancel', '{}', path=path, interface=JOB).stderr)
        gate.open()
        self.assertEqual(self.client.removed(job)[0], 'done')
        gate.close()

    def test_nobody_may_not_be_the_service(self):
        script = ('import gi; from gi.repository import Gio, GLib; c = Gio.bus_get_sync(Gio.BusType.SYSTEM);'
                  'c.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",'
                  ' GLib.Variant("(su)", ("org.dkms1", 0)), None, 0, -1, None)')
        self.assertIn(ACCESS_DENIED, self.as_nobody('/usr/bin/python3', '-c', script).stderr)

    def test_dkmsctl_says_who_may(self):
        self.add_source()
        self.client.properties()
        within_reach = shutil.copy(BUILD / 'client' / 'dkmsctl', self.directory)  # wherever the build directory is
        refused = self.as_nobody(within_reach, 'add', 'hello/1.0', '--json')
        self.assertNotEqual(refused.returncode, 0)
        said = next(json.loads(line) for line in (refused.stdout + refused.stderr).splitlines() if 'AccessDenied' in line)
        self.assertIn('65534', said['message'])


if __name__ == '__main__':
    unittest.main()
