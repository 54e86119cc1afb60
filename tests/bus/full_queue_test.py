# SPDX-License-Identifier: LGPL-2.1-or-later
"""A queue without a place: whoever waits for the result waits for a place, too."""

import fcntl
import unittest

from service import BusTest

PLACES = 66  # more than the 64 that one user could have once


class FullQueueTest(BusTest):
    daemon_arguments = ('--most-jobs', str(PLACES))

    def setUp(self):
        super().setUp()
        self.release = self.kernel()
        (self.tree / '.dkmsd').mkdir()
        self.lock = open(self.tree / '.dkmsd' / 'lock', 'w', encoding='ascii')
        self.addCleanup(self.lock.close)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.add_source()
        for number in range(PLACES):
            directory = self.sources / f'filler{number}-1'
            directory.mkdir()
            (directory / 'dkms.conf').write_text(f'PACKAGE_NAME=filler{number}\nPACKAGE_VERSION=1\nBUILT_MODULE_NAME=x\n'
                                                 'DEST_MODULE_LOCATION=/extra\n')
            self.client.change('Add', f'filler{number}', '1')

    def test_who_waits_for_the_result_waits_for_a_place(self):
        self.assertEqual(self.client.error_of('Add', '(ssa{sv})', ('hello', '1.0', {})), 'org.freedesktop.DBus.Error.LimitsExceeded')
        refused = self.dkmsctl('add', 'hello/1.0', '--no-wait')
        self.assertIn('jobs have not ended', refused.communicate()[1])
        self.assertEqual(refused.returncode, 1)
        waiting = [self.dkmsctl('install', 'hello/1.0', '-k', self.release), self.dkmsctl('autoinstall', '--hook', '-k', self.release)]
        for process in waiting:
            self.assertIn('Waiting for a place', process.stderr.readline())
            self.assertIsNone(process.poll())
        self.stop_service()  # whoever waits is served by the next instance
        self.assertEqual([process.poll() for process in waiting], [None, None])
        self.lock.close()
        for process in waiting:
            self.finish(process)
        modules = {m['name']: [k['state'] for k in m['kernels']] for m in self.client.call('ListModules', '(a{sv})', ({},))[0]}
        self.assertEqual(modules.pop('hello'), ['installed'])
        self.assertEqual(len(modules), PLACES)


if __name__ == '__main__':
    unittest.main()
