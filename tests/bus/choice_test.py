# SPDX-License-Identifier: LGPL-2.1-or-later
"""dkmsctl changes no other trees than those of the service that it could not reach."""

import os
import signal
import subprocess
import unittest

from service import BUILD, PATIENCE, BusTest

ODD_SERVICE = '''
import sys
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags
connection = Gio.DBusConnection.new_for_address_sync(
    sys.argv[1], flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
NODE = Gio.DBusNodeInfo.new_for_xml(
    '<node><interface name="org.dkms1.Manager"><property name="Identity" type="s" access="read"/></interface></node>')
connection.register_object('/org/dkms1', NODE.interfaces[0], None, lambda *_: GLib.Variant('s', sys.argv[2]), None)
Gio.bus_own_name_on_connection(connection, 'org.dkms1', 0, lambda *_: print('ready', flush=True), None)
GLib.MainLoop().run()
'''


class ChoiceTest(BusTest):
    def refused(self, *words):
        """What is said by a dkmsctl that must not work."""
        process = self.dkmsctl(*words)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 1, out + err)
        self.assertIn('dkmsd is not available', err)
        return err

    def odd_service(self, identity):
        process = subprocess.Popen(['/usr/bin/python3', '-c', ODD_SERVICE, self.bus.address, identity], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b'ready\n')
        return process

    def test_a_service_that_does_not_answer(self):
        """Nothing is done without it, by either name of the client. (Were it tried, nothing would come of it: there is no such module.)"""
        self.add_source()
        pid = self.client.property('Version') and self.client.daemon_pid()
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        words = ('add', 'no-such-module-anywhere/1.0')
        waiting = [self.dkmsctl(*words), self.dkmsctl('status'), subprocess.Popen(
            [BUILD / 'client' / 'dkms', *words], env=self.bus.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)]
        for process in waiting:
            out, err = process.communicate(timeout=PATIENCE)
            self.assertNotEqual(process.returncode, 0, out + err)
            self.assertIn('the service runs, but did not say which trees it works on', out + err)
        # Where the trees are named there is nothing to be wrong about.
        trees = [f'--dkmstree={self.tree}', f'--sourcetree={self.sources}', f'--installtree={self.modules}']
        self.finish(self.dkmsctl('add', 'hello/1.0', *trees))
        os.kill(pid, signal.SIGCONT)
        self.assertEqual([m['name'] for m in self.client.call('ListModules', '(a{sv})', ({},))[0]], ['hello'])

    def test_a_service_that_says_something_else(self):
        for identity in ('nonsense', '', f'0:0 {self.tree}\n0:0 /x\n0:0 /y'):
            service = self.odd_service(identity)
            self.assertIn('does not say which trees', self.refused('add', 'hello/1.0'))
            service.kill()
            service.wait()

    def test_a_service_with_mounts_of_its_own(self):
        root = os.stat('/')
        self.odd_service(f'7:7 {self.tree}\n7:7 {self.sources}\n7:7 {self.modules}\n{root.st_dev}:{root.st_ino} /')
        self.assertIn('mounts of its own', self.refused('add', 'hello/1.0'))

    def test_a_service_of_another_system_is_not_meant(self):
        self.odd_service(f'7:7 {self.tree}\n7:7 {self.sources}\n7:7 {self.modules}\n7:7 /')
        self.finish(self.dkmsctl('status'))

    def test_a_service_that_cannot_be_started_is_done_without(self):
        (self.directory / 'services' / 'org.dkms1.service').write_text('[D-BUS Service]\nName=org.dkms1\nExec=/bin/false\n')
        self.bus.kill()
        self.bus.start()
        self.finish(self.dkmsctl('status'))


if __name__ == '__main__':
    unittest.main()
