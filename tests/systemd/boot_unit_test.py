# SPDX-License-Identifier: LGPL-2.1-or-later
"""The boot unit under a real systemd: what it does where dkmsd answers, and where it cannot be started at all."""

import json
import pathlib
import shutil
import unittest

from machine import Machine

import scratch

UNIT = 'dkms-autoinstall.service'
RUNTIME = pathlib.PurePosixPath('/run/systemd/system')


class BootUnit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.end)

    def setUp(self):
        kernels = scratch.kernels_with_headers()
        if not kernels:
            self.skipTest('no kernel headers are installed')
        self.kernel = kernels[0]
        for name in ('modules.dep', 'modules.order', 'modules.builtin', 'modules.builtin.modinfo'):  # headers alone have none
            self.machine.path(f'/usr/lib/modules/{self.kernel}/{name}').touch()
        self.addCleanup(self.forget_everything)
        # The machine runs the kernel of its host, for which nothing can be built.
        self.drop_in(UNIT, '[Unit]\nConditionPathIsReadWrite=\n[Service]\nExecStart=\n'
                           f'ExecStart=/usr/bin/dkmsctl autoinstall --hook -k {self.kernel}\n')
        self.began = self.machine.run('date', '+%s.%N')

    def forget_everything(self):
        self.machine.run('systemctl', 'stop', UNIT, 'dkmsd.service')
        self.machine.run('sh', '-c', 'rm -rf /var/lib/dkms /var/lib/dkmsd /usr/src/*-1.0 /usr/lib/modules/*/updates/dkms '
                                     '/etc/dkms/policy.conf.d/test.conf')
        self.machine.run('systemctl', 'reset-failed')

    def drop_in(self, unit, text):
        directory = self.machine.path(str(RUNTIME / f'{unit}.d'))
        directory.mkdir(parents=True)
        self.addCleanup(self.machine.run, 'systemctl', 'daemon-reload')
        self.addCleanup(shutil.rmtree, directory)
        (directory / 'test.conf').write_text(text)
        self.machine.run('systemctl', 'daemon-reload')

    def add_source(self, name='hello', more=''):
        target = self.machine.path(f'/usr/src/{name}-1.0')
        shutil.copytree(scratch.SAMPLES / 'hello-1.0', target)
        conf = target / 'dkms.conf'
        conf.write_text(conf.read_text().replace('PACKAGE_NAME="hello"', f'PACKAGE_NAME="{name}"') + more)
        # Without the service, so that nothing has been started before the unit is.
        self.machine.run('env', 'FAKEROOTKEY=1', 'dkmsctl', 'add', f'{name}/1.0')

    def show(self, *properties, unit=UNIT):
        lines = self.machine.run('systemctl', 'show', unit, *(f'--property={name}' for name in properties)).splitlines()
        values = dict(line.split('=', 1) for line in lines)
        return [values[name] for name in properties]

    def states(self):
        status = self.machine.run('env', 'FAKEROOTKEY=1', 'dkmsctl', 'status', '--json')
        return {module['name']: [kernel['state'] for kernel in module['kernels']] for module in json.loads(status)['modules']}

    def said(self):
        return self.machine.run('journalctl', '--quiet', '--output=cat', f'--since=@{self.began}', f'_SYSTEMD_UNIT={UNIT}')

    def start(self):
        self.machine.run('systemctl', 'start', UNIT)
        self.assertEqual(self.show('ActiveState', 'Result'), ['active', 'success'])

    def test_what_the_kernel_lacks_is_there_when_it_has_ended(self):
        self.add_source()
        self.start()
        self.assertEqual(self.states(), {'hello': ['installed']})
        self.assertEqual(self.show('ActiveState', unit='dkmsd.service'), ['active'])
        self.assertIn(f'Kernel {self.kernel}: 1 installed.', self.said())

    def test_dkmsd_is_masked(self):
        self.machine.run('systemctl', 'mask', '--runtime', 'dkmsd.service')
        self.addCleanup(self.machine.run, 'systemctl', 'unmask', '--runtime', 'dkmsd.service')
        self.add_source()
        self.start()
        self.assertEqual(self.states(), {'hello': ['installed']})

    def test_dkmsd_cannot_be_started(self):
        self.drop_in('dkmsd.service', '[Service]\nExecStart=\nExecStart=/bin/false\nRestart=no\n')
        self.add_source()
        self.start()
        self.assertEqual(self.states(), {'hello': ['installed']})

    def test_dkmsd_hangs(self):
        self.drop_in('dkmsd.service', '[Service]\nExecStart=\nExecStart=/bin/sleep infinity\nTimeoutStopSec=1s\n')
        self.add_source()
        self.start()
        self.assertEqual(self.states(), {'hello': ['installed']})

    def test_a_module_that_is_needed_fails_it_and_no_other_does(self):
        self.add_source('broken', more='MAKE[0]="exit 3"\n')
        self.start()
        self.machine.run('systemctl', 'stop', UNIT)
        self.machine.path('/etc/dkms/policy.conf.d/test.conf').write_text('broken boot\n')
        self.machine.run('systemctl', 'start', UNIT, code=1)
        self.assertEqual(self.show('Result', 'ExecMainStatus'), ['exit-code', '11'])
        self.assertIn(f'DO NOT BOOT KERNEL {self.kernel}', self.said())

    def test_it_has_the_name_that_distributions_know(self):
        self.assertEqual(self.show('Id', unit='dkms.service'), [UNIT])
        self.machine.run('systemctl', 'enable', 'dkms.service')
        self.assertEqual(self.machine.run('systemctl', 'is-enabled', UNIT), 'enabled')
        self.machine.run('systemctl', 'disable', UNIT)

    def test_presets_have_it_done_at_boot(self):
        for unit in (UNIT, 'dkmsd.service'):
            self.machine.run('systemctl', 'preset', unit)
            self.assertEqual(self.machine.run('systemctl', 'is-enabled', unit), 'enabled')
            self.machine.run('systemctl', 'disable', unit)

    def test_units_have_no_faults(self):
        for unit in ('dkms-autoinstall.service', 'dkmsd.service'):
            self.assertEqual(self.machine.run('systemd-analyze', 'verify', '--man=no', unit), '')


if __name__ == '__main__':
    unittest.main()
