# SPDX-License-Identifier: LGPL-2.1-or-later
"""Jobs of a service whose tree, or whose own directory, cannot be written when it starts, or from then on: they wait, show why, and are done
when that is over; what is asked for meanwhile is refused. In a mount namespace of the test's own."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import unittest

from service import BusTest, GLib, gate, wait_for_exit

INSIDE = 'DKMS_TEST_NAMESPACE'


def mount(*words):
    subprocess.run(['mount', *map(str, words)], check=True)


class UnwritableTest(BusTest):
    def setUp(self):
        super().setUp()
        self.state = self.directory / 'state'
        self.state.mkdir()
        for place in (self.tree, self.state):
            mount('-t', 'tmpfs', '-o', 'size=2m,mode=755', 'none', place)
        self.addCleanup(lambda: subprocess.run(['umount', '--lazy', self.tree, self.state], check=True))

    def tearDown(self):
        self.stop_service()
        self.doCleanups()
        super().tearDown()

    def log(self):
        return (self.directory / 'log').read_text()

    def view(self, job):
        return self.client.call('GetJob', '(t)', (job,))[0]

    def hold_tree(self):
        """Another one that has the tree's lock, until communicate()."""
        lock = self.tree / '.dkmsd' / 'lock'
        lock.parent.mkdir(exist_ok=True)
        holder = subprocess.Popen(['flock', lock, 'sh', '-c', 'echo held; read line'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holder.stdout.readline()
        return holder

    def ask_for_jobs(self):
        for name in 'abc':
            self.add_source(name)
        return [self.client.change('Add', name)[0] for name in 'abc']

    def leave_jobs(self):
        """Jobs that a service which has died had accepted."""
        holder = self.hold_tree()
        jobs = self.ask_for_jobs()
        self.end()
        holder.communicate()
        return jobs

    def fill_tree(self):
        with open(self.tree / 'filler', 'wb', buffering=0) as filler:
            try:
                while True:
                    filler.write(b'x' * 4096)
            except OSError as full:
                self.assertEqual(full.errno, errno.ENOSPC)

    def end(self, number=signal.SIGTERM):
        pid = self.client.daemon_pid()
        os.kill(pid, number)
        wait_for_exit(pid)

    def check_waiting(self, jobs, reason):
        self.client.wait_for(lambda: GLib.timeout_add(20, lambda: GLib.SOURCE_REMOVE)
                             and all(reason in self.view(job).get('waits', '') for job in jobs), 'why they wait')
        self.assertEqual([self.view(job)['state'] for job in jobs], ['queued'] * len(jobs))
        shown = self.finish(self.dkmsctl('jobs'))
        self.assertEqual((shown.count('waiting'), shown.count(reason)), (3, 3), shown)
        self.assertIn(reason, self.log())
        self.dkmsctl('status').communicate()
        self.assertIn(self.client.error_of('Add', '(ssa{sv})', ('late', '1.0', {})),
                      ('org.dkms1.Error.TreeNotWritable', 'org.dkms1.Error.DiskFull'))

    def check_done(self, jobs):
        self.client.wait_for(lambda: GLib.timeout_add(50, lambda: GLib.SOURCE_REMOVE)
                             and all(self.view(job).get('result') for job in jobs), 'their ends')
        self.assertEqual([self.view(job)['result'] for job in jobs], ['done'] * 3)
        names = sorted(m['name'] for m in self.client.call('ListModules', '(a{sv})', ({},))[0])
        self.assertEqual(names, list('abc'))

    def test_read_only(self):
        jobs = self.leave_jobs()
        self.add_source('late')
        mount('-o', 'remount,bind,ro', self.tree)
        for number in (signal.SIGTERM, signal.SIGKILL) * 2:
            self.check_waiting(jobs, os.strerror(errno.EROFS))
            self.end(number)
        mount('-o', 'remount,bind,ro', self.state)
        self.check_waiting(jobs, os.strerror(errno.EROFS))
        following = self.dkmsctl('wait', str(jobs[-1]))
        self.end()
        self.check_waiting(jobs, os.strerror(errno.EROFS))
        for place in (self.state, self.tree):
            mount('-o', 'remount,bind,rw', place)
        self.check_done(jobs)
        self.finish(following)

    def test_only_its_own_directory_is_read_only(self):
        """The jobs are done, their results written when they can be."""
        jobs = self.leave_jobs()
        mount('-o', 'remount,bind,ro', self.state)
        self.check_done(jobs)
        self.assertNotIn('"result"', (self.state / 'jobs' / str(jobs[0]) / 'job.json').read_text())
        mount('-o', 'remount,bind,rw', self.state)
        self.end()
        for job in jobs:
            self.assertIn('"result": "done"', (self.state / 'jobs' / str(job) / 'job.json').read_text())

    def test_full(self):
        jobs = self.leave_jobs()
        self.add_source('late')
        self.fill_tree()
        for number in (signal.SIGTERM, signal.SIGKILL) * 2:
            self.check_waiting(jobs, 'There is no space left')
            self.end(number)
        self.client.properties()
        (self.tree / 'filler').unlink()
        self.check_done(jobs)

    def test_it_becomes_so_when_they_have_been_accepted(self):
        for make_so, reason, end in (
                (lambda: mount('-o', 'remount,bind,ro', self.tree), os.strerror(errno.EROFS), lambda: mount('-o', 'remount,bind,rw', self.tree)),
                (self.fill_tree, 'There is no space left', (self.tree / 'filler').unlink)):
            with self.subTest(reason):
                holder = self.hold_tree()
                jobs = self.ask_for_jobs()
                self.add_source('late')
                waiting = self.dkmsctl('wait', str(jobs[0]))
                make_so()
                holder.communicate()
                self.check_waiting(jobs, reason)
                end()
                self.check_done(jobs)
                self.finish(waiting)
                self.stop_service()
                for name in (*'abc', 'late'):
                    shutil.rmtree(self.sources / f'{name}-1.0')
                    shutil.rmtree(self.tree / name, ignore_errors=True)

    def test_it_becomes_read_only_while_a_step_runs(self):
        """That job waits, too, and that step of it is done once more."""
        fifo = self.directory / 'gate-script'
        script = self.add_source(more='PRE_INSTALL="held.sh"\n') / 'held.sh'
        script.write_text(f'#!/bin/sh\nread line < {fifo}\n')
        script.chmod(0o755)
        held = gate.Gate(fifo)
        kernel = self.kernel()
        job = self.client.change('Install', kernels=[kernel])[0]
        held.wait_for_build()
        later = self.client.call('Autoinstall', '(asa{sv})', ([kernel], {}))[0]
        mount('-o', 'remount,bind,ro', self.tree)
        held.open()
        reason = os.strerror(errno.EROFS)
        self.client.wait_for(lambda: GLib.timeout_add(20, lambda: GLib.SOURCE_REMOVE)
                             and all(reason in self.view(one).get('waits', '') for one in (job, later)), 'why they wait')
        self.assertIn(reason, self.log())
        self.assertIn(reason, self.finish(self.dkmsctl('jobs')))
        mount('-o', 'remount,bind,rw', self.tree)
        held.wait_for_build()
        held.open()
        self.assertEqual(self.client.removed(job)[0], 'done')
        self.assertIn(self.client.removed(later)[0], ('done', 'skipped'))
        held.close()
        kernels = self.client.call('ListModules', '(a{sv})', ({},))[0][0]['kernels']
        self.assertEqual([one['state'] for one in kernels], ['installed'])

    def test_full_tree_gives_room_back(self):
        self.add_source()
        self.add_source('late')
        self.client.removed(self.client.change('Add')[0])
        self.fill_tree()
        self.assertEqual(self.client.error_of('Add', '(ssa{sv})', ('late', '1.0', {})), 'org.dkms1.Error.DiskFull')
        job = self.client.call('Remove', '(ssasa{sv})', ('hello', '1.0', [], {'all': GLib.Variant('b', True)}))[0]
        self.assertEqual(self.client.removed(job), ('done', '', ''))

    def test_what_a_job_is_about_cannot_be_read_when_it_begins(self):
        """It waits until it can be, and others do not wait for it."""
        holder = self.hold_tree()
        jobs = self.ask_for_jobs()
        source = self.sources / 'b-1.0'
        source.rename(self.sources / 'aside')
        source.symlink_to(source.name)
        holder.communicate()
        self.assertEqual([self.client.removed(job)[0] for job in (jobs[0], jobs[2])], ['done'] * 2)
        self.client.wait_for(lambda: GLib.timeout_add(20, lambda: GLib.SOURCE_REMOVE)
                             and os.strerror(errno.ELOOP) in self.view(jobs[1]).get('waits', ''), 'why it waits')
        self.add_source('late')
        self.assertEqual(self.client.removed(self.client.change('Add', 'late')[0])[0], 'done')
        self.finish(self.dkmsctl('remove', 'late/1.0', '--all', '--dkmstree', self.tree, '--sourcetree', self.sources,
                                 '--installtree', self.modules))  # the tree is not kept meanwhile
        source.unlink()
        (self.sources / 'aside').rename(source)
        self.check_done(jobs)

    def test_nothing_but_the_service_was_there(self):
        """Where its directory cannot even be made, it starts, answers, and accepts nothing."""
        self.add_source()
        mount('-o', 'remount,bind,ro', self.state)
        self.assertEqual(self.client.call('ListModules', '(a{sv})', ({},))[0], [])
        self.assertEqual(self.client.error_of('Add', '(ssa{sv})', ('hello', '1.0', {})), 'org.dkms1.Error.TreeNotWritable')
        mount('-o', 'remount,bind,rw', self.state)
        self.client.removed(self.client.change('Add')[0])


if __name__ == '__main__':
    if INSIDE not in os.environ:
        as_root = [] if os.getuid() == 0 else ['--user', '--map-root-user']
        os.environ[INSIDE] = 'yes'
        os.execvp('unshare', ['unshare', *as_root, '--mount', '--propagation', 'private', sys.executable, *sys.argv])
    unittest.main()
