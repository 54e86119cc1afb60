# SPDX-License-Identifier: LGPL-2.1-or-later
"""Jobs as a program on the bus sees them."""

import json
import os
import time
import unittest

from service import JOB, BusTest, Client, GLib


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


if __name__ == '__main__':
    unittest.main()
