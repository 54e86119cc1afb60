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


class Units(unittest.TestCase):
    """What the tests of units have in common."""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.end)

    def setUp(self):
        self.kernel = self.machine.kernel_for_builds()
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


class BootUnit(Units):
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
        for unit in ('dkms-autoinstall.service', 'dkmsd.service', 'dkms-device@hello.service', 'dkms.slice', 'dkms-tree@1.service',
                     'dkms-build@1.service', 'dkms-build-network@1.service', 'dkms-build-root@1.service',
                     'dkms-build-root-network@1.service', 'dkms-script@1.service', 'dkms-sign@1.service', 'dkms-tree.socket', 'dkms-build.socket',
                     'dkms-build-network.socket', 'dkms-build-root.socket', 'dkms-build-root-network.socket', 'dkms-script.socket', 'dkms-sign.socket'):
            self.assertEqual(self.machine.run('systemd-analyze', 'verify', '--man=no', unit), '')


class DeviceUnit(Units):
    """As udev would start it."""
    UNIT = 'dkms-device@hello.service'

    def setUp(self):
        super().setUp()
        self.drop_in('dkms-device@.service', '[Unit]\nConditionPathIsReadWrite=\n[Service]\nExecStart=\n'
                                             f'ExecStart=/usr/bin/dkmsctl install --newest %i -k {self.kernel}\n')

    def test_the_newest_version_of_its_module_is_installed(self):
        for version in ('0.9', '1.0'):
            target = self.machine.path(f'/usr/src/hello-{version}')
            shutil.copytree(scratch.SAMPLES / 'hello-1.0', target)
            conf = target / 'dkms.conf'
            conf.write_text(conf.read_text().replace('"1.0"', f'"{version}"'))
            self.machine.run('dkmsctl', 'add', f'hello/{version}')
        self.addCleanup(self.machine.run, 'rm', '-r', '/usr/src/hello-0.9')
        self.machine.run('systemctl', 'start', self.UNIT)
        self.assertEqual(self.show('ActiveState', 'Result', unit=self.UNIT), ['inactive', 'success'])
        status = json.loads(self.machine.run('dkmsctl', 'status', '--json'))['modules']
        self.assertEqual([(one['version'], len(one['kernels'])) for one in status], [('0.9', 0), ('1.0', 1)])

    def test_a_module_that_does_not_build_is_not_tried_for_ever(self):
        self.add_source('hello', more='MAKE[0]="exit 3"\n')
        for _ in range(3):
            self.machine.run('systemctl', 'start', self.UNIT, code=1)
            self.assertEqual(self.show('Result', unit=self.UNIT), ['exit-code'])
        last = self.show('ExecMainStartTimestampMonotonic', unit=self.UNIT)
        self.machine.run('systemctl', 'start', self.UNIT, code=1)
        self.assertEqual(self.show('ExecMainStartTimestampMonotonic', unit=self.UNIT), last, 'it was started once more')

    def test_one_that_is_not_meant_for_the_kernel_has_not_failed(self):
        self.add_source('hello', more='BUILD_EXCLUSIVE_KERNEL="^2\\.4"\n')
        self.machine.run('systemctl', 'start', self.UNIT)


class Devices(Units):
    """Devices of this machine, and a udevadm that only writes down what it is told."""

    def setUp(self):
        super().setUp()
        devices = sorted(path.parent.resolve() for path in pathlib.Path('/sys/bus/pci/devices').glob('*/modalias')
                         if not (path.parent / 'driver').exists())
        if not devices:
            self.skipTest('a PCI device without a driver is needed')
        self.device = devices[0]
        udevadm = self.machine.path('/usr/bin/udevadm')
        self.addCleanup(self.machine.run, 'sh', '-c', 'rm -rf /usr/bin/udevadm /run/udev')
        udevadm.unlink(missing_ok=True)
        udevadm.write_text('#!/bin/sh\necho "$*" >>/run/udev/calls\n')
        udevadm.chmod(0o755)
        self.machine.path('/run/udev').mkdir(exist_ok=True)

    def calls(self):
        file = self.machine.path('/run/udev/calls')
        text = file.read_text() if file.exists() else ''
        file.unlink(missing_ok=True)
        return text.splitlines()

    def test_a_rule_for_a_module_that_has_gone_goes_with_the_first_device(self):
        rules = self.machine.path('/run/udev/rules.d/90-dkms.rules')
        rules.parent.mkdir(parents=True)
        rules.write_text('ENV{MODALIAS}=="usb:gone*", TAG+="systemd", ENV{SYSTEMD_WANTS}+="dkms-device@gone.service"\n')
        self.drop_in('dkms-device@.service', '[Unit]\nConditionPathIsReadWrite=\n')
        self.machine.run('systemctl', 'start', 'dkms-device@gone.service', code=1)
        self.assertFalse(rules.exists())
        self.assertEqual(self.calls(), ['control --reload'])

    def test_udev_is_told_when_a_module_is_missing_and_when_it_is_there(self):
        self.add_source()
        build = self.machine.path(f'/var/lib/dkms/hello/1.0/5.10.0-1/{scratch.ARCH}')
        (build / 'module').mkdir(parents=True)
        alias = (self.device / 'modalias').read_text().strip()
        (build / '.dkmsd.json').write_text(json.dumps({'modules': [
            {'file': 'hello.ko', 'sha256': '', 'dest_location': '', 'depends': [], 'aliases': [alias]}]}))
        self.machine.run('/usr/libexec/dkms-device-rules')
        told = ['control --reload', f'trigger --action=add {self.device}']
        self.assertEqual(self.calls(), told)
        self.assertIn('dkms-device@hello.service', self.machine.run('cat', '/run/udev/rules.d/90-dkms.rules'))
        running = self.machine.run('uname', '-r')
        installed = self.machine.path(f'/var/lib/dkms/hello/1.0/{running}/{scratch.ARCH}/module')
        installed.mkdir(parents=True)
        self.machine.path(f'/var/lib/dkms/hello/kernel-{running}-{scratch.ARCH}').symlink_to(f'1.0/{running}/{scratch.ARCH}')
        self.machine.run('systemctl', 'start', UNIT)  # it looks as well
        self.assertEqual(self.calls(), told)
        self.assertFalse(self.machine.path('/run/udev/rules.d/90-dkms.rules').exists())


if __name__ == '__main__':
    unittest.main()
