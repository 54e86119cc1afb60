# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service knows of the kernels of a machine: which of them lack modules, and when headers or kernels arrive."""

import json
import pathlib
import unittest

from service import MANAGER, BusTest, GLib

GAPS = 'KernelsMissingModules'


class GapsTest(BusTest):
    def bootable_kernel(self):
        release = self.kernel()
        (self.modules / release / 'vmlinuz').touch()
        return release

    def told_gaps(self):
        """What PropertiesChanged has said of the gaps, in order."""
        return [s[2][1][GAPS] for s in self.client.signals
                if s[1] == 'PropertiesChanged' and s[2][0] == MANAGER and GAPS in s[2][1]]

    def test_a_kernel_that_lacks_a_module_is_told_of_until_it_has_it(self):
        self.add_source()
        kernel = self.bootable_kernel()
        self.assertEqual(self.client.property(GAPS), [])
        self.client.removed(self.client.change('Add')[0])
        told = self.client.wait_for(self.told_gaps, 'that hello is missing')[0]
        self.assertEqual(self.client.property(GAPS), told)
        self.assertEqual([(gap['kernel'], gap['boots_next'], gap['sentence']) for gap in told],
                         [(kernel, True, f'{kernel} boots next and lacks hello.')])
        self.assertEqual([(m['name'], m['version'], m['state']) for m in told[0]['missing']], [('hello', '1.0', 'missing')])

        self.client.removed(self.client.change('Install', kernels=[kernel])[0])
        self.client.wait_for(lambda: self.told_gaps()[-1] == [], 'that nothing is missing')
        self.assertEqual(self.client.property(GAPS), [])
        self.assertEqual(len(self.told_gaps()), 2, 'what has not changed is not told')

    def test_a_failed_build_is_the_reason(self):
        source = self.add_source()
        (source / 'hello.c').write_text('this is not C\n')
        kernel = self.bootable_kernel()
        self.client.removed(self.client.change('Install', kernels=[kernel])[0])
        missing = self.client.property(GAPS)[0]['missing'][0]
        self.assertEqual((missing['state'], missing['reason']), ('failed', "build: unknown type name 'this'"))

    def test_status_says_it_with_a_service_and_without(self):
        self.add_source()
        kernel = self.bootable_kernel()
        self.client.removed(self.client.change('Add')[0])
        sentence = f'{kernel} boots next and lacks hello.\n'
        trees = ['--dkmstree', self.tree, '--sourcetree', self.sources, '--installtree', self.modules]
        for words in ([], trees):
            self.assertIn(sentence, self.status(*words))
            self.assertIn(sentence, self.status('-k', kernel, *words))
            self.assertNotIn(sentence, self.status('-k', '0.*', *words))
            self.assertNotIn(sentence, self.status('hello', *words))
            gaps = json.loads(self.status('--json', *words))['kernels_missing_modules']
            self.assertEqual([(gap['kernel'], gap['missing'][0]['name']) for gap in gaps], [(kernel, 'hello')])
            self.assertNotIn('kernels_missing_modules', json.loads(self.status('--json', 'hello', *words)))

    def status(self, *words):
        return self.finish(self.dkmsctl('status', *words))


class LoginTest(BusTest):
    """What is told to whoever logs in."""
    below_root = True

    def setUp(self):
        super().setUp()
        self.file = self.directory / 'run' / 'motd.d' / 'dkms'
        self.add_source()
        self.kernel = '6.12.117-test'
        (self.modules / self.kernel).mkdir()
        (self.modules / self.kernel / 'vmlinuz').touch()

    def after(self, verb, **named):
        """What the file says when the service has told of the change that this makes; nothing when it is not there."""
        self.client.signals.clear()
        self.client.removed(self.client.change(verb, **named)[0])
        self.client.wait_for(lambda: any(GAPS in s[2][1] for s in self.client.signals if s[1] == 'PropertiesChanged'),
                             'that kernels lack something else')
        return self.file.read_text() if self.file.exists() else None

    def test_a_line_for_each_kernel_until_nothing_is_missing(self):
        (self.directory / 'run').mkdir()
        (self.modules / '6.1.0-1').mkdir()
        (self.modules / '6.1.0-1' / 'modules.order').touch()
        self.client.property('Version')
        self.assertEqual(self.after('Add'), f'Kernel {self.kernel} boots next and lacks hello. To see why: dkmsctl status\n'
                                            'Kernel 6.1.0-1 is installed and lacks hello. To see why: dkmsctl status\n')
        self.assertEqual((self.file.stat().st_mode & 0o777, [path.name for path in self.file.parent.iterdir()]), (0o644, ['dkms']))
        self.assertIsNone(self.after('Remove', options={'all': GLib.Variant('b', True)}))

    def test_what_lies_in_its_way_is_not_followed(self):
        elsewhere = self.directory / 'elsewhere'
        elsewhere.mkdir()
        (self.directory / 'run').mkdir()
        self.file.parent.symlink_to(elsewhere)
        self.after('Add')
        self.assertEqual(list(elsewhere.iterdir()), [])

    def test_a_system_without_run(self):
        self.assertIsNone(self.after('Add'))
        self.assertFalse((self.directory / 'run').exists())


