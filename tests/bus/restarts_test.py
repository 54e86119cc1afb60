# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service or the bus goes away in the middle of a job."""

import os
import shutil
import signal
import socket
import subprocess
import unittest

from service import JOB, PATIENCE, BusTest, Client, gate, wait_for_exit


class RestartsTest(BusTest):
    def at_the_gate(self):
        """A build that waits, and a dkmsctl that follows it."""
        self.gate = self.add_gated_source()
        self.release = self.kernel()
        waiting = self.dkmsctl('install', 'gated/1.0', '-k', self.release)
        self.addCleanup(self.end, waiting)
        self.gate.wait_for_build()
        return waiting

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def check_installed(self):
        kernels = Client(self.bus).call('ListModules', '(a{sv})', ({},))[0][0]['kernels']
        self.assertEqual([k['state'] for k in kernels], ['installed'])

    def end_service(self, number):
        waiting = self.at_the_gate()
        self.let_tell_niceness('gated')
        pid = self.client.daemon_pid()
        os.kill(pid, number)
        wait_for_exit(pid)
        self.gate.wait_for_build()
        self.gate.open()
        self.finish(waiting)
        self.gate.close()
        self.assertNotEqual(self.client.daemon_pid(), pid)
        jobs = self.client.call('ListJobs', '(t)', (0,))[0]
        self.assertEqual([row[1:3] for row in jobs], [('install', 'ended')], 'the same job, taken up again')
        niceness = self.told_niceness('gated', self.release)[0]
        self.assertEqual(niceness, str(os.nice(0)), 'somebody waits for it as before')
        self.check_installed()

    def test_client_attaches_again_after_a_crash(self):
        self.end_service(signal.SIGKILL)

    def test_client_attaches_again_after_a_restart(self):
        self.end_service(signal.SIGTERM)

    def test_a_restart_forgets_nothing_of_an_autoinstall_that_has_failed_in_part(self):
        """The first build fails, the second is cut off by the restart."""
        held = self.add_gated_source()
        self.add_source('broken', more='MAKE[0]="false"\n')
        self.release = self.kernel()
        for name in ('gated', 'broken'):
            self.client.removed(self.client.change('Add', name)[0])
        waiting = self.dkmsctl('autoinstall', '-k', self.release)
        self.addCleanup(self.end, waiting)
        held.wait_for_build()
        self.client.wait_for(lambda: any(s[1] == 'JobRemoved' and s[2][2] == 'failed' for s in self.client.signals), 'the failure')
        pid = self.client.daemon_pid()
        os.kill(pid, signal.SIGTERM)
        wait_for_exit(pid)
        held.wait_for_build()
        held.open()
        said = waiting.communicate(timeout=PATIENCE)
        held.close()
        self.assertEqual(waiting.returncode, 11, said)
        self.assertEqual(self.states()['gated'], ['installed'], said)

    def test_nothing_is_begun_while_it_stops(self):
        """One install is held in its script, and lets another one wait for the kernel."""
        fifo = self.directory / 'gate-script'
        script = self.add_source('first', more='POST_INSTALL="held.sh"\n') / 'held.sh'
        script.write_text(f'#!/bin/sh\nread line < {fifo}\n')
        script.chmod(0o755)
        self.add_source('second', more='DEST_MODULE_NAME[0]="another"\n')
        kernel = self.kernel()
        held = gate.Gate(fifo)
        self.client.change('Install', 'first', kernels=[kernel])
        held.wait_for_build()
        self.client.change('Install', 'second', kernels=[kernel])
        self.client.wait_for(lambda: self.states().get('second') == ['built'], 'the second build')
        pid = self.client.daemon_pid()
        os.kill(pid, signal.SIGTERM)
        refused = 'org.dkms1.Error.ShuttingDown'
        self.client.wait_for(lambda: self.client.error_of('Build', '(ssasa{sv})', ('first', '1.0', [kernel], {})) == refused, refused)
        held.open()
        wait_for_exit(pid)
        held.close()
        self.assertEqual([path.parent.name for path in self.tree.glob('*/kernel-*')], ['first'])

    def states(self):
        return {m['name']: [k['state'] for k in m['kernels']] for m in self.client.call('ListModules', '(a{sv})', ({},))[0]}

    def test_a_job_that_never_survives_is_given_up(self):
        waiting = self.at_the_gate()
        for _ in range(4):
            pid = self.client.daemon_pid()
            os.kill(pid, signal.SIGKILL)
            wait_for_exit(pid)
            if not self.begun_again():
                break
        said = waiting.communicate(timeout=PATIENCE)
        self.gate.close()
        self.assertNotEqual(waiting.returncode, 0, said)
        jobs = self.client.call('ListJobs', '(t)', (0,))[0]
        self.assertEqual(jobs, [], 'it is history')
        self.assertEqual(self.client.call('GetJob', '(t)', (1,))[0]['error']['error'], 'Interrupted')

    def begun_again(self):
        """Whether a new instance, which this starts, has taken the job up; waits for its build then."""
        if not self.client.call('ListJobs', '(t)', (0,))[0]:
            return False
        self.gate.wait_for_build()
        return True

    def test_a_result_that_cannot_be_kept_does_not_end_the_service(self):
        waiting = self.at_the_gate()
        pid = self.client.daemon_pid()
        view = self.directory / 'state' / 'jobs' / '1' / 'job.json'
        view.unlink()
        view.mkdir()  # nothing can be renamed to it
        self.gate.open()
        out, err = waiting.communicate(timeout=PATIENCE)
        self.gate.close()
        self.assertEqual(waiting.returncode, 0, out + err)
        self.assertIn('could not be written', out + err)
        self.assertEqual(self.client.daemon_pid(), pid)
        self.check_installed()

    def test_a_request_that_cannot_be_kept_is_refused_and_not_done(self):
        self.add_source()
        self.client.properties()
        jobs = self.directory / 'state' / 'jobs'
        shutil.rmtree(jobs)
        jobs.touch()  # no directory can be made in it
        self.assertEqual(self.client.error_of('Add', '(ssa{sv})', ('hello', '1.0', {})), 'org.dkms1.Error.TreeNotWritable')
        jobs.unlink()
        free = subprocess.run(['flock', '--wait', str(PATIENCE), self.tree / '.dkmsd' / 'lock', 'true'], check=False)
        self.assertEqual(free.returncode, 0, 'it is not waited for')
        self.assertEqual(self.client.call('ListModules', '(a{sv})', ({},))[0], [])
        self.client.removed(self.client.change('Add')[0])

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
        self.end(waiting)
        self.gate.open()
        wait_for_exit(pid)
        self.gate.close()
        self.bus.start()
        self.check_installed()

    def test_jobs_of_an_earlier_instance_can_be_asked_for(self):
        self.add_source()
        job, path = self.client.change('Add')
        self.client.removed(job)
        self.stop_service()
        self.assertEqual(self.client.call('ListJobs', '(t)', (0,))[0], [])
        self.assertEqual(self.client.call('GetJob', '(t)', (job,))[0]['result'], 'done')
        self.assertEqual(self.client.property('Result', path, JOB), 'done')
        with self.client.descriptor(path, 'Events') as events:
            self.assertIn(b'job-ended', events.read())
        self.finish(self.dkmsctl('wait', str(job)))
        self.assertGreater(self.client.change('Remove', kernels=[], options={'all': self.true()})[0], job)

    def test_a_second_instance_does_not_touch_the_first_ones_jobs(self):
        self.client.properties()
        words = (self.directory / 'services' / 'org.dkms1.service').read_text().split('Exec=')[1].split()
        second = subprocess.run(words, env=self.bus.environment, text=True, capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn('another dkmsd', second.stderr)

    def test_the_service_manager_is_told(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.directory / 'notify'))
            manager.settimeout(PATIENCE)
            words = (self.directory / 'services' / 'org.dkms1.service').read_text().split('Exec=')[1].split()
            service = subprocess.Popen(words, env=self.bus.environment | {
                'NOTIFY_SOCKET': str(self.directory / 'notify'), 'WATCHDOG_USEC': '500000'})
            said = []
            while 'WATCHDOG=1' not in said or 'READY=1' not in said:
                said += manager.recv(4096).decode().splitlines()
            self.assertEqual(self.client.daemon_pid(), service.pid)
            service.terminate()
            while 'STOPPING=1' not in said:
                said += manager.recv(4096).decode().splitlines()
            self.assertEqual(service.wait(PATIENCE), 0)

    @staticmethod
    def true():
        from gi.repository import GLib
        return GLib.Variant('b', True)


if __name__ == '__main__':
    unittest.main()
