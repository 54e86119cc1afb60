# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a command ends with does not depend on whether it went over the bus; and programs of other versions understand an error, too."""

import json
import re
import shutil
import subprocess
import unittest

from service import BUILD, JOB, PATIENCE, BusTest, Client, GLib

GONE = '5.0.0-gone'  # a kernel that nobody knows
BARE = '5.1.0-bare'  # a kernel without headers

# An older dkmsd: its errors have text only. It says of `Add` what is given, and knows the trees.
OLDER = '''
import sys
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags
connection = Gio.DBusConnection.new_for_address_sync(
    sys.argv[1], flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
NODE = Gio.DBusNodeInfo.new_for_xml(
    '<node><interface name="org.dkms1.Manager"><property name="Identity" type="s" access="read"/>'
    '<method name="Add"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/></method>'
    '</interface></node>')
def called(connection, sender, path, interface, method, arguments, invocation):
    name, text = arguments.unpack()[0], sys.argv[3]
    invocation.return_dbus_error(sys.argv[4], text)
connection.register_object('/org/dkms1', NODE.interfaces[0], called, lambda *_: GLib.Variant('s', sys.argv[2]), None)
Gio.bus_own_name_on_connection(connection, 'org.dkms1', 0, lambda *_: print('ready', flush=True), None)
GLib.MainLoop().run()
'''


