# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was accepted is done, once: restarts, results and records that cannot be written or read, and what is kept of the past."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

from service import MANAGER, NAME, PATH, PATIENCE, BusTest, Gio, GLib, wait_for_exit

WITH_DESCRIPTORS = '''
import os, sys
for place, number in enumerate(sys.argv[1].split()):
    os.dup2(int(number), 3 + place)
os.environ['LISTEN_PID'] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
'''


class StateTest(BusTest):
    def setUp(self):
        super().setUp()
        self.jobs = self.directory / 'state' / 'jobs'

    def restart(self, number=signal.SIGTERM):
        pid = self.client.daemon_pid()
        os.kill(pid, number)
        wait_for_exit(pid)
        self.client.properties()
        self.assertNotEqual(self.client.daemon_pid(), pid)

    def hold_tree(self):
        """The lock of the tree, as another dkmsd has it."""
        (self.tree / '.dkmsd').mkdir(exist_ok=True)
        lock = open(self.tree / '.dkmsd' / 'lock', 'w', encoding='ascii')
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.addCleanup(lock.close)
        return lock

    def view(self, job):
        return self.client.call('GetJob', '(t)', (job,))[0]

    def ended(self, job):
        """The job's view, once it has ended; also where its end was not heard of."""
        self.client.wait_for(lambda: GLib.timeout_add(20, lambda: GLib.SOURCE_REMOVE) and self.view(job).get('result'), f'the end of {job}')
        return self.view(job)

    def log(self):
        return (self.directory / 'log').read_text()


