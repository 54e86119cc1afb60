# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service or the bus goes away in the middle of a job."""

import os
import signal
import unittest

from service import BusTest, Client, wait_for_exit


class RestartsTest(BusTest):
    def at_the_gate(self):
        """A build that waits, and a dkmsctl that follows it."""
        self.gate = self.add_gated_source()
        waiting = self.dkmsctl('install', 'gated/1.0', '-k', self.kernel())
        self.gate.wait_for_build()
        return waiting

    def check_installed(self):
        kernels = Client(self.bus).call('ListModules', '(a{sv})', ({},))[0][0]['kernels']
        self.assertEqual([k['state'] for k in kernels], ['installed'])

    def end_service(self, number):
        waiting = self.at_the_gate()
        pid = self.client.daemon_pid()
        os.kill(pid, number)
        wait_for_exit(pid)
        self.gate.open()
        self.finish(waiting)
        self.gate.close()
        self.assertNotEqual(self.client.daemon_pid(), pid)
        jobs = self.client.call('ListJobs', '(t)', (0,))[0]
        self.assertEqual([row[1:3] for row in jobs], [('install', 'ended')], 'the same job, taken up again')
        self.check_installed()

    def test_client_attaches_again_after_a_crash(self):
        self.end_service(signal.SIGKILL)

    def test_client_attaches_again_after_a_restart(self):
        self.end_service(signal.SIGTERM)

    def test_job_goes_on_without_the_bus_and_client_attaches_again(self):
        waiting = self.at_the_gate()
        pid = self.client.daemon_pid()
        self.bus.kill()
        self.bus.start()
        self.gate.open()
        self.finish(waiting)
        self.gate.close()
        self.assertEqual(Client(self.bus).daemon_pid(), pid)
        self.check_installed()

    def test_without_a_bus_the_job_is_finished_and_the_service_ends(self):
        waiting = self.at_the_gate()
        pid = self.client.daemon_pid()
        self.bus.kill()
        waiting.kill()
        waiting.communicate()
        self.gate.open()
        wait_for_exit(pid)
        self.gate.close()
        self.bus.start()
        self.check_installed()


if __name__ == '__main__':
    unittest.main()
