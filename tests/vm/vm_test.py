# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the project is for, on a machine that really boots: that modules of kernels and devices nobody built for are there in time."""

import os
import shutil
import subprocess
import unittest

from machine import PATIENCE, Machine

import gate
import scratch

EDU_SAYS = '010000ed'  # QEMU's device for teaching, version 1.0
GATE = '/var/tmp/gate'
BOOT_UNIT = 'dkms-autoinstall.service'


class VmTest(unittest.TestCase):
    def setUp(self):
        self.machine = self.enterContext(Machine())

    def change(self, file, old, new):
        text = file.read_text()
        self.assertIn(old, text)
        file.write_text(text.replace(old, new))

    def add_like_hello(self, name):
        """The sample under another name; returns where its source is."""
        source = self.machine.add(name, source=scratch.SAMPLES / 'hello-1.0')
        self.change(source / 'dkms.conf', '"hello"', f'"{name}"')
        (source / 'hello.c').rename(source / f'{name}.c')
        self.change(source / 'Makefile', 'hello.o', f'{name}.o')
        return source

    def add_broken(self):
        self.change(self.add_like_hello('broken') / 'broken.c', 'return 0', 'return nothing')

    def test_boot(self):
        """A kernel for which a module was never built: when the machine is up, it can be loaded and does what it is for."""
        self.machine.add_package('acpi-call')
        self.machine.boot()
        self.machine.up()
        self.machine.run('modprobe acpi_call')
        bus = self.machine.run(r"echo '\_SB.PCI0._HID' >/proc/acpi/call; tr -d '\0' </proc/acpi/call")
        self.assertEqual(bus, '0x30ad041')  # PNP0A03, as ACPI packs it
        self.built_by_a_user()

    def built_by_a_user(self):
        """The sandbox was an ordinary user's; and it is root's where such a user may not make it: then the record says so."""
        record = '/var/lib/dkms/acpi-call/*/*/*/.dkmsd.json'
        self.machine.run(f'test -e {record}; grep opened {record}', code=1)
        self.machine.run('echo 0 >/proc/sys/user/max_user_namespaces')
        module = self.machine.run('cat /var/lib/dkms/acpi-call/*/*/*/module/* | sha256sum')
        self.machine.run('dkmsctl build --force acpi-call')
        self.machine.run(f"grep 'sandbox by root' {record}")
        self.assertEqual(self.machine.run('cat /var/lib/dkms/acpi-call/*/*/*/module/* | sha256sum'), module)

    def test_broken(self):
        """One that does not build keeps nobody from having the others. The boot fails for it only where that is the policy."""
        self.machine.add('hello')
        self.add_broken()
        self.machine.boot()
        self.machine.up()
        self.machine.run('modprobe hello')
        self.machine.run('modprobe broken', code=1)
        kernel = self.machine.run('uname -r')
        self.assertEqual(self.machine.status(), {'hello': {kernel: 'installed'}, 'broken': {kernel: 'failed'}})
        self.assertRegex(self.machine.run(f'journalctl -b -u {BOOT_UNIT}'), r'broken/1\.0 .* failed while building')

    def test_required(self):
        """The same, where that module is needed."""
        self.machine.add('hello')
        self.add_broken()
        self.machine.path('/etc/dkms/policy.conf.d/broken.conf').write_text('broken required\n')
        self.machine.boot()
        self.assertEqual(self.machine.run('systemctl is-system-running --wait', code=1), 'degraded')
        self.assertEqual(self.machine.run('systemctl --failed --plain --no-legend').split()[0], BOOT_UNIT)
        journal = self.machine.run(f'journalctl -b -u {BOOT_UNIT}')
        self.assertRegex(journal, r'broken/1\.0 .* failed while building')
        self.assertRegex(journal, r'required .*: broken/1\.0\.')
        self.machine.run('modprobe hello')

    def test_power_cut(self):
        """In the middle of the boot's work. The next boot completes it, and nothing is left of what was begun."""
        self.machine.add('hello')
        self.change(self.add_like_hello('gated') / 'dkms.conf', 'AUTO', gate.directive('gated', GATE) + 'AUTO')
        self.machine.path('/var/tmp').mkdir(parents=True)
        os.mkfifo(self.machine.path(GATE))
        self.machine.boot()
        self.machine.run(f'exec 9>{GATE}')  # a build has come there, and stays
        self.machine.cut_power()
        self.machine.boot()
        self.machine.run(f': >{GATE}')
        self.machine.up()
        kernel = self.machine.run('uname -r')
        self.assertEqual(self.machine.status(), {'hello': {kernel: 'installed'}, 'gated': {kernel: 'installed'}})
        self.machine.run('modprobe -a hello gated')
        self.assertEqual(self.machine.run('systemctl stop dkmsd; find /var/lib/dkms/.dkmsd -mindepth 2'), '')

    def test_upgrade(self):
        """A kernel comes by apt: before it is booted it has the modules, and its initramfs too."""
        self.machine.add('hello')
        modules = self.machine.path('/usr/share/initramfs-tools/modules.d')
        modules.mkdir(parents=True)
        (modules / 'hello').write_text('hello\n')
        self.machine.boot(words=f'systemd.mask={BOOT_UNIT}')  # what a boot does is tried elsewhere
        self.machine.up()
        running = self.machine.run('uname -r')
        self.machine.run('DEBIAN_FRONTEND=noninteractive apt-get -y install /srv/packages/*.deb')
        new, = set(self.machine.run('ls /lib/modules').split()) - {running}
        self.assertEqual(self.machine.status(), {'hello': {new: 'installed'}})
        self.machine.shut_down()
        self.machine.boot_from_disk(new)
        self.machine.boot()
        self.machine.run('test -d /sys/module/hello')  # without anybody asking for it
        self.machine.up()
        self.assertEqual(self.machine.run('uname -r'), new)

    def test_image(self):
        """An image that was made with its modules loads them when it is booted. No key was made in it: the first boot makes one."""
        shutil.copytree(scratch.SAMPLES / 'hello-1.0', self.machine.path('/usr/src/hello-1.0'))
        self.machine.on_image('add hello/1.0', 'autoinstall --all-kernels')
        self.assertFalse(self.machine.path('/var/lib/dkms/mok.key').exists())
        self.assertEqual(subprocess.run(['grep', '-rlF', self.machine.directory, self.machine.path('/var/lib/dkms'),
                                         self.machine.path('/usr/lib/modules')], stdout=subprocess.PIPE, text=True).stdout, '')
        self.machine.boot(words=f'systemd.mask={BOOT_UNIT}')
        self.machine.up()
        self.assertEqual(self.machine.status(), {'hello': {self.machine.run('uname -r'): 'installed'}})
        self.machine.run('modprobe hello')
        self.assertEqual(self.machine.run('modinfo -F signer hello'), '')
        self.assertIn('built in an image', self.machine.run('dkmsctl autoinstall --hook'))
        self.assertNotEqual(self.machine.run('test -e /var/lib/dkms/mok.key; modinfo -F signer hello'), '')
        self.assertNotIn('again', self.machine.run('dkmsctl autoinstall --hook'))

    def test_hotplug(self):
        """A device comes whose driver was built for another kernel only: it is built, installed and loaded."""
        self.machine.add_built('edu')
        self.machine.boot()
        self.machine.up()
        self.machine.run('udevadm monitor --kernel --subsystem-match=pci >/run/seen &')
        self.machine.plug('edu')
        self.machine.run(f"timeout {PATIENCE // 2} sh -c 'tail -n +1 -f /run/seen | grep -q bind' || {{ journalctl -b --no-pager; false; }}")
        self.assertEqual(self.machine.run('cat /proc/edu'), EDU_SAYS)

    def test_modprobe_on_install(self):
        """The driver of a device that is there is loaded as soon as it is installed, where that is wanted."""
        self.machine.add('edu')
        self.machine.path('/etc/dkms/framework.conf.d/load.conf').write_text('modprobe_on_install="true"\n')
        self.machine.boot('edu')
        self.machine.up()
        self.machine.run('test ! -e /proc/edu')
        self.machine.run('dkmsctl install edu/1.0')
        self.assertEqual(self.machine.run('cat /proc/edu'), EDU_SAYS)


if __name__ == '__main__':
    unittest.main()