class JournalTest(StateTest):
    def test_no_restart_takes_anything_from_jobs_that_have_not_begun(self):
        lock = self.hold_tree()
        for name in 'abcde':
            self.add_source(name)
        jobs = [self.client.change('Add', name)[0] for name in 'abcde']
        for number in (signal.SIGTERM, signal.SIGKILL) * 3:
            self.restart(number)
            self.assertEqual([self.view(job)['state'] for job in jobs], ['queued'] * 5)
        self.client.wait_for(lambda: 'It waits for ' in self.view(jobs[0]).get('waits', ''), 'why it waits')
        lock.close()
        self.assertEqual([self.ended(job)['result'] for job in jobs], ['done'] * 5)
        self.assertEqual(sorted(m['name'] for m in self.client.call('ListModules', '(a{sv})', ({},))[0]), list('abcde'))

    def test_only_deaths_in_a_step_count(self):
        """Two jobs for one module: one builds, the other waits for it."""
        gate = self.add_gated_source()
        kernels = self.kernels(1)
        running = self.client.change('Build', 'gated', kernels=kernels)[0]
        gate.wait_for_build()
        waiting = self.client.change('Uninstall', 'gated', kernels=kernels)[0]
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
            self.restart(number)
            gate.wait_for_build()
        with self.client.descriptor(f'/org/dkms1/job/_{running}', 'Events') as events:
            self.assertNotIn('job-ended', [json.loads(line)['event'] for line in events], 'it runs')
        self.restart(signal.SIGKILL)  # the fourth
        self.assertEqual(self.view(running)['error']['error'], 'Interrupted')
        self.assertIn('has died each time', self.view(running)['error']['message'])
        self.assertIn(self.ended(waiting)['result'], ('done', 'skipped'), 'nothing of it ran when dkmsd died')
        gate.close()

    def test_a_job_that_was_cancelled_stays_so(self):
        """The worker ends when it has been told to, and dkmsd is told to end meanwhile."""
        gate = self.add_gated_source()
        job, path = self.client.change('Build', 'gated', kernels=self.kernels(1))
        gate.wait_for_build()
        pid = self.client.daemon_pid()
        self.client.cancel(path)
        os.kill(pid, signal.SIGTERM)
        wait_for_exit(pid)
        self.assertEqual(self.view(job)['result'], 'cancelled')
        gate.close()

    def unwritable_result(self):
        """A job of which the result cannot be written, and the record that lies there."""
        self.add_source()
        lock = self.hold_tree()
        job = self.client.change('Add')[0]
        record = self.jobs / str(job) / 'job.json'
        before = record.read_text()
        record.unlink()
        record.mkdir()  # nothing can be renamed to it
        lock.close()
        self.assertEqual(self.client.removed(job)[0], 'done')
        return job, record, before

    def test_a_result_is_written_as_soon_as_it_can_be(self):
        job, record, _ = self.unwritable_result()
        record.rmdir()
        self.client.wait_for(lambda: GLib.timeout_add(50, lambda: GLib.SOURCE_REMOVE) and record.exists(), 'the result')
        self.assertEqual(json.loads(record.read_text())['result'], 'done')
        self.assertEqual(self.view(job)['result'], 'done')

    def test_a_result_is_written_before_the_next_job_and_at_the_end(self):
        for write in (lambda: self.client.change('Remove', kernels=[], options={'all': GLib.Variant('b', True)}), self.stop_service):
            _, record, _ = self.unwritable_result()
            record.rmdir()
            write()
            self.assertEqual(json.loads(record.read_text())['result'], 'done')
            for source in self.sources.iterdir():
                shutil.rmtree(source)

    def killed_before_its_result_was_written(self):
        """A job that has ended, and its record, which does not say so."""
        job, record, before = self.unwritable_result()
        self.client.removed(self.client.change('Remove', options={'all': GLib.Variant('b', True)})[0])
        pid = self.client.daemon_pid()
        os.kill(pid, signal.SIGKILL)
        wait_for_exit(pid)
        record.rmdir()
        record.write_text(before)
        return job, record

    def test_what_has_ended_is_not_done_again_though_only_its_events_say_so(self):
        job, record = self.killed_before_its_result_was_written()
        self.assertEqual(self.view(job)['result'], 'done')
        self.assertEqual(json.loads(record.read_text())['result'], 'done')
        self.assertEqual(self.client.call('ListModules', '(a{sv})', ({},))[0], [], 'what was removed after it is not there again')

    def load(self, path):
        descriptor = os.open(path, os.O_RDONLY)
        descriptors = Gio.UnixFDList.new()
        number = descriptors.append(descriptor)
        os.close(descriptor)
        reply, _ = self.client.connection.call_with_unix_fd_list_sync(
            NAME, PATH, MANAGER, 'Load', GLib.Variant('(ha{sv})', (number, {})), None, Gio.DBusCallFlags.NONE, -1, descriptors, None)
        return reply.unpack()[0]

    def test_what_lies_beside_a_request_is_found_again(self):
        """Only what was given is: another directory of that name is none."""
        lock = self.hold_tree()
        places = [self.directory / name for name in ('mine', 'other')]
        for name, place in zip('ab', places):
            self.add_source(name).rename(place)
        jobs = [self.load(place) for place in places]
        (self.directory / 'other').rename(self.directory / 'aside')
        shutil.copytree(self.directory / 'aside', self.directory / 'other')
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.restart(number)
            self.assertEqual([self.view(job)['state'] for job in jobs], ['queued', 'ended'])
        self.assertEqual(self.view(jobs[1])['error']['error'], 'Interrupted')
        lock.close()
        self.assertEqual(self.ended(jobs[0])['result'], 'done')
        self.assertEqual([m['name'] for m in self.client.call('ListModules', '(a{sv})', ({},))[0]], ['a'])
        self.assertFalse((self.jobs / str(jobs[0]) / 'handle').exists())

    def test_what_the_service_manager_has_kept_is_had_again(self):
        """With a manager of the test's own, and a directory that cannot be found by its name any more."""
        lock = self.hold_tree()
        given = self.directory / 'given'
        self.add_source('a').rename(given)
        words = (self.directory / 'services' / 'org.dkms1.service').read_text().split('Exec=')[1].split()
        kept = {}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.directory / 'notify'))
            manager.settimeout(PATIENCE)

            def hear(wanted):
                while True:
                    message, descriptors, _, _ = socket.recv_fds(manager, 4096, 4)
                    lines = dict(line.split('=', 1) for line in message.decode().splitlines() if '=' in line)
                    if 'FDSTORE' in lines:
                        kept[lines['FDNAME']] = descriptors[0]
                    if 'FDSTOREREMOVE' in lines:
                        os.close(kept.pop(lines['FDNAME']))
                    if wanted in lines:
                        return lines

            def start():
                environment = {'NOTIFY_SOCKET': str(self.directory / 'notify'), 'LISTEN_FDS': str(len(kept)), 'LISTEN_FDNAMES': ':'.join(kept)}
                numbers = [str(number) for number in kept.values()]
                service = subprocess.Popen([sys.executable, '-c', WITH_DESCRIPTORS, ' '.join(numbers), *words], pass_fds=list(kept.values()),
                                           env=self.bus.environment | environment)
                self.addCleanup(service.kill)
                return service

            first = start()
            hear('READY')
            job = self.load(given)
            name = hear('FDSTORE')['FDNAME']
            (self.jobs / str(job) / 'handle').unlink()
            first.terminate()
            self.assertEqual(first.wait(PATIENCE), 0)
            second = start()
            hear('READY')
            lock.close()
            self.assertEqual(self.ended(job)['result'], 'done', self.view(job))
            while name in kept:
                hear('FDSTOREREMOVE')
            second.terminate()
            self.assertEqual(second.wait(PATIENCE), 0)

    def test_what_may_have_ended_is_not_done_again(self):
        """Its record has no result, and its events cannot be read."""
        job, record = self.killed_before_its_result_was_written()
        events = record.parent / 'events'
        events.rename(record.parent / 'aside')
        os.mkfifo(events)
        for _ in range(2):
            view = self.view(job)
            self.assertEqual((view['state'], view['error']['error']), ('unreadable', 'ReadFailed'))
            self.assertIn('events', view['error']['message'])
            self.assertIn(f'job {job}: ', self.log())
            self.assertEqual(self.client.call('ListModules', '(a{sv})', ({},))[0], [], 'what was removed after it is not there again')
            self.restart()
        events.unlink()
        (record.parent / 'aside').rename(events)
        self.restart()
        self.assertEqual(self.view(job)['result'], 'done')

    def test_readers_hear_of_the_last_life(self):
        """Its events tell of an end, and it was begun again all the same."""
        lock = self.hold_tree()
        self.add_source()
        job = self.client.change('Add')[0]
        events = self.jobs / str(job) / 'events'
        end = {'job': job, 'at': 1.0, 'event': 'job-ended', 'view': self.view(job) | {'state': 'ended', 'result': 'failed'}}
        new = json.loads(events.read_text().splitlines()[0])
        with open(events, 'a', encoding='utf-8') as file:
            file.write(json.dumps(end) + '\n' + json.dumps(new) + '\n' + json.dumps(end) + '\n')
        following = self.dkmsctl('wait', str(job), '--json')
        self.client.wait_for(lambda: self.client.call('GetNameOwner', '(s)', ('org.dkms1',), '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                                                      'org.freedesktop.DBus'), 'the service')
        self.dkmsctl('jobs').communicate()
        self.assertIsNone(following.poll())
        lock.close()
        out = json.loads(self.finish(following))
        self.assertEqual([one['result'] for one in out['jobs']], ['done'])

    def test_records_that_cannot_be_read_are_kept_and_shown(self):
        self.client.properties()
        self.stop_service()
        for number, text in ((3, '{"id": 3, "requ'), (4, '{"version": 99, "id": 4}'), (5, None)):
            (self.jobs / str(number)).mkdir(parents=True)
            record = self.jobs / str(number) / 'job.json'
            if text is None:
                os.mkfifo(record)
            else:
                record.write_text(text)
        self.add_source()
        job = self.client.change('Add')[0]
        self.assertEqual(job, 6, 'their numbers are taken')
        self.assertEqual(self.client.removed(job)[0], 'done')
        for number, reason in ((3, 'parse'), (4, 'later version'), (5, 'not a regular file')):
            self.assertIn(f'job {number}: ', self.log())
            view = self.view(number)
            self.assertEqual((view['state'], view['error']['error']), ('unreadable', 'ReadFailed'))
            self.assertIn(reason, view['error']['message'])
            self.finish(self.dkmsctl('wait', str(number)), 1)
        shown = self.finish(self.dkmsctl('jobs'))
        self.assertEqual(shown.count('unreadable'), 3, shown)
        self.finish(self.dkmsctl('wait'))
        self.restart()
        self.assertEqual(sorted(int(one.name) for one in self.jobs.iterdir() if one.name.isdigit()), [3, 4, 5, 6])


class HistoryTest(StateTest):
    """The past, as far as it is kept."""

    def test_it_survives_restarts(self):
        self.add_source()
        began = time.time_ns() // 1000
        job = self.client.change('Add')[0]
        self.client.removed(job)
        between = time.time_ns() // 1000
        removal = self.client.change('Remove', options={'all': GLib.Variant('b', True)})[0]
        self.client.removed(removal)
        for _ in range(2):
            self.restart()
            self.assertEqual(self.client.call('ListJobs', '(t)', (0,))[0], [])
            for since, expected in ((0, [job, removal]), (began, [job, removal]), (between, [removal]), (time.time_ns() // 1000, [])):
                found = self.client.call('GetJobs', '(ta{sv})', (since, {}))[0]
                self.assertEqual([one['id'] for one in found], expected, since)
            self.assertEqual(self.client.call('GetJobs', '(ta{sv})', (between, {}))[0][0], self.view(removal))
        shown = self.finish(self.dkmsctl('jobs', '--all'))
        self.assertIn('hello/1.0', shown)
        self.assertEqual(shown.count('done'), 2, shown)
        self.assertEqual([one['id'] for one in json.loads(self.finish(self.dkmsctl('jobs', '--all', '--json')))['jobs']], [job, removal])

    def test_it_is_bounded(self):
        """Records of long ago, and more of them than are kept; what cannot be read is not among those that go."""
        self.client.properties()
        self.stop_service()
        record = {'id': 0, 'uid': 0, 'state': 'ended', 'result': 'done', 'stage': 'prepare', 'percent': 100, 'cancelable': False,
                  'request': {'request': 'add', 'module': 'hello', 'version': '1.0'}}
        now = time.time()
        for number in range(1, 1011):
            (self.jobs / str(number)).mkdir(parents=True)
            ended = now - 100 * 86400 if number == 900 else now - 86400
            text = json.dumps(record | {'id': number, 'queued_at': ended, 'ended_at': ended}) if number != 2 else '{'
            (self.jobs / str(number) / 'job.json').write_text(text)
        with open(self.jobs / '11' / 'log', 'wb') as log:
            log.truncate(300 << 20)
        self.client.properties()
        kept = sorted(int(one.name) for one in self.jobs.iterdir())
        self.assertEqual(kept, [2, *range(12, 900), *range(901, 1011)])
        self.assertEqual(len(self.client.call('GetJobs', '(ta{sv})', (0, {}))[0]), len(kept))


if __name__ == '__main__':
    unittest.main()
