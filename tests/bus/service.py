# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus of the test's own with dkmsd on it, activated by the bus as on a system without systemd; all files in one temporary directory.

Environment: DKMS_TEST_BUILD is the build directory whose programs are tried, DKMS_TEST_SOURCE the source directory.
"""

import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import gi

gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import gate  # noqa: E402
import shells  # noqa: E402, F401 (also of the tests)
from gate import PATIENCE  # noqa: E402
from scratch import kernels_with_headers  # noqa: E402

BUILD = pathlib.Path(os.environ['DKMS_TEST_BUILD'])
SOURCE = pathlib.Path(os.environ['DKMS_TEST_SOURCE'])
SAMPLE = SOURCE / 'tests' / 'data' / 'modules' / 'hello-1.0'
NAME, PATH, MANAGER, JOB = 'org.dkms1', '/org/dkms1', 'org.dkms1.Manager', 'org.dkms1.Job'
PROPERTIES = 'org.freedesktop.DBus.Properties'

BUS_CONFIGURATION = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  {limits}
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{policy}</include>
  <policy user="{user}">
    <allow own="org.dkms1"/>
    <allow send_destination="org.dkms1" send_interface="org.dkms1.Manager" min_fds="1"/>
    <allow own="org.freedesktop.login1"/>
    <allow send_destination="org.freedesktop.login1"/>
  </policy>
</busconfig>
'''


def wait_for_exit(pid, patience=PATIENCE):
    """Waits for a process that need not be a child of ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], patience)[0], f'process {pid} does not end'
    finally:
        os.close(descriptor)


class Bus:
    """dbus-daemon with the project's policy and an activation file for the dkmsd of the build directory."""

    def __init__(self, directory, arguments=(), limits=(), wrap=lambda command: command):
        """`limits`: of the bus, name and number. `wrap`: the words that run a command in the way that is wanted."""
        self.directory = directory
        self.wrap = wrap
        self.socket = directory / 'bus'
        self.address = f'unix:path={self.socket}'
        self.environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8', 'HOME': str(directory),
                            'DBUS_SYSTEM_BUS_ADDRESS': self.address, 'STATE_DIRECTORY': str(directory / 'state')}
        self.environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        services = directory / 'services'
        services.mkdir()
        words = ' '.join(map(str, (BUILD / 'daemon' / 'dkmsd', *arguments)))
        (services / 'org.dkms1.service').write_text(f'[D-BUS Service]\nName={NAME}\nExec={words}\n')
        (directory / 'bus.conf').write_text(BUS_CONFIGURATION.format(
            socket=self.socket, services=services,
            limits='\n  '.join(f'<limit name="{name}">{number}</limit>' for name, number in limits), policy=SOURCE / 'dbus' / 'org.dkms1.conf',
            user=pwd.getpwuid(os.getuid()).pw_name))
        self.daemon = None
        self.start()

    def start(self):
        self.socket.unlink(missing_ok=True)
        with open(self.directory / 'log', 'ab') as log:
            self.daemon = subprocess.Popen(
                self.wrap(['dbus-daemon', f'--config-file={self.directory}/bus.conf', '--nofork', '--nopidfile', '--print-address']),
                env=self.environment, stdout=subprocess.PIPE, stderr=log)
        self.daemon.stdout.readline()  # it listens

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()
        self.daemon.stdout.close()

    def connect(self):
        flags = Gio.DBusConnectionFlags
        connection = Gio.DBusConnection.new_for_address_sync(
            self.address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        connection.set_exit_on_close(False)
        return connection


def remote_error(error):
    return Gio.DBusError.get_remote_error(error)


class Client:
    """A connection that remembers the signals of the service."""

    def __init__(self, bus):
        self.connection = bus.connect()
        self.signals = []  # (path, member, arguments)
        self.owners = []
        self.connection.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, self._heard)
        self.connection.signal_subscribe(
            'org.freedesktop.DBus', 'org.freedesktop.DBus', 'NameOwnerChanged', None, NAME, Gio.DBusSignalFlags.NONE,
            lambda c, s, p, i, m, arguments: self.owners.append(arguments.unpack()[2]))

    def _heard(self, connection, sender, path, interface, member, arguments):
        self.signals.append((path, member, arguments.unpack()))

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync(None)

    def wait_for(self, condition, what):
        """Handles messages until `condition()` is true, and returns its value."""
        context = GLib.MainContext.default()
        over = []
        timer = GLib.timeout_add_seconds(PATIENCE, lambda: over.append(True) or GLib.SOURCE_REMOVE)
        while not (value := condition()):
            if over:
                raise AssertionError(f'never happened: {what}; heard {self.signals}')
            context.iteration(True)
        if not over:
            GLib.source_remove(timer)
        return value

    def call(self, method, signature='()', arguments=(), path=PATH, interface=MANAGER, name=NAME):
        reply = self.connection.call_sync(name, path, interface, method, GLib.Variant(signature, arguments), None,
                                          Gio.DBusCallFlags.NONE, PATIENCE * 1000, None)
        return reply.unpack()

    def error_of(self, *words, **named):
        """Name of the error that a call ends with."""
        try:
            reply = self.call(*words, **named)
        except GLib.Error as error:
            return remote_error(error)
        raise AssertionError(f'no error but {reply}')

    def change(self, verb, module='hello', version='1.0', kernels=(), options=None):
        """A method that makes a job; its number and path."""
        if verb == 'Add':
            return self.call(verb, '(ssa{sv})', (module, version, options or {}))
        return self.call(verb, '(ssasa{sv})', (module, version, list(kernels), options or {}))

    def property(self, name, path=PATH, interface=MANAGER):
        return self.call('Get', '(ss)', (interface, name), path=path, interface=PROPERTIES)[0]

    def properties(self, path=PATH, interface=MANAGER):
        return self.call('GetAll', '(s)', (interface,), path=path, interface=PROPERTIES)[0]

    def descriptor(self, path, method):
        """A file that a job's method hands out."""
        reply, descriptors = self.connection.call_with_unix_fd_list_sync(
            NAME, path, JOB, method, None, None, Gio.DBusCallFlags.NONE, -1, None, None)
        return os.fdopen(descriptors.get(reply.unpack()[0]), 'rb')

    def cancel(self, path):
        self.call('Cancel', '(a{sv})', ({},), path=path, interface=JOB)

    def removed(self, job):
        """Waits for the job's end: result, error name and message."""
        def find():
            return [s[2][2:] for s in self.signals if s[1] == 'JobRemoved' and s[2][0] == job]
        return self.wait_for(find, f'JobRemoved of {job}')[0]

    def daemon_pid(self):
        return self.call('GetConnectionUnixProcessID', '(s)', (NAME,), path='/org/freedesktop/DBus',
                         interface='org.freedesktop.DBus', name='org.freedesktop.DBus')[0]


