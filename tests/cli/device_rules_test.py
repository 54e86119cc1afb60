#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dkms-device-rules on a system below a directory: the rules it makes, and the devices that are to be looked at once more."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

PROGRAM = scratch.BUILD / 'daemon' / 'dkms-device-rules'
RUNNING = os.uname().release
ALIAS = 'pci:v00001234d000011E8sv*sd*bc*sc*i*'
CONF = 'PACKAGE_NAME="{name}"\nPACKAGE_VERSION="1.0"\nBUILT_MODULE_NAME[0]="{name}"\nDEST_MODULE_LOCATION[0]="/extra"\n'


class System:
    """A system below a directory, with devices and modules."""

    def setUp(self):
        self.root = self.enterContext(scratch.Scratch()).root
        for directory in ('var/lib/dkms', 'usr/src', 'etc/dkms', 'run/udev', f'lib/modules/{RUNNING}'):
            (self.root / directory).mkdir(parents=True)
        self.rules = self.root / 'run' / 'udev' / 'rules.d' / '90-dkms.rules'
        self.device = self.add_device('0000:00:04.0', 'pci:v00001234d000011E8sv00001AF4sd00001100bc00scFFi00')
        self.add_device('0000:00:05.0', 'pci:v00008086d00000D57sv00000000sd00000000bc06sc00i00')

    def add_device(self, name, modalias):
        device = self.root / 'sys' / 'devices' / 'pci0000:00' / name
        device.mkdir(parents=True)
        (device / 'modalias').write_text(modalias + '\n')
        bus = self.root / 'sys' / 'bus' / 'pci' / 'devices'
        bus.mkdir(parents=True, exist_ok=True)
        (bus / name).symlink_to(f'../../../devices/pci0000:00/{name}')
        return device

    def add(self, name='edu', aliases=(ALIAS,)):
        """A module that was built for an earlier kernel."""
        source = self.root / 'usr' / 'src' / f'{name}-1.0'
        source.mkdir()
        (source / 'dkms.conf').write_text(CONF.format(name=name))
        version = self.root / 'var' / 'lib' / 'dkms' / name / '1.0'
        build = version / '5.10.0-1' / scratch.ARCH
        (build / 'module').mkdir(parents=True)
        (version / 'source').symlink_to(source)
        (build / 'module' / f'{name}.ko').touch()
        (build / '.dkmsd.json').write_text(json.dumps(
            {'modules': [{'file': f'{name}.ko', 'sha256': '', 'dest_location': '', 'depends': [], 'aliases': aliases}]}))

    def install(self, name='edu'):
        module = self.root / 'var' / 'lib' / 'dkms' / name
        (module / '1.0' / RUNNING / scratch.ARCH / 'module').mkdir(parents=True)
        (module / f'kernel-{RUNNING}-{scratch.ARCH}').symlink_to(f'1.0/{RUNNING}/{scratch.ARCH}')

    def run_it(self, *words, code=0):
        """Devices that udev would be told of."""
        environment = {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        result = subprocess.run([PROGRAM, *(words or ('--root', self.root))], text=True, stdin=subprocess.DEVNULL, env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, code, result.stderr)
        self.said = result.stderr
        return result.stdout.splitlines()


class DeviceRules(System, unittest.TestCase):
    def test_a_device_that_is_there_is_looked_at_when_its_rule_comes_and_when_it_goes(self):
        self.add()
        self.assertEqual(self.run_it(), [str(self.device)])
        self.assertIn(f'ENV{{MODALIAS}}=="{ALIAS}", TAG+="systemd", ENV{{SYSTEMD_WANTS}}+="dkms-device@edu.service"\n',
                      self.rules.read_text())
        self.assertEqual(self.rules.stat().st_mode & 0o777, 0o644)
        self.assertEqual(self.run_it(), [], 'nothing has changed')
        self.install()
        self.assertEqual(self.run_it(), [str(self.device)])
        self.assertFalse(self.rules.exists())
        self.assertEqual(self.run_it(), [])

    def test_a_device_that_has_a_driver_is_left_alone(self):
        self.add()
        (self.device / 'driver').mkdir()
        self.assertEqual(self.run_it(), [])
        self.assertTrue(self.rules.exists())

    def test_what_an_alias_holds_beside_is_no_rule(self):
        self.add(aliases=['pci:x", RUN+="/bin/false', 'pci:y\nRUN+="/bin/false"', 'pci:z'])
        self.run_it()
        self.assertNotIn('RUN', self.rules.read_text())
        self.assertIn('pci:z', self.rules.read_text())

    def test_nothing_but_the_rules_is_there_afterwards(self):
        self.add()
        self.run_it()
        self.assertEqual([path.name for path in self.rules.parent.iterdir()], ['90-dkms.rules'])

    def test_without_udev_there_is_nothing_to_do(self):
        self.add()
        (self.root / 'run' / 'udev').rmdir()
        self.assertEqual(self.run_it(), [])
        self.assertFalse(self.rules.exists())

    def test_a_record_that_is_no_record(self):
        self.add()
        next((self.root / 'var' / 'lib' / 'dkms').glob('edu/*/*/*/.dkmsd.json')).write_text('{"modules": 7')
        self.assertEqual(self.run_it(), [])
        self.assertFalse(self.rules.exists())

    def test_words_that_it_does_not_know(self):
        self.run_it('--frobnicate', code=1)
        self.assertIn('--root', self.said)


class Udev(System, unittest.TestCase):
    """Debian's udev reads the rules, in mounts of its own, for a device of this machine."""
    RUN = '''
mount -t tmpfs dkms-test /run
mkdir -p /run/udev/rules.d
cp "$1" /run/udev/rules.d
exec "$2" test --action="$3" "$4"
'''

    def test_takes_them_as_they_are_meant(self):
        packages = sorted(pathlib.Path(os.environ.get('DKMS_TEST_PACKAGES', '/nowhere')).glob('udev_*.deb'))
        devices = sorted(path.resolve() for path in pathlib.Path('/sys/bus/pci/devices').glob('*/modalias'))
        if os.geteuid() != 0 or not packages or not devices:
            self.skipTest('root, the package udev and a PCI device are needed')
        subprocess.run(['dpkg-deb', '-x', packages[-1], self.root / 'udev'], check=True)
        udevadm, = (path for path in self.root.glob('udev/**/bin/udevadm'))
        self.add('xtables-addons', aliases=[devices[0].read_text()[:20] + '*', 'usb:v[0-9]*d?'])
        self.run_it()
        for action, expected in (('add', ['SYSTEMD_WANTS=dkms-device@xtables-addons.service']), ('change', [])):
            said = subprocess.run(
                [*scratch.own_mounts(), 'sh', '-ec', self.RUN, 'sh', self.rules, udevadm, action, devices[0].parent],
                text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
            self.assertEqual([line for line in map(str.strip, said.splitlines()) if line.startswith('SYSTEMD_WANTS=')], expected, said)
            self.assertNotIn('90-dkms.rules:', said, 'a line that it does not understand')


if __name__ == '__main__':
    unittest.main()