class WaitTest(BusTest):
    """dkmsctl wait --kernel."""

    def setUp(self):
        super().setUp()
        self.release = self.kernel()
        (self.modules / self.release / 'vmlinuz').touch()
        self.trees = ['--dkmstree', self.tree, '--sourcetree', self.sources, '--installtree', self.modules]

    def add_gate(self, name):
        """A module whose build waits, with a file of its own beside those of others."""
        added = self.add_gated_source(name)
        with open(self.sources / f'{name}-1.0' / 'dkms.conf', 'a') as conf:
            conf.write(f'DEST_MODULE_NAME[0]="{name}"\n')
        return added

    def install(self, module):
        self.finish(self.dkmsctl('install', f'{module}/1.0', '-k', self.release, '--no-wait'))

    @staticmethod
    def line_about(process, module):
        """Reads what a dkmsctl says until it speaks of the module."""
        for line in process.stderr:
            if line.startswith(f'{module}/'):
                return line
        raise AssertionError(f'nothing is said of {module}')

    def test_it_waits_for_jobs_that_come_meanwhile_and_for_no_other_kernel(self):
        gates = [self.add_gate(name) for name in ('first', 'second', 'other')]
        (self.modules / '5.0.0-other' / 'kernel').mkdir(parents=True)
        self.install('other')
        gates[2].wait_for_build()
        self.finish(self.dkmsctl('wait', '-k', f'{self.release}/unheard-of'), 1)  # nobody knows, so it is not said to be complete
        self.finish(self.dkmsctl('wait', '-k', '5.0.0-other'), 11)  # it lacks that module, and nobody is about to install it there
        gates[2].open()
        self.install('first')
        gates[0].wait_for_build()
        waiting = self.dkmsctl('wait', '--kernel', self.release)
        self.line_about(waiting, 'first')
        self.install('second')
        gates[1].wait_for_build()
        gates[0].open()
        self.line_about(waiting, 'second')
        gates[1].open()
        out = self.finish(waiting)
        self.assertTrue(out.endswith(f'{self.release} lacks no module.\n'), out)
        for gate in gates:
            gate.close()

    def test_a_kernel_that_lacks_a_module(self):
        self.add_source()
        self.client.removed(self.client.change('Add')[0])
        sentence = f'{self.release} boots next and lacks hello.\n'
        for words in ([], self.trees):
            process = self.dkmsctl('wait', '-k', self.release, '--quiet', *words)
            out, err = process.communicate()
            self.assertEqual((process.returncode, out), (11, ''), err)
            self.assertIn(sentence, err)
            said = json.loads(self.finish(self.dkmsctl('wait', '-k', self.release, '--json', *words), 11))
            self.assertEqual((said['exit_code'], said['jobs']), (11, []))
            self.assertEqual([gap['sentence'] + '\n' for gap in said['kernels_missing_modules']], [sentence])
        (self.modules / '0.1').mkdir()  # nothing can be said of a directory, nor of headers alone
        self.finish(self.dkmsctl('wait', '-k', '0.1'), 6)
        (self.modules / '0.1' / 'build').mkdir()
        self.finish(self.dkmsctl('wait', '-k', '0.1'), 6)
        (self.modules / '0.2').mkdir()
        (self.modules / '0.2' / 'modules.order').touch()
        self.client.removed(self.client.change('Remove', options={'all': GLib.Variant('b', True)})[0])
        self.assertEqual(self.finish(self.dkmsctl('wait', '-k', '0.2')), '0.2 lacks no module.\n')
        # Only bash can tell whether it wants to be there, and it was never built.
        self.add_source('bashful', more='if true; then AUTOINSTALL=yes; fi\n')
        self.client.removed(self.client.change('Add', 'bashful')[0])
        for words in ([], self.trees):
            said = json.loads(self.finish(self.dkmsctl('wait', '-k', self.release, '--json', *words), 11))
            self.assertEqual([one['name'] for gap in said['kernels_missing_modules'] for one in gap['missing']], ['bashful'])

    def test_a_kernel_that_is_not_there(self):
        for words in ([], self.trees):
            said = json.loads(self.finish(self.dkmsctl('wait', '-k', self.release + 'x', '--json', *words), 6))
            self.assertEqual((said['error'], said['parameters']['path']), ('NoSuchKernel', f'{self.modules}/{self.release}x'))