class ErrorsTest(BusTest):
    def setUp(self):
        super().setUp()
        self.trees = ('--dkmstree', self.tree, '--sourcetree', self.sources, '--installtree', self.modules)

    def run_client(self, program, *words):
        """Exit code, and what is said of errors, but for what only one of the two ways has: numbers and logs of jobs."""
        process = subprocess.run([BUILD / 'client' / program, *words], env=self.bus.environment, text=True, stdin=subprocess.DEVNULL,
                                 capture_output=True, timeout=PATIENCE, check=False)
        if '--json' not in words:
            return process.returncode, re.sub(r'/var/\S*make.log', 'LOG', process.stdout + process.stderr).splitlines()
        told = json.loads(process.stdout.splitlines()[-1] if process.stdout.startswith('{"') else process.stdout)
        errors = [job.get('error') for job in told['jobs']] if 'jobs' in told else [told]
        for error in errors:
            error['parameters'].pop('log', None)
        return process.returncode, errors

    def cases(self):
        """What is asked for, and with which exit code it ends by either name of the client."""
        kernel = self.kernel()
        for release in (BARE,):
            (self.modules / release / 'kernel').mkdir(parents=True)
        self.add_source()
        self.finish(self.dkmsctl('add', 'hello/1.0'))
        self.add_source('excluded', more='BUILD_EXCLUSIVE_KERNEL="^1\\.2\\.3$"\n')
        self.add_source('failing', more='MAKE[0]="false"\n')
        self.add_source('nothing', more='MAKE[0]="true"\n')
        self.add_source('needing', more='BUILD_DEPENDS[0]="not-there-at-all"\n')
        self.add_source('patched', more='PATCH[0]="lost.patch"\n')
        self.add_source('unclear', more='DEST_MODULE_LOCATION[0]="/nowhere"\n')
        (self.add_source('bare') / 'dkms.conf').unlink()
        refusing = self.add_source('refusing', more='PRE_INSTALL="refuse"\n')
        (refusing / 'refuse').write_text('#!/bin/sh\nexit 3\n')
        (refusing / 'refuse').chmod(0o755)
        self.add_source('broken')
        self.finish(self.dkmsctl('add', 'broken/1.0'))
        shutil.rmtree(self.sources / 'broken-1.0')
        return [(('install', 'hello/1.0', '-k', GONE), 21), (('build', 'hello/1.0', '-k', GONE), 21),
                (('install', 'hello/1.0', '-k', BARE), 21),
                (('build', 'hello/1.0', '-k', f'{GONE}', '-k', BARE), 21), (('autoinstall', '-k', GONE), 21),
                (('add', 'hello/1.0'), 3), (('add', 'absent/1.0'), 2), (('build', 'absent/1.0', '-k', kernel), None),
                (('remove', 'absent/1.0', '--all'), 3), (('add', 'bare/1.0'), 4), (('build', 'broken/1.0', '-k', kernel), 4),
                (('build', 'unclear/1.0', '-k', kernel), 8), (('build', 'excluded/1.0', '-k', kernel), 77),
                (('build', 'failing/1.0', '-k', kernel), 10), (('build', 'nothing/1.0', '-k', kernel), 7),
                (('build', 'needing/1.0', '-k', kernel), 13), (('build', 'patched/1.0', '-k', kernel), 5),
                (('install', 'refusing/1.0', '-k', kernel), 101)]

    def test_the_same_by_bus_and_without(self):
        for words, code in self.cases():
            for program, more in (('dkmsctl', ['--json']), ('dkms', [])):
                with self.subTest(program, words=words):
                    by_bus = self.run_client(program, *words, *more)
                    without = self.run_client(program, *words, *more, *self.trees)
                    self.assertEqual(by_bus, without)
                    self.assertNotEqual(by_bus[0], 0)
                    if code is not None:
                        self.assertEqual(by_bus[0], code, by_bus[1])

    def test_what_programs_see_of_an_error(self):
        self.add_source()
        self.client.removed(self.client.change('Add')[0])
        with self.assertRaises(GLib.Error) as caught:
            self.client.change('Install', kernels=[GONE])
        text = caught.exception.message.split(': ', 1)[1]
        sentence, hint = text.split('\n')
        told = ('org.dkms1.Error.NoSuchKernel', text)
        facts = self.client.call('GetError', '(ss)', told)[0]
        stranger = Client(self.bus)
        self.addCleanup(stranger.close)
        self.assertEqual(stranger.call('GetError', '(ss)', told)[0], {}, 'it is not his')
        self.assertEqual((facts['error'], facts['hint']), ('NoSuchKernel', hint))
        self.assertEqual(facts['parameters'], {'kernel': GONE, 'path': str(self.modules / GONE), 'exit_code': '21'})
        self.assertIn(GONE, sentence)
        self.add_source('unclear', more='DEST_MODULE_LOCATION[0]="/nowhere"\n')
        job, path = self.client.change('Add', 'unclear')
        self.assertEqual(self.client.removed(job)[:2], ('failed', 'org.dkms1.Error.ConfInvalid'))
        error = self.client.property('Error', path, JOB)
        self.assertEqual(error, self.client.call('GetJob', '(t)', (job,))[0]['error'])
        self.assertEqual(error['parameters']['file'], str(self.sources / 'unclear-1.0' / 'dkms.conf'))
        self.assertTrue(any('Error' in s[2][1] for s in self.client.signals if s[:2] == (path, 'PropertiesChanged')))

    def test_a_service_of_an_older_version(self):
        """Its words are shown as they are, the exit code follows the name."""
        identity = self.client.property('Identity')
        self.stop_service()
        for name, text, code in (('org.dkms1.Error.AlreadyAdded', 'hello/1.0 was added last year.\nLeave it.', 3),
                                 ('org.dkms1.Error.NotInvented', 'Something new.\nDo something.', 1),
                                 ('org.freedesktop.DBus.Error.AccessDenied', 'Rejected send message, 2 matched rules', 1)):
            with subprocess.Popen(['/usr/bin/python3', '-c', OLDER, self.bus.address, identity, text, name],
                                  stdout=subprocess.PIPE) as older:
                self.addCleanup(older.kill)
                self.assertEqual(older.stdout.readline(), b'ready\n')
                # (dkms goes on without a service that it may not use.)
                for program in ('dkmsctl', 'dkms') if name.startswith('org.dkms1') else ('dkmsctl',):
                    with self.subTest(program, name=name):
                        got, said = self.run_client(program, 'add', 'hello/1.0')
                        self.assertEqual(got, code, said)
                        for line in text.splitlines():
                            self.assertIn(line, '\n'.join(said))
                        self.assertNotIn('?', '\n'.join(said))
                older.kill()


if __name__ == '__main__':
    unittest.main()