def stop_service(bus):
    """The service on a bus ends, if it runs."""
    with_bus = bus.connect()  # a client's own connection may be one that was lost
    try:
        pid = with_bus.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                                 'GetConnectionUnixProcessID', GLib.Variant('(s)', (NAME,)), None, 0, -1, None).unpack()[0]
    except GLib.Error:
        return  # it does not run
    finally:
        with_bus.close_sync(None)
    os.kill(pid, signal.SIGTERM)
    wait_for_exit(pid)


class BusTest(unittest.TestCase):
    """A bus, a service that works below a directory of its own, and a client, for each test."""

    daemon_arguments = ()
    bus_limits = ()  # where they are not those of dbus-daemon(1)
    below_root = False  # whether the trees are where they are on every system, below a directory

    def setUp(self):
        # Not below /tmp: builds have a /tmp of their own, and some of them wait for a file of ours.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='dkms-bus-', dir='/var/tmp'))
        self.directory.chmod(0o755)
        parts = ('var/lib/dkms', 'usr/src', 'lib/modules') if self.below_root else ('dkms', 'src', 'modules')
        self.tree, self.sources, self.modules = (self.directory / part for part in parts)
        for tree in (self.tree, self.sources, self.modules):
            tree.mkdir(parents=True)
        trees = ('--dkmstree', self.tree, '--sourcetree', self.sources, '--installtree', self.modules)
        if self.below_root:
            trees = ('--root', self.directory)
        self.bus = Bus(self.directory, (*trees, *self.daemon_arguments), self.bus_limits)
        self.client = Client(self.bus)

    def tearDown(self):
        if self.bus.daemon.poll() is None:
            self.stop_service()
        self.client.close()
        self.bus.kill()
        log = (self.directory / 'log').read_text(errors='replace')
        subprocess.run(['chmod', '-R', 'u+w', self.directory], check=False)
        shutil.rmtree(self.directory)
        if not getattr(self._outcome, 'success', True):
            print(log, file=sys.stderr)
        self.assertNotIn('Sanitizer', log)
        self.assertNotIn('terminate called', log)

    def stop_service(self):
        stop_service(self.bus)

    def kernels(self, count):
        """Kernels of the scratch directory that modules can be built for."""
        releases = kernels_with_headers()[:count]
        if len(releases) < count:
            self.skipTest('too few kernel headers are installed')
        for release in releases:
            directory = self.modules / release
            directory.mkdir()
            (directory / 'build').symlink_to((pathlib.Path('/lib/modules') / release / 'build').resolve())
            for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo'):
                (directory / name).touch()
        return releases

    def kernel(self):
        return self.kernels(1)[0]

    def add_source(self, name='hello', version='1.0', more=''):
        """A sample module in the source tree, under any name; `more` is added to its dkms.conf."""
        target = self.sources / f'{name}-{version}'
        shutil.copytree(SAMPLE, target)
        conf = target / 'dkms.conf'
        conf.write_text(conf.read_text().replace('PACKAGE_NAME="hello"', f'PACKAGE_NAME="{name}"')
                        .replace('PACKAGE_VERSION="1.0"', f'PACKAGE_VERSION="{version}"') + more)
        return target

    def add_gated_source(self, name='gated'):
        """A module whose build waits at a gate of its own."""
        fifo = self.directory / f'gate-{name}'
        self.add_source(name, more=gate.directive(name, fifo))
        return gate.Gate(fifo)

    def let_tell_niceness(self, name):
        """The builds of a module that is in the source tree say how much they yield."""
        source = self.sources / f'{name}-1.0'
        (source / 'tell.sh').write_text('#!/bin/sh\necho "niceness $(nice), disk $(ionice)"\n')
        (source / 'tell.sh').chmod(0o755)
        with open(source / 'dkms.conf', 'a') as conf:
            conf.write('PRE_BUILD="tell.sh"\n')

    def told_niceness(self, name, kernel):
        log, = (self.tree / name / '1.0' / kernel).glob('*/log/make.log')
        return re.search(r'niceness (\d+), disk (.*)', log.read_text()).groups()

    def dkmsctl(self, *words):
        """Starts dkmsctl on this bus."""
        return subprocess.Popen([BUILD / 'client' / 'dkmsctl', *words], env=self.bus.environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, process, code=0):
        """Waits for a started program; its output."""
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, code, f'stdout: {out}\nstderr: {err}')
        return out
