# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interface is what its XML says, and nothing that a caller sends ends the service."""

import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from service import BUILD, JOB, MANAGER, PATH, SOURCE, BusTest

INTERFACE = SOURCE / 'dbus' / 'org.dkms1.xml'
EMITS = 'org.freedesktop.DBus.Property.EmitsChangedSignal'
INVALID_ARGS = 'org.freedesktop.DBus.Error.InvalidArgs'


def description(interface):
    """What an interface offers, in a form that can be compared."""
    members = {}
    for member in interface:
        if member.tag == 'annotation':
            continue
        arguments = [(a.get('name'), a.get('type'), a.get('direction', '')) for a in member.findall('arg')]
        emits = [a.get('value') for a in member.findall('annotation') if a.get('name') == EMITS]
        members[member.get('name')] = (member.tag, arguments, member.get('type'), member.get('access'), emits or ['true'])
    return members


class InterfaceTest(BusTest):
    def introspect(self, path, interface):
        text = self.client.call('Introspect', path=path, interface='org.freedesktop.DBus.Introspectable')[0]
        return next(i for i in ElementTree.fromstring(text) if i.get('name') == interface)

    def test_xml_is_what_the_service_says_of_itself(self):
        self.add_source()
        job = self.client.change('Add')
        self.client.removed(job[0])
        told = ElementTree.parse(INTERFACE).getroot()
        for path, name in ((PATH, MANAGER), (job[1], JOB)):
            written = next(i for i in told if i.get('name') == name)
            for member, offered in description(self.introspect(path, name)).items():
                # Signals have no directions, and a method's arguments that are not named are the same by their types.
                self.assertEqual(offered, description(written).get(member), member)
            self.assertEqual(set(description(written)), set(description(self.introspect(path, name))))

    def test_the_program_says_the_same_without_a_bus(self):
        said = subprocess.run([BUILD / 'daemon' / 'dkmsd', '--introspect'], env={}, text=True, capture_output=True, check=True)
        told, written = ElementTree.fromstring(said.stdout), ElementTree.parse(INTERFACE).getroot()
        for name in (MANAGER, JOB):
            self.assertEqual(*(description(next(i for i in root if i.get('name') == name)) for root in (told, written)))

    def test_every_member_and_argument_is_documented(self):
        comment, documented = '', 0
        for part in re.finditer(r'<!--(.*?)-->|<(method|signal|property) name="(\w+)".*?(?:/>|</\2>)', INTERFACE.read_text(),
                                re.DOTALL):
            if part[1] is not None:
                comment = part[1]
                continue
            self.assertRegex(comment, rf'^\s*{part[3]}:', f'{part[3]} has no comment of its own')
            for argument in re.findall(r'<arg name="(\w+)"', part[0]):
                self.assertIn(f'@{argument}:', comment, part[3])
            documented += 1
        self.assertGreater(documented, 30)

    def test_properties_of_the_manager(self):
        properties = self.client.properties()
        self.assertEqual(set(properties), {'Version', 'Identity', 'RunningKernel', 'KernelsMissingModules', 'KernelsArriving', 'NQueued', 'NRunning'})
        self.assertEqual(properties['Identity'].splitlines()[0], f'{self.tree.stat().st_dev}:{self.tree.stat().st_ino} {self.tree}')

    def test_what_is_not_known_is_refused(self):
        self.add_source()
        calls = [('Add', '(ssa{sv})', ('hello', '1.0', {'frobnicate': self.boolean(True)})),
                 ('Install', '(ssasa{sv})', ('hello', '1.0', [], {'frobnicate': self.boolean(True)})),
                 ('Install', '(ssasa{sv})', ('hello', '1.0', [], {'force': self.text('yes')})),
                 ('Install', '(ssasa{sv})', ('hello', '1.0', [], {'conf_file': self.text('/etc/shadow')})),
                 ('Install', '(ssasa{sv})', ('hello', '1.0', [], {'kernel_source_dir': self.text('/tmp')})),
                 ('ListModules', '(a{sv})', ({'colour': self.text('red')},)),
                 ('ListModules', '(a{sv})', ({'module': self.boolean(True)},)),
                 ('ListJobs', '(t)', (1,)),
                 ('Install', '(s)', ('hello',))]
        for call in calls:
            self.assertEqual(self.client.error_of(*call), INVALID_ARGS, call)
        self.assertEqual(self.client.call('ListJobs', '(t)', (0,))[0], [], 'a refused call has made no job')

    def test_errors_have_names_and_the_service_goes_on(self):
        pid = self.pid_of_started()
        error = self.client.error_of
        self.assertEqual(error('GetJob', '(t)', (999,)), 'org.dkms1.Error.NoSuchJob')
        self.assertEqual(error('Add', '(ssa{sv})', ('nothing', '1.0', {})), 'org.dkms1.Error.SourceMissing')
        self.assertEqual(error('Remove', '(ssasa{sv})', ('nothing', '1.0', [], {})), 'org.dkms1.Error.NoSuchModule')
        for name in ('../x', '-x', '.', 'a b', 'x' * 300, '\x07'):
            self.assertEqual(error('Add', '(ssa{sv})', (name, '1.0', {})), 'org.dkms1.Error.InvalidName', name)
        self.assertEqual(error('Cancel', '(a{sv})', ({},), path='/org/dkms1/job/_999', interface=JOB),
                         'org.freedesktop.DBus.Error.UnknownObject')
        self.assertEqual(error('Nothing'), 'org.freedesktop.DBus.Error.UnknownMethod')
        self.assertEqual(self.client.daemon_pid(), pid)

    def test_policy_lets_only_the_interfaces_through(self):
        self.client.properties()
        self.assertEqual(self.client.error_of('Anything', interface='org.example.Other'),
                         'org.freedesktop.DBus.Error.AccessDenied')

    def test_a_broken_tree_is_listed(self):
        (self.tree / 'vbox-temp').mkdir()
        (self.tree / 'gone/1.0').mkdir(parents=True)
        (self.tree / 'gone/1.0/source').symlink_to('/nowhere')
        modules = self.client.call('ListModules', '(a{sv})', ({},))[0]
        self.assertIn(('gone', '1.0', True), [(m['name'], m['version'], m['broken']) for m in modules])

    @unittest.skipUnless(shutil.which('xmllint'), 'xmllint is not installed')
    def test_files_are_well_formed(self):
        for name in ('org.dkms1.xml', 'org.dkms1.conf'):
            subprocess.run(['xmllint', '--noout', '--nonet', SOURCE / 'dbus' / name], check=True)

    def pid_of_started(self):
        self.client.properties()
        return self.client.daemon_pid()

    @staticmethod
    def boolean(value):
        from gi.repository import GLib
        return GLib.Variant('b', value)

    @staticmethod
    def text(value):
        from gi.repository import GLib
        return GLib.Variant('s', value)


class IdleTest(BusTest):
    daemon_arguments = ('--idle-exit', '1')

    def test_leaves_when_idle_and_comes_back_when_called(self):
        first = self.client.properties()
        self.client.wait_for(lambda: self.client.owners and self.client.owners[-1] == '', 'the name is given back')
        self.assertEqual(self.client.properties(), first)
        owners = self.client.wait_for(lambda: [o for o in self.client.owners if o][1:], 'it is there again')
        self.assertNotEqual(owners[0], self.client.owners[0])


if __name__ == '__main__':
    unittest.main()
