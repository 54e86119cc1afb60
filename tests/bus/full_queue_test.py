# SPDX-License-Identifier: LGPL-2.1-or-later
"""A queue without a place: whoever waits for the result waits for a place, too. And a queue that never ends: others get the tree all the
same."""

import fcntl
import unittest

from service import BusTest, GLib

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


class TurnsTest(BusTest):
    def has_turn(self):
        with open(self.tree / '.dkmsd' / 'turn', 'rb') as turn:
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def test_a_command_without_the_service_gets_its_turn_beside_jobs_that_do_not_end(self):
        kernel = self.kernel()
        gates = [self.add_gated_source(name) for name in 'ab']
        self.add_source('c')
        first = self.client.change('Install', 'a', kernels=[kernel])[0]
        gates[0].wait_for_build()
        words = ('--dkmstree', self.tree, '--sourcetree', self.sources, '--installtree', self.modules)
        adding = self.dkmsctl('add', 'c/1.0', *words)
        self.client.wait_for(lambda: GLib.timeout_add(20, lambda: GLib.SOURCE_REMOVE) and self.has_turn(), 'another that waits')
        second = self.client.change('Build', 'b', kernels=[kernel])[0]  # its gate is closed until the other one has had its turn
        gates[0].open()
        self.finish(adding)
        self.assertEqual(self.client.removed(first)[0], 'done', 'what had begun came to its end before')
        gates[1].wait_for_build()
        gates[1].open()
        self.assertEqual(self.client.removed(second)[0], 'done')
        for gate in gates:
            gate.close()


if __name__ == '__main__':
    unittest.main()
