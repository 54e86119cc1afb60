# SPDX-License-Identifier: LGPL-2.1-or-later
"""Jobs as a program on the bus sees them."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from service import BUILD, JOB, BusTest, Client, GLib, gate, shells


class JobsTest(BusTest):
    def test_add_and_what_is_heard_of_it(self):
        self.add_source()
        job, path = self.client.change('Add')
        self.assertEqual(path, f'/org/dkms1/job/_{job}')
        self.assertEqual(self.client.removed(job), ('done', '', ''))
        members = [member for where, member, arguments in self.client.signals]
        self.assertLess(members.index('JobNew'), members.index('JobRemoved'))
        self.client.wait_for(lambda: any(s[1] == 'ModulesChanged' for s in self.client.signals), 'ModulesChanged')
        modules = self.client.call('ListModules', '(a{sv})', ({},))[0]
        self.assertEqual([(m['name'], m['version'], m['kernels']) for m in modules], [('hello', '1.0', [])])
        self.assertEqual(self.client.error_of('Add', '(ssa{sv})', ('hello', '1.0', {})), 'org.dkms1.Error.AlreadyAdded')

    def test_install_from_the_first_line_to_the_last(self):
        self.add_source()
        kernel = self.kernel()
        began = time.monotonic()
        job, path = self.client.change('Install', kernels=[kernel])
        constant = self.client.properties(path, JOB)
        self.assertEqual(self.client.removed(job), ('done', '', ''))
        seconds = time.monotonic() - began

        self.assertEqual((constant['Id'], constant['Operation'], constant['Module'], constant['ModuleVersion']),
                         (job, 'install', 'hello', '1.0'))
        self.assertEqual(constant['Kernels'][0].split('/')[0], kernel)
        after = self.client.properties(path, JOB)
        self.assertEqual((after['State'], after['Result'], after['ErrorName']), ('ended', 'done', ''))
        self.assertEqual(after['Progress'], 100)

        changes = [s[2][1] for s in self.client.signals if s[0] == path and s[1] == 'PropertiesChanged']
        shown = [c['Progress'] for c in changes if 'Progress' in c]
        self.assertEqual(shown, sorted(shown))
        self.assertLessEqual(len(changes), seconds * 10 + 3)
        order = [s[1] for s in self.client.signals if s[0] == path or s[1] == 'JobRemoved']
        self.assertEqual(order[-1], 'JobRemoved')

        with self.client.descriptor(path, 'Events') as events:
            lines = [json.loads(line) for line in events]
        self.assertEqual((lines[0]['event'], lines[-1]['event']), ('job-new', 'job-ended'))
        with self.client.descriptor(path, 'OpenLog') as log:
            self.assertIn(b'hello', log.read())
        view = self.client.call('GetJob', '(t)', (job,))[0]
        self.assertEqual((view['state'], view['result']), ('ended', 'done'))
        state = self.client.call('ListModules', '(a{sv})', ({},))[0][0]['kernels'][0]
        self.assertEqual((state['release'], state['state']), (kernel, 'installed'))

    def test_several_kernels_are_parts_of_one_job(self):
        self.add_source()
        job, path = self.client.change('Build', kernels=self.kernels(2))
        self.assertEqual(self.client.removed(job)[0], 'done')
        ended = [s[2][0] for s in self.client.signals if s[1] == 'JobRemoved']
        self.assertEqual((len(ended), ended[-1]), (3, job), 'the whole ends after its parts')
        for part in ended[:-1]:
            self.assertEqual(self.client.property('Parent', f'/org/dkms1/job/_{part}', JOB), job)
        with self.client.descriptor(path, 'Events') as events:
            told = {json.loads(line)['job'] for line in events}
        self.assertEqual(told, set(ended), 'one stream tells of all')

    def test_a_failed_build_says_why(self):
        source = self.add_source()
        (source / 'hello.c').write_text('this is not C\n')
        job, path = self.client.change('Build', kernels=[self.kernel()])
        result, name, message = self.client.removed(job)
        self.assertEqual((result, name), ('failed', 'org.dkms1.Error.BuildFailed'))
        self.assertEqual((self.client.property('ErrorName', path, JOB), self.client.property('ErrorMessage', path, JOB)),
                         (name, message))
        self.assertIn('hello', message)
        facts = self.client.call('GetJob', '(t)', (job,))[0]['error']
        self.assertEqual((facts['error'], facts['message']), ('BuildFailed', message))
        self.assertEqual(facts['parameters']['module'], 'hello/1.0')

    def test_a_long_complaint_does_not_end_the_service(self):
        self.add_source(more=f'AUTOINSTALL="{"x" * 100000}"\n')
        self.client.properties()
        pid = self.client.daemon_pid()
        job = self.client.change('Add')[0]
        result, name, message = self.client.removed(job)
        self.assertEqual((result, name), ('failed', 'org.dkms1.Error.ConfInvalid'))
        self.assertIn('AUTOINSTALL', message)
        self.assertEqual(self.client.daemon_pid(), pid)

    def test_more_that_is_needed_than_fits_a_line(self):
        kernel = self.kernel()
        names = [f'module-with-{"long-" * 16}name-{number}' for number in range(120)]  # some 80 KB in one answer
        for name in names:
            self.add_source(name, more='MAKE[0]="false"\n')
            self.client.removed(self.client.change('Add', name)[0])
        pid = self.client.daemon_pid()
        job = self.client.call('Autoinstall', '(asa{sv})', ([kernel], {}))[0]
        self.assertEqual(self.client.removed(job)[:2], ('failed', 'org.dkms1.Error.AutoinstallFailed'))
        self.assertEqual(self.client.daemon_pid(), pid)
        states = {m['name']: [k['state'] for k in m['kernels']] for m in self.client.call('ListModules', '(a{sv})', ({},))[0]}
        self.assertEqual(states, {name: ['failed'] for name in names})

    def test_cancel(self):
        gate = self.add_gated_source()
        job, path = self.client.change('Build', 'gated', kernels=[self.kernel()])
        gate.wait_for_build()
        self.assertEqual(self.client.property('NRunning'), 1)
        self.client.cancel(path)
        self.assertEqual(self.client.removed(job)[:2], ('cancelled', 'org.dkms1.Error.Cancelled'))
        self.assertEqual(self.client.property('NRunning'), 0)
        gate.close()

    def test_two_who_ask_for_the_same(self):
        gate = self.add_gated_source()
        other = Client(self.bus)
        self.addCleanup(other.close)
        words = {'module': 'gated', 'kernels': [self.kernel()]}
        job, path = self.client.change('Build', **words)
        self.assertEqual(other.change('Build', **words), (job, path))
        gate.wait_for_build()
        self.client.cancel(path)  # the other one still waits for it
        gate.open()
        self.assertEqual(other.removed(job)[0], 'done')
        self.assertEqual([s[2][0] for s in self.client.signals if s[1] == 'JobNew'], [job])
        gate.close()

    def test_dkmsctl_over_the_bus(self):
        self.add_source()
        kernel = self.kernel()
        self.finish(self.dkmsctl('install', 'hello/1.0', '-k', kernel))
        shown = json.loads(self.finish(self.dkmsctl('status', '--json')))
        self.assertIn(kernel, json.dumps(shown))
        jobs = self.client.call('ListJobs', '(t)', (0,))[0]
        self.assertEqual([(row[1], row[2]) for row in jobs], [('install', 'ended')])
        self.finish(self.dkmsctl('wait', str(jobs[0][0])))
        self.assertIn('hello', self.finish(self.dkmsctl('log', str(jobs[0][0]))))

    def test_dkmsctl_cancels_on_interrupt(self):
        gate = self.add_gated_source()
        waiting = self.dkmsctl('build', 'gated/1.0', '-k', self.kernel())
        gate.wait_for_build()
        waiting.send_signal(2)
        self.finish(waiting, 130)
        gate.close()
        jobs = self.client.call('ListJobs', '(t)', (0,))[0]
        self.assertEqual(self.client.call('GetJob', '(t)', (jobs[0][0],))[0]['result'], 'cancelled')

    def test_what_nobody_waits_for_yields(self):
        kernel = self.kernel()
        own = os.nice(0)  # which the service has inherited
        for name in ('awaited', 'unawaited', 'unawaited-too'):
            self.add_source(name)
            self.let_tell_niceness(name)
        self.finish(self.dkmsctl('build', 'awaited/1.0', '-k', kernel))
        job = json.loads(self.finish(self.dkmsctl('build', 'unawaited/1.0', '-k', kernel, '--no-wait', '--json')))['job']
        self.finish(self.dkmsctl('wait', str(job)))  # is not to have asked for it
        options = {'background': GLib.Variant('b', True)}
        self.client.removed(self.client.change('Build', 'unawaited-too', kernels=[kernel], options=options)[0])
        self.assertEqual(self.told_niceness('awaited', kernel)[0], str(own))
        for name in ('unawaited', 'unawaited-too'):
            self.assertEqual(self.told_niceness(name, kernel), (str(max(own, 10)), 'best-effort: prio 7'))

    def test_background_is_true_or_false(self):
        self.add_source()
        wrong = ('hello', '1.0', {'background': GLib.Variant('s', 'yes')})
        self.assertEqual(self.client.error_of('Add', '(ssa{sv})', wrong), 'org.freedesktop.DBus.Error.InvalidArgs')
        self.client.removed(self.client.change('Add', options={'background': GLib.Variant('b', False)})[0])

    def test_no_wait_and_joined(self):
        gate = self.add_gated_source()
        words = ('build', 'gated/1.0', '-k', self.kernel(), '--no-wait', '--json')
        first = json.loads(self.finish(self.dkmsctl(*words)))
        second = json.loads(self.finish(self.dkmsctl(*words)))
        self.assertEqual((first['joined'], second['joined'], second['job']), (False, True, first['job']))
        gate.wait_for_build()
        gate.open()
        self.finish(self.dkmsctl('wait', str(first['job'])))
        gate.close()


class PersonTest(BusTest):
    """What a person types who has the service."""

    def said(self, *words, code=0):
        """What a dkmsctl said: standard output and standard error."""
        process = self.dkmsctl(*words)
        out, err = process.communicate(timeout=gate.PATIENCE)
        self.assertEqual(process.returncode, code, f'{words}\nstdout: {out}\nstderr: {err}')
        return out, err

    def test_logs_of_jobs_and_of_modules(self):
        first, second = self.kernels(2)
        broken = self.add_source('broken', more='CLEAN="make clean"\n')
        (broken / 'hello.c').write_text('this is not C\n')
        self.assertEqual(self.said('log', code=6)[1], "dkmsctl: No build has failed.\n  A build's log: dkmsctl log MODULE\n")
        self.add_source()
        self.said('build', 'hello/1.0', '-k', first, '-k', second)  # jobs 1 to 3
        out, err = self.said('log', '1')
        self.assertEqual(err, ''.join(f'==> job {job}: hello/1.0, kernel {kernel} <==\n' for job, kernel in ((2, first), (3, second))))
        self.assertEqual(out.count('Building module(s)'), 2, 'that of a job has those of its parts')
        self.assertEqual(out.count('KERNELRELEASE=' + second), 1)

        err = self.said('build', 'broken/1.0', '-k', first, code=10)[1]
        self.assertNotIn('eprecated', err, 'this concerns the author of the module')
        self.assertIn('The whole log: dkmsctl log 4\n', err)
        out, err = self.said('log', '4')
        self.assertIn(f'\nDeprecated: CLEAN in {broken}/dkms.conf.\n', out)
        self.assertIn("hello.c:1:", out)
        self.assertEqual(err, '')
        for words in ((), ('broken',), ('broken/1.0', '-k', first), ('broken', '-k', '6.*')):
            found = self.said('log', *words)
            self.assertIn("hello.c:1:", found[0])
            self.assertRegex(found[1], rf'^broken/1\.0, kernel {first} \(failed\): {self.tree}/broken/.*\.log\n$')
        out, err = self.said('log', 'hello', '-k', first)
        self.assertIn('KERNELRELEASE=' + first, out)
        self.assertRegex(err, rf'^hello/1\.0, kernel {first} \(built\): {self.tree}/hello/1\.0/{first}/\w+/log/make\.log\n$')
        self.said('log', 'broken', '-k', second, code=6)
        self.assertIn("Did you mean 'hello'?", self.said('log', 'helo', code=3)[1])
        self.assertIn('There is no job 99.', self.said('log', '99', code=1)[1])

        self.add_source('quiet')
        self.said('add', 'quiet/1.0')
        self.assertEqual(self.said('log', '5'), ('', 'Job 5 has printed nothing.\n'))

    def test_following_a_log(self):
        kernel = self.kernel()
        opened = self.add_gated_source()
        self.assertEqual(self.said('build', 'gated/1.0', '-k', kernel, '--no-wait')[0], 'gated/1.0  accepted as job 1\n')
        opened.wait_for_build()
        followers = [self.dkmsctl('log', '-f', word) for word in ('1', 'gated')]
        left = self.dkmsctl('log', '--follow', '1')
        unread = [self.dkmsctl('log', '-f', '1'), self.dkmsctl('monitor')]
        for follower in (*followers, left, unread[0]):
            self.assertIn('make.log for gated/1.0', follower.stdout.readline())
        self.assertIn('make.log for gated/1.0', self.said('log', 'gated')[0], 'as far as it is')
        left.send_signal(signal.SIGINT)
        self.finish(left, 130)
        for one in unread:
            one.stdout.close()
        opened.open()
        for one in unread:
            self.assertEqual(one.wait(timeout=gate.PATIENCE), -signal.SIGPIPE, 'it ends with its reader')
            one.stderr.close()
        for follower in followers:
            out = self.finish(follower)
            self.assertIn('# exit code: 0', out.splitlines()[-3:])
        self.assertEqual(self.said('log', '-f', '1')[0].count('# exit code: 0'), 1, 'one that has ended is only printed')

    def test_a_job_that_is_over_cannot_be_cancelled(self):
        self.add_source()
        self.said('add', 'hello/1.0')
        error = ('dkmsctl: Job 1 has already ended: done.\n  What it printed: dkmsctl log 1\n')
        self.assertEqual(self.said('cancel', '1', code=1), ('', error))
        self.assertEqual(self.client.error_of('Cancel', '(a{sv})', ({},), path='/org/dkms1/job/_1', interface=JOB),
                         'org.dkms1.Error.NotCancelable')
        self.stop_service()
        self.assertEqual(self.said('cancel', '1', code=1), ('', error), 'it is the same of the history')
        said = json.loads(self.said('cancel', '1', '--json', code=1)[0])
        self.assertEqual((said['error'], said['message']), ('NotCancelable', 'Job 1 has already ended: done.'))
        self.assertIn('There is no job 7.', self.said('cancel', '7', code=1)[1])

    def test_what_nearly_has_that_name(self):
        kernel = self.kernel()
        self.add_source()
        self.add_source('v4l2loopback', '0.12.7')
        hint = lambda *words, code: self.said(*words, code=code)[1].splitlines()[1]
        self.assertEqual(hint('build', 'hello', code=3), f'  To register the source {self.sources}/hello-1.0: dkmsctl add hello/1.0')
        self.assertEqual(hint('add', 'helo/1.0', code=2), "  Did you mean 'hello-1.0'?")
        self.said('add', 'v4l2loopback/0.12.7')
        self.assertEqual(hint('install', 'v4l2lopback', code=3), "  Did you mean 'v4l2loopback'?")
        self.assertEqual(hint('remove', 'v4l2loopback/0.12.8', '--all', code=3), '  Registered versions of v4l2loopback: 0.12.7.')
        self.assertEqual(hint('build', 'v4l2loopback', '-k', kernel + 'x', code=21), f"  Did you mean '{kernel}'?")
        self.assertEqual(self.said('status', 'v4l2'), ('', "There are no such modules. Did you mean 'v4l2loopback'?\n"))
        self.assertEqual(self.said('status', 'zfs'), ('', 'There are no such modules.\n'))

    def test_shells_complete_the_numbers_of_jobs(self):
        kernel = self.kernel()
        opened = self.add_gated_source()
        self.said('add', 'gated/1.0')
        self.said('build', 'gated/1.0', '-k', kernel, '--no-wait')
        opened.wait_for_build()
        tree = f'--dkmstree={self.tree}'
        with shells.Zsh() as zsh:
            for shell, offers in (('bash', shells.bash), ('fish', shells.fish), ('zsh', zsh)):
                if not shutil.which(shell):
                    continue
                with self.subTest(shell):
                    def offered(line):
                        return offers(f'{BUILD}/client/dkmsctl {line}', self.directory, DBUS_SYSTEM_BUS_ADDRESS=self.bus.address)
                    for line in ('cancel ', 'wait '):
                        self.assertEqual(set(offered(line)), {'2'}, 'those that have not ended')
                    self.assertEqual(set(offered(f'log {tree} ')), {'1', '2', 'gated/1.0'})
                    if shell == 'fish':
                        self.assertEqual(offered('cancel ')['2'], f'build gated/1.0 {kernel} building')
        opened.open()

    def test_without_a_command(self):
        self.add_source()
        self.said('add', 'hello/1.0')
        out, err = self.said()
        self.assertRegex(out, r'^1 module is registered, and not built for any kernel\.\n\nUsage: dkmsctl COMMAND')
        self.assertTrue(out.endswith(self.said('help')[0]))
        self.assertEqual(err, '')

    def test_an_import_is_called_so(self):
        source = self.add_source()
        archive = self.directory / 'hello.tar.gz'
        subprocess.run(['tar', '-C', source.parent, '-czf', archive, source.name], check=True)
        shutil.rmtree(source)
        out, err = self.said('import', str(archive))
        self.assertRegex(out, r'^hello/1\.0  imported in \S+ s\n$')
        self.assertEqual(err.splitlines()[0], 'hello.tar.gz  importing')
        self.assertRegex(self.said('jobs')[0].splitlines()[1], r'^1 +import +')
        err = self.said('import', str(archive), code=3)[1]
        self.assertRegex(err, r'\nhello\.tar\.gz  failed while importing, after \S+ s\n  hello/1\.0 is already in ')
        self.assertNotIn('log', err, 'nothing was run that would have printed something')


if __name__ == '__main__':
    unittest.main()
