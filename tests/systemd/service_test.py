# SPDX-License-Identifier: LGPL-2.1-or-later
"""The installed service under a real systemd, on a real system bus, with the directives of its unit."""

import json
import shutil
import unittest

from machine import Machine

import gate
import scratch

UNIT = 'dkmsd.service'
SAMPLE = scratch.SAMPLES / 'hello-1.0'


class ServiceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.end)
        policy = '/usr/share/dbus-1/system.d/org.dkms1.conf'  # the bus looks nowhere else
        assert cls.machine.path(policy).exists(), f'no {policy}: this build directory is not configured for the prefix /usr'

    def setUp(self):
        self.kernel = self.machine.kernel_for_builds()
        self.addCleanup(self.forget_everything)
        self.began = self.machine.run('date', '+%s.%N')

    def forget_everything(self):
        self.machine.run('systemctl', 'stop', UNIT)
        self.assertEqual(self.show('Result', 'ExecMainStatus', 'ActiveState'), ['success', '0', 'inactive'], 'a clean end')
        self.assertEqual(self.said(), '', 'dkmsd has nothing to complain about')
        self.machine.run('systemctl', 'reset-failed')  # starts are counted
        self.machine.run('sh', '-c', 'rm -rf /var/lib/dkms /var/lib/dkmsd /usr/src/*-1.0 /usr/lib/modules/*/updates/dkms')

    def show(self, *properties):
        lines = self.machine.run('systemctl', 'show', UNIT, *(f'--property={name}' for name in properties)).splitlines()
        values = dict(line.split('=', 1) for line in lines)
        return [values[name] for name in properties]

    def said(self):
        """What the service itself wrote to the journal during this test."""
        return self.machine.run('journalctl', '--quiet', '--output=cat', f'--since=@{self.began}', f'_SYSTEMD_UNIT={UNIT}')

    def owner(self):
        return self.machine.run('busctl', 'call', 'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                                'GetConnectionUnixProcessID', 's', 'org.dkms1').split()[1]

    def add_source(self, name='hello', more=''):
        source = self.machine.path(f'/usr/src/{name}-1.0')
        shutil.copytree(SAMPLE, source)
        conf = source / 'dkms.conf'
        conf.write_text(conf.read_text().replace('"hello"', f'"{name}"', 1) + more)

    def states(self):
        modules = json.loads(self.machine.run('dkmsctl', 'status', '--json'))['modules']
        return {module['name']: [kernel['state'] for kernel in module['kernels']] for module in modules}

    def at_the_gate(self):
        """A build that waits, and a dkmsctl that follows it."""
        self.add_source('gated', more=gate.directive('gated', '/var/tmp/gate'))
        fifo = self.machine.path('/var/tmp/gate')
        self.addCleanup(fifo.unlink)
        self.gate = gate.Gate(fifo)
        waiting = self.machine.start('dkmsctl', 'install', 'gated/1.0', '-k', self.kernel)
        self.addCleanup(self.end, waiting)
        self.gate.wait_for_build()
        return waiting

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def test_a_client_starts_it(self):
        self.assertEqual(self.show('ActiveState'), ['inactive'])
        self.machine.run('dkmsctl', 'status')
        state, kind, pid = self.show('ActiveState', 'Type', 'MainPID')
        self.assertEqual((state, kind), ('active', 'notify'))
        self.assertEqual(self.owner(), pid)

    def test_once_started_it_answers(self):
        self.machine.run('systemctl', 'start', UNIT)
        self.assertEqual(self.owner(), *self.show('MainPID'))
        jobs = self.machine.run('busctl', '--auto-start=no', 'call', 'org.dkms1', '/org/dkms1', 'org.dkms1.Manager', 'ListJobs', 't', '0')
        self.assertEqual(jobs.split()[-1], '0')

    def test_a_module_from_source_to_installed_and_away(self):
        self.add_source()
        said = self.machine.run('sh', '-c', f'dkmsctl install hello/1.0 -k {self.kernel} 2>&1')
        self.assertNotIn('Warning', said)
        self.assertEqual(self.states(), {'hello': ['installed']})
        built = self.machine.path(f'/var/lib/dkms/hello/1.0/{self.kernel}/{scratch.ARCH}')
        self.assertTrue(json.loads((built / '.dkmsd.json').read_text())['sandboxed'])
        self.assertEqual(self.machine.run('modinfo', '-k', self.kernel, '-F', 'version', 'hello'), '1.0', 'depmod was run')
        self.machine.run('dkmsctl', 'remove', 'hello/1.0', '--all')
        self.assertEqual(self.states(), {})

    def test_the_initramfs_is_made_anew_by_dracut(self):
        for package in ('udev', 'dracut-core'):
            self.machine.unpack(package)
        settings, image = self.machine.path('/etc/dracut.conf.d'), self.machine.path(f'/boot/initramfs-{self.kernel}.img')
        settings.mkdir(parents=True, exist_ok=True)
        (settings / 'small.conf').write_text('dracutmodules="base"\nadd_drivers="hello"\ncompress=cat\n')
        image.write_text('an image of before')
        self.add_source(more='REMAKE_INITRD="yes"\n')
        self.machine.run('dkmsctl', 'install', 'hello/1.0', '-k', self.kernel)
        self.assertIn('updates/dkms/hello.ko', self.machine.run('lsinitrd', f'/boot/{image.name}'))

    def test_what_root_has_left_among_its_files_is_no_hindrance(self):
        self.add_source()
        self.machine.run('dkmsctl', 'add', 'hello/1.0')
        self.machine.run('systemctl', 'stop', UNIT)
        self.machine.run('sh', '-c', 'chown -R root:root /var/lib/dkmsd/* && chmod -R go= /var/lib/dkmsd/*')
        self.machine.run('dkmsctl', 'remove', 'hello/1.0', '--all')
        self.assertEqual(self.show('ActiveState'), ['active'])
        jobs = json.loads(self.machine.run('dkmsctl', 'jobs', '--json'))['jobs']
        self.assertIn('remove', [job['request']['request'] for job in jobs], jobs)

    def test_others_may_look_and_not_touch(self):
        self.add_source()
        as_nobody = ('setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', 'dkmsctl')
        self.machine.run(*as_nobody, 'status')
        self.assertEqual(self.show('ActiveState'), ['active'], 'it was asked, not a dkmsd of the client')
        refusal = self.machine.run(*as_nobody, 'add', 'hello/1.0', '--json', code=1)
        self.assertEqual(json.loads(refusal)['error'], 'AccessDenied')

    def test_a_restart_in_mid_job(self):
        """Also of what has been asked for beside it and waits; the file lies where the service cannot go itself."""
        waiting = self.at_the_gate()
        self.machine.run('sh', '-ec', 'mkdir --mode=700 /root/kept; cp -r /usr/src/gated-1.0 /root/kept/late; '
                         'sed -i "s/gated/late/" /root/kept/late/dkms.conf; chmod -R go=rX /root/kept/late')
        late = self.machine.start('dkmsctl', 'import', '/root/kept/late')
        while len(json.loads(self.machine.run('dkmsctl', 'jobs', '--json'))['jobs']) < 2:
            pass
        before = self.owner()
        restart = self.machine.start('systemctl', 'restart', UNIT)
        self.gate.wait_for_build()
        self.machine.finish(restart)
        self.gate.open()
        self.machine.finish(waiting)
        self.gate.close()
        self.machine.finish(late)
        self.assertNotEqual(self.owner(), before)
        self.assertEqual(self.states(), {'gated': ['installed'], 'late': []})

    def inhibitors(self):
        """Who keeps the machine on, as logind shows it."""
        return [line for line in self.machine.run('systemd-inhibit', '--list', '--no-pager').splitlines() if 'dkmsd' in line]

    def test_no_shutdown_while_the_kernel_that_boots_next_gets_its_modules(self):
        logind = self.machine.start('systemctl', 'start', 'systemd-logind')
        logind.communicate()
        if logind.returncode:
            self.skipTest('logind does not start in this container')
        image = self.machine.path(f'/usr/lib/modules/{self.kernel}/vmlinuz')
        image.touch()
        self.addCleanup(image.unlink)
        waiting = self.at_the_gate()
        while not (held := self.inhibitors()):  # asked for without waiting, so there is no moment at which it must be there
            pass
        self.assertEqual(len(held), 1)
        for word in ('shutdown:sleep', 'block', f'gated/1.0 is being installed for kernel {self.kernel}, which boots next'):
            self.assertIn(word, held[0])
        self.gate.open()
        self.machine.finish(waiting)
        self.gate.close()
        while self.inhibitors():
            pass

    def test_whoever_logs_in_is_told_what_is_missing(self):
        image = self.machine.path(f'/usr/lib/modules/{self.kernel}/vmlinuz')
        image.touch()
        self.addCleanup(image.unlink)
        self.add_source()
        self.machine.run('dkmsctl', 'add', 'hello/1.0')
        line = f'Kernel {self.kernel} boots next and lacks hello. To see why: dkmsctl status\n'
        while line not in self.told_at_login():  # after the job, so there is no moment at which it must be there
            pass
        self.machine.run('dkmsctl', 'wait', '-k', self.kernel, code=11)
        self.machine.run('dkmsctl', 'install', 'hello/1.0', '-k', self.kernel)
        self.machine.run('dkmsctl', 'wait', '-k', self.kernel)
        while f'Kernel {self.kernel} ' in self.told_at_login():
            pass

    def told_at_login(self):
        """The lines about kernels; other kernels of the machine may have some as well."""
        try:
            return self.machine.path('/run/motd.d/dkms').read_text()
        except FileNotFoundError:
            return ''

    def test_one_that_hangs_is_started_anew(self):
        directory = self.machine.path('/run/systemd/system/dkmsd.service.d')
        directory.mkdir(parents=True)
        self.addCleanup(self.machine.run, 'systemctl', 'daemon-reload')
        self.addCleanup(shutil.rmtree, directory)
        (directory / 'soon.conf').write_text('[Service]\nWatchdogSec=2s\n')
        self.machine.run('systemctl', 'daemon-reload')
        self.machine.run('systemctl', 'start', UNIT)
        seen = set()
        while len(seen) < 3:  # the start and two pings; there is no signal to wait for
            seen.update(self.show('WatchdogTimestampMonotonic'))
        pid, restarts = self.show('MainPID', 'NRestarts')
        self.machine.run('sh', '-c', f'kill -STOP {pid}')  # a program of that name is not everywhere
        while self.show('NRestarts') == [restarts] or self.show('ActiveState') != ['active']:
            pass
        self.assertNotEqual(self.owner(), pid)



if __name__ == '__main__':
    unittest.main()
