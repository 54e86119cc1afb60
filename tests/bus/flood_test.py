# SPDX-License-Identifier: LGPL-2.1-or-later
"""No caller stops the service: not by calling often, not by reading nothing, and not by anything that fits in a message. Nothing here
depends on how fast the machine is: what is bounded is what happens before what."""

import os
import pathlib
import queue
import re
import signal
import socket
import struct
import subprocess
import threading
import unittest

import callers
import wire
from service import PATIENCE, BusTest, gate, wait_for_exit
from gi.repository import GLib

MEGABYTE = 1024 * 1024
LIMITS_EXCEEDED = 'org.freedesktop.DBus.Error.LimitsExceeded'
INVALID_ARGS = 'org.freedesktop.DBus.Error.InvalidArgs'


class FloodTest(BusTest):
    # Many connections of one user; and what dbus-daemon keeps of one sender is reached soon, should the service not see to it.
    bus_limits = (('max_connections_per_user', 4096), ('max_completed_connections', 4096), ('max_incoming_bytes', 8 * MEGABYTE))
    modules_in_tree = 40
    added = 0

    def setUp(self):
        super().setUp()
        self.fill_tree()
        self.pid = self.start_watched()
        self.client.property('Version')

    def fill_tree(self):
        """Modules enough that listing them is not cheap."""
        for number in range(self.modules_in_tree):
            version = self.tree / f'module{number}' / '1.0'
            for kernel in ('6.1.0-1-amd64', '6.1.0-2-amd64', '6.1.0-3-amd64', '6.1.0-4-amd64'):
                (version / kernel / 'x86_64' / 'module').mkdir(parents=True)
            source = self.sources / f'module{number}-1.0'
            source.mkdir()
            (version / 'source').symlink_to(source)

    def start_watched(self):
        """The service as a child of ours, which tells us that it lives; its process."""
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(str(self.directory / 'notify'))
        self.notices = queue.SimpleQueue()
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.end.connect(str(self.directory / 'notify'))
        listener = threading.Thread(target=self.listen, args=(manager,), daemon=True)
        listener.start()
        self.addCleanup(self.end.close)
        self.addCleanup(listener.join)
        self.addCleanup(self.end.send, b'END')
        words = (self.directory / 'services' / 'org.dkms1.service').read_text().split('Exec=')[1].split()
        with open(self.directory / 'log', 'ab') as log:
            self.service = subprocess.Popen(words, stderr=log, env=self.bus.environment | {
                'NOTIFY_SOCKET': str(self.directory / 'notify'), 'WATCHDOG_USEC': '500000',
                # Under the sanitizer what is freed is kept in quarantine; how much memory there is of that is not the question.
                'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=0:thread_local_quarantine_size_kb=0'})
        self.addCleanup(self.service.wait)
        self.addCleanup(self.service.kill)
        self.wait_for_notice('READY=1')
        return self.service.pid

    def listen(self, manager):
        """What the service says is read at once, or it would wait for that."""
        with manager:
            while (notice := manager.recv(4096)) != b'END':
                self.notices.put(notice.decode())

    def wait_for_notice(self, notice):
        while notice not in self.notices.get(timeout=PATIENCE).splitlines():
            continue

    def wait_for_new_watchdog(self, beats):
        while not self.notices.empty():
            self.notices.get()  # those of before
        for _ in range(beats):
            self.wait_for_notice('WATCHDOG=1')

    def memory(self):
        """Bytes that the service has in memory."""
        status = pathlib.Path(f'/proc/{self.pid}/status').read_text()
        return int(re.search(r'VmRSS:\s+(\d+)', status)[1]) * 1024

    def time_of_children(self):
        """Ticks that processes of the service have taken which have ended."""
        return sum(map(int, pathlib.Path(f'/proc/{self.pid}/stat').read_text().rsplit(')', 1)[1].split()[13:15]))

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def begin(self, work, same_user=False):
        process = wire.Process(work, same_user)
        self.addCleanup(process.end)
        return process

    def check_alive(self):
        """Others are answered, and have their jobs done."""
        self.assertEqual(self.client.daemon_pid(), self.pid)
        self.client.property('Version')
        self.assertEqual(len(self.client.call('ListModules', '(a{sv})', ({'module': GLib.Variant('s', 'module1')},))[0]), 1)
        self.added += 1
        self.add_source(f'other{self.added}')
        job, _ = self.client.change('Add', f'other{self.added}')
        self.assertEqual(self.client.removed(job)[0], 'done')

    def test_a_flood_that_wants_no_reply(self):
        build = 'Build', 'ssasa{sv}', wire.request('hello', '1.0', [f'6.1.{number}' for number in range(200)])
        flood = self.begin(callers.flood(self.bus.socket))
        jobs = self.begin(callers.flood(self.bus.socket, build))
        flood.wait_for_steps(20)  # 12 000 calls
        jobs.wait_for_steps(5)
        before, looking = self.memory(), self.time_of_children()
        self.wait_for_new_watchdog(3)
        self.assertEqual(self.time_of_children(), looking, 'no one would hear what is found in the tree')
        self.check_alive()
        self.client.call('GetAll', '(s)', ('org.dkms1.Manager',), interface='org.freedesktop.DBus.Properties')
        flood.wait_for_steps(20)
        jobs.wait_for_steps(5)
        self.assertLess(self.memory() - before, 16 * MEGABYTE)
        os.kill(self.pid, signal.SIGTERM)
        wait_for_exit(self.pid)
        flood.wait_for_steps(1)  # it still calls

    def test_a_job_that_no_one_would_hear_of_is_not_made(self):
        line = wire.Wire(self.bus.socket)
        self.addCleanup(line.close)
        made = []
        for name, flags in (('first', 0), ('unheard', wire.NO_REPLY), ('second', 0)):
            self.add_source(name)
            serial = line.send('Add', 'ssa{sv}', wire.request(name, '1.0'), flags=flags)
            if not flags:
                error, body = line.read_reply(serial)
                self.assertIsNone(error)
                made.append(struct.unpack_from('<Q', body)[0])
        self.assertEqual(made[1], made[0] + 1)

    def test_signals_go_before_calls(self):
        """Of thousands of calls that have come, a service that is to end answers no more than a turn of its loop has."""
        line = wire.Wire(self.bus.socket)
        self.addCleanup(line.close)
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)  # it has stopped, in the middle of nothing
        arguments = 'ss', wire.text('org.dkms1.Manager') + wire.text('Version')
        serials = [line.send('Get', *arguments, interface='org.freedesktop.DBus.Properties') for _ in range(5000)]
        os.kill(self.pid, signal.SIGTERM)
        os.kill(self.pid, signal.SIGCONT)
        wait_for_exit(self.pid)
        answered = [serial for serial in serials if line.read_reply(serial)[0] is None]
        self.assertLessEqual(len(answered), 64)

    def test_readers_that_never_read(self):
        self.begin(callers.deaf(self.bus.socket)).wait_for_steps()
        before = self.memory()
        self.check_alive()
        self.wait_for_new_watchdog(2)
        if os.getuid() == 0:
            self.assertLess(self.memory() - before, 16 * MEGABYTE)
        os.kill(self.pid, signal.SIGTERM)
        wait_for_exit(self.pid)

    def test_a_crowd_that_does_odd_things(self):
        at_rest = self.descriptors()
        crowd = self.begin(callers.odd(self.bus.socket, 1000, os.getuid() == 0))
        crowd.wait_for_steps()
        self.check_alive()
        self.wait_for_new_watchdog(2)
        self.assertLess(self.memory(), 128 * MEGABYTE)
        crowd.end()
        self.client.wait_for(lambda: self.client.property('Version') and self.descriptors() <= at_rest + 4, 'all descriptors are closed')
        self.check_alive()

    @unittest.skipUnless(os.getuid() == 0, 'an ordinary user is whom the service runs as, and so privileged')
    def test_one_user_may_not_have_many_calls_waiting(self):
        def impatient(process):
            line = wire.Wire(self.bus.socket)
            line.socket.sendall(b''.join(wire.call(serial, 'ListModules', *wire.EMPTY_FILTER) for serial in range(2, 602)))
            errors = [line.read_reply(serial)[0] for serial in range(2, 602)]
            if set(errors) == {None, LIMITS_EXCEEDED}:
                process.tell()

        self.begin(impatient).wait_for_steps()
        self.check_alive()

    def test_what_is_too_much_is_refused(self):
        def error_of(*words):
            return self.client.error_of(*words)
        line = wire.Wire(self.bus.socket)
        self.addCleanup(line.close)
        for count, is_too_much in ((200000, True), (257, True), (256, False)):
            serial = line.send('Build', 'ssasa{sv}', wire.request('hello', '1.0', [f'6.1.{number}' for number in range(count)]))
            self.assertEqual(line.read_reply(serial)[0] == LIMITS_EXCEEDED, is_too_much, count)
        self.assertEqual(error_of('Add', '(ssa{sv})', ('x' * 4097, '1.0', {})), INVALID_ARGS)
        self.assertNotEqual(error_of('Add', '(ssa{sv})', ('x' * 4096, '1.0', {})), INVALID_ARGS)
        for filter_, expected in ((('module', 'module1'), None), (('module', 'x' * MEGABYTE), INVALID_ARGS),
                                  (('x' * MEGABYTE, 'x'), INVALID_ARGS)):
            error, body = line.read_reply(line.send('ListModules', *wire.filter_of(*filter_)))
            self.assertEqual(error, expected)
            self.assertEqual(b'module1\0' in body, expected is None)
        lists = {'distributions': GLib.Variant('as', ['x'] * 5000)}
        self.assertEqual(error_of('Pack', '(ssasa{sv})', ('hello', '1.0', [], lists)), LIMITS_EXCEEDED)
        nested = GLib.Variant('a{sv}', {'x': GLib.Variant('as', ['x' * 4000] * 17)})
        self.assertEqual(error_of('ListModules', '(a{sv})', ({'module': nested},)), LIMITS_EXCEEDED)

    def test_who_may_change_modules_has_no_limit_of_his_own(self):
        """More requests, at the same time, than any user may have of other calls."""
        line = wire.Wire(self.bus.socket)
        self.addCleanup(line.close)
        names = [f'module{number}' for number in range(self.modules_in_tree)] * 2
        serials = [line.send('Uninstall', 'ssasa{sv}', wire.request(name, '1.0', [f'6.1.0-{number // self.modules_in_tree + 1}-amd64']))
                   for number, name in enumerate(names)]
        errors = [line.read_reply(serial)[0] for serial in serials]
        self.assertNotIn(LIMITS_EXCEEDED, errors)

    def test_a_list_is_never_older_than_the_call(self):
        crowd = self.begin(callers.deaf(self.bus.socket, 3, 2))
        crowd.wait_for_steps()
        for number in range(30):
            (self.tree / 'changing' / f'{number}.0' / '6.1.0-1-amd64' / 'x86_64' / 'module').mkdir(parents=True)
            listed = self.client.call('ListModules', '(a{sv})', ({},))[0]
            self.assertIn(f'{number}.0', [m['version'] for m in listed if m['name'] == 'changing'])

    def test_twenty_that_ask_for_what_is_done_hold_nobody_up(self):
        """A build goes on while others call without a pause: it ends before they have made many more calls."""
        kernel = self.kernel()
        self.add_source()
        held = self.add_gated_source()
        self.client.removed(self.client.change('Install', kernels=[kernel])[0])
        job, _ = self.client.change('Build', 'gated', kernels=[kernel])
        held.wait_for_build()

        def polite(process):
            lines = [wire.Wire(self.bus.socket) for _ in range(20)]
            body = wire.request('hello', '1.0', [kernel])
            while True:
                serials = [line.send('Install', 'ssasa{sv}', body) for line in lines]
                for line, serial in zip(lines, serials):
                    line.read_reply(serial)
                process.tell()

        crowd = self.begin(polite, same_user=True)
        crowd.wait_for_steps(2)
        held.open()
        self.assertEqual(self.client.removed(job)[0], 'done')
        held.close()
        crowd.wait_for_steps(1)
        self.wait_for_new_watchdog(1)


if __name__ == '__main__':
    unittest.main()