class ArrivalTest(BusTest):
    """A kernel without headers, a service that has seen it, and the machine's headers, which come in parts."""

    def setUp(self):
        super().setUp()
        self.release = self.kernel()
        (self.modules / self.release / 'build').unlink()
        self.real = (pathlib.Path('/lib/modules') / self.release / 'build').resolve()
        self.headers = self.directory / 'headers'
        self.add_source()
        self.client.removed(self.client.change('Add')[0])

    def bring(self, *names):
        """Parts of the headers, which are the machine's own."""
        self.headers.mkdir(exist_ok=True)
        for name in names:
            (self.headers / name).symlink_to(self.real / name)

    def everything_but(self, *names):
        return [path.name for path in self.real.iterdir() if path.name not in names]

    def state(self):
        kernels = self.client.call('ListModules', '(a{sv})', ({},))[0][0]['kernels']
        return [(kernel['state'], kernel.get('note', '')) for kernel in kernels]

    def autoinstalls(self):
        jobs = [self.client.call('GetJob', '(t)', (s[2][0],))[0] for s in self.client.signals if s[1] == 'JobNew']
        return [job for job in jobs if job['request']['request'] == 'autoinstall']

    def ended_by_itself(self):
        def find():
            return [job for job in self.autoinstalls() if job.get('result')]
        return self.client.wait_for(find, 'an autoinstall that nobody asked for')

    def wait_in_vain(self):
        """A module that waits for headers."""
        job = self.client.call('Autoinstall', '(asa{sv})', ([self.release], {}))[0]
        self.client.removed(job)
        self.client.signals.clear()
        self.assertEqual(self.state()[0][0], 'waiting')
        self.assertIn(self.release, self.state()[0][1])

    def test_a_waiting_module_is_built_when_headers_arrive(self):
        self.wait_in_vain()
        (self.modules / self.release / 'build').symlink_to(self.headers)  # of a package whose files follow
        self.bring(*self.everything_but())
        # Whoever asks now hears of the kernel when it is complete: that nobody works on it yet is no answer.
        self.assertIn(f'{self.release} lacks no module.\n', self.finish(self.dkmsctl('wait', '-k', self.release)))
        self.assertEqual(self.client.property('KernelsArriving'), [])
        job = self.ended_by_itself()[0]
        self.assertEqual((job['result'], job['request']['kernels'][0].split('/')[0]), ('done', self.release))
        self.assertEqual([state for state, note in self.state()], ['installed'])
        self.assertEqual(len(self.autoinstalls()), 1)

    def test_headers_that_are_half_there_are_waited_for(self):
        self.wait_in_vain()
        common = self.directory / 'common'
        (self.modules / self.release / 'build').symlink_to(self.headers)
        self.bring(*self.everything_but('Makefile', 'Module.symvers'))
        (self.headers / 'Makefile').write_text(f'# like those of Debian\ninclude {common}/Makefile\n')
        self.bring('Module.symvers')
        self.quiet_time()
        self.quiet_time()  # complete ones are looked at twice
        self.assertEqual(self.autoinstalls(), [], 'the package with what is included is missing')
        common.mkdir()
        (common / 'Makefile').write_text((self.real / 'Makefile').read_text())
        self.ended_by_itself()

    def test_a_kernel_that_somebody_installs_gets_its_modules(self):
        self.client.property(GAPS)
        kernel = self.modules / self.release
        aside = self.directory / 'aside'
        kernel.rename(aside)
        (aside / 'build').symlink_to(self.real)
        self.quiet_time()
        aside.rename(kernel)
        self.assertEqual(self.ended_by_itself()[0]['result'], 'done')
        self.assertEqual([state for state, note in self.state()], ['installed'])

    def test_directories_that_vanish(self):
        pid = self.client.daemon_pid()
        for path in self.modules.iterdir():
            path.rename(self.directory / 'gone')
        self.modules.rmdir()
        self.quiet_time()
        self.assertEqual(self.client.daemon_pid(), pid)

    def quiet_time(self):
        """Until the service has looked at what has changed: another kernel, which comes later, has been noticed."""
        self.modules.mkdir(exist_ok=True)
        before = len(self.client.signals)
        other = self.modules / f'0.{before}'
        other.mkdir()
        (other / 'vmlinuz').touch()
        self.client.wait_for(lambda: any(
            s[1] == 'PropertiesChanged' and any(gap['kernel'] == other.name for gap in s[2][1].get(GAPS, []))
            for s in self.client.signals[before:]), 'that another kernel is noticed')


if __name__ == '__main__':
    unittest.main()
