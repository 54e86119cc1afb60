# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a dkmsd that somebody has taken over can and cannot have done: its rights, and what the units that work for it make of what it
says. And that units end when they are to, and are of the version of the dkmsd that speaks to them."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import textwrap
import unittest

from machine import Machine

import gate
import scratch

SAMPLE = scratch.SAMPLES / 'hello-1.0'
SAY = textwrap.dedent('''\
    import fcntl, json, os, socket, sys
    path, *messages = sys.argv[1:]
    path, _, claims = path.partition('+')
    lock = []
    for claim in claims.split():
        keeper = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        keeper.connect('/run/dkms-units/tree')
        keeper.send(json.dumps({'protocol': json.loads(messages[0])['protocol'], 'claim': 'service'}).encode())
        while not (got := socket.recv_fds(keeper, 131072, 8)[1]):
            pass
        lock += got
        if claim == 'lost':
            fcntl.flock(got[0], fcntl.LOCK_UN)
    unit = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        unit.connect(path)
    except OSError as error:
        print(json.dumps({'connect': os.strerror(error.errno)}))
        sys.exit()
    opened = []
    for message in messages:
        words = json.loads(message)
        beside = [os.open(path, os.O_RDONLY if os.path.exists(path) and (os.path.isdir(path) or not os.access(path, os.W_OK)) else
                          os.O_RDWR | os.O_CREAT) for path in words.pop('beside', [])] + lock[:1]
        socket.send_fds(unit, [json.dumps(words).encode()], beside) if beside else unit.send(json.dumps(words).encode())
        for number in beside:
            os.close(number)
    for line in iter(lambda: socket.recv_fds(unit, 131072, 8), None):
        if not line[0]:
            break
        opened += line[1]
        print(line[0].decode(), flush=True)
        messages = messages[1:]
        if path.endswith('/sign') and not messages:
            break
        if b'"held"' in line[0]:
            print(json.dumps({'modes': [fcntl.fcntl(one, fcntl.F_GETFL) & os.O_ACCMODE for one in opened]}))
            break
        if b'"ended"' in line[0]:
            break
    ''')


# What of attacks.py gets through in each kind of unit. dkms-script@ may do all of it, which shows that each of the attacks works.
SERVICES = {f'unit {name}' for name in ('tree', 'script', 'build', 'build-root', 'sign')} | {'the bus', 'the service manager'}
SANDBOX_OF_ROOT = {'call chroot', 'call mount', 'call pivot_root', 'namespace mount', 'namespace network', 'socket NETLINK', 'read /etc/shadow',
                   'write settings of the kernel', 'write /', 'write /srv', 'write /var/lib/dkms', 'write /var/lib/dkmsd',
                   'write /var/tmp/open', 'write /dev/shm'}
BUILD = {'call chroot', 'call mount', 'call personality', 'namespace user', 'memory to write and run'}
ASKING = SERVICES | {'socket NETLINK', 'write settings of the kernel', 'write /var/tmp/open'}
GETS_THROUGH = {
    'dkmsd': {'the bus', 'write /var/lib/dkmsd', 'unit tree'},
    'dkms-autoinstall': ASKING,
    'dkms-device@': ASKING,
    'dkms-build@': BUILD,
    'dkms-build-network@': BUILD | {'socket INET', 'socket NETLINK'},
    'dkms-build-root@': SANDBOX_OF_ROOT | {'call personality', 'memory to write and run'},
    'dkms-build-root-network@': SANDBOX_OF_ROOT | {'call personality', 'memory to write and run', 'socket INET'},
    'dkms-tree@': SANDBOX_OF_ROOT | SERVICES | {'write /etc/dkms', 'write /usr/lib/modules', 'write /usr/src'},
    'dkms-sign@': {'memory to write and run', 'read /var/lib/dkms/mok.key', 'write /var/lib/dkms', 'write /var/tmp/open', 'write /dev/shm'},
}
# Of a unit's file, what does not confine it.
OTHER_LINES = re.compile(r'(Exec\w*|Type|BusName|Condition\w*|Requires|After|Before|Wants|WantedBy|RuntimeMaxSec|Timeout\w+|WatchdogSec|Restart|'
                         r'RemainAfterExit|StartLimit\w+)=|\[Install\]')


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.end)
        cls.machine.path('/usr/local/say').write_text(SAY)
        cls.protocol = '3 ' + cls.machine.run('/usr/libexec/dkmsd', '--version').split()[1]

    def setUp(self):
        self.kernel = self.machine.kernel_for_builds()
        self.addCleanup(self.forget_everything)
        started = 'systemctl start dkmsd.service || { journalctl --no-pager -n 40; exit 1; }'  # with the reason
        self.machine.run('sh', '-c', started)

    def forget_everything(self):
        self.machine.run('systemctl', 'stop', 'dkmsd.service')
        while self.at_work():  # each of them ends
            pass
        self.machine.run('systemctl', 'reset-failed')
        self.machine.run('sh', '-c', 'rm -rf /var/lib/dkms /var/lib/dkmsd /usr/src/*-1.0 /usr/lib/modules/*/updates/dkms /var/tmp/*')

    def at_work(self):
        listed = self.machine.run('systemctl', 'list-units', '--plain', '--no-legend', '--all', 'dkms-*@*.service')
        return [line.split()[0] for line in listed.splitlines()]

    def add_source(self, name='hello', more=''):
        source = self.machine.path(f'/usr/src/{name}-1.0')
        shutil.copytree(SAMPLE, source)
        conf = source / 'dkms.conf'
        conf.write_text(conf.read_text().replace('"hello"', f'"{name}"', 1) + more)
        return source

    def states(self):
        modules = json.loads(self.machine.run('dkmsctl', 'status', '--json'))['modules']
        return {module['name']: [kernel['state'] for kernel in module['kernels']] for module in modules}

    def say(self, unit, *messages, user='dkmsd'):
        """What a process of `user` hears from the unit."""
        said = self.machine.run('setpriv', f'--reuid={user}', '--regid=nogroup', '--clear-groups', '/usr/bin/python3', '/usr/local/say',
                                f'/run/dkms-units/{unit}', *(json.dumps(message) for message in messages))
        return [json.loads(line) for line in said.splitlines()]

    def order(self, step, *, beside=(), more=None, claims='lock'):
        """What the unit says to the order; what lies beside it are the events and `beside`, each as (name, path)."""
        places = {name: '/var/tmp/theirs' for name in
                  ('root', 'dkms_tree', 'source_tree', 'install_tree', 'config_dir', 'modprobe_dir', 'boot_dir', 'state_dir')}
        order = {'step': step, 'places': places, 'job': 1, 'jobserver': False, 'handle': False, 'settings': {}, 'background': False, 'uid': 0}
        self.machine.run('sh', '-c', 'rm -f /tmp/events; install -m 666 /dev/null /tmp/events')
        gifts = [('events', '/tmp/events'), *beside]
        return self.say(f'tree+{claims}', {'protocol': self.protocol, 'order': order | (more or {}),
                                            'with': [name for name, _ in gifts] + ['lock'] * bool(claims),
                                            'beside': [path for _, path in gifts]})

    def events(self):
        return self.machine.path('/tmp/events').read_text()

    def test_dkmsd_has_no_right(self):
        pid = self.machine.run('systemctl', 'show', '--value', '--property=MainPID', 'dkmsd.service')
        status = dict(line.split(':\t', 1) for line in self.machine.run('cat', f'/proc/{pid}/status').splitlines() if ':\t' in line)
        uid = self.machine.run('id', '-u', 'dkmsd')
        self.assertEqual(set(status['Uid'].split()), {uid})
        for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual((status['NoNewPrivs'], status['Seccomp']), ('1', '2'))
        self.add_source()
        self.machine.run('dkmsctl', 'add', 'hello/1.0')
        for place in ('/var/lib/dkms/hello/x', '/usr/src/x', '/usr/lib/modules/x', '/etc/dkms/x', '/run/x', '/boot/x', '/var/tmp/x',
                      '/run/lock/x', '/dev/shm/x', '/dev/mqueue/x'):
            into = ('nsenter', f'--target={pid}', '--mount', '--', 'setpriv', f'--reuid={uid}', '--regid=nogroup', '--clear-groups',
                    'touch', place)
            self.machine.run(*into, code=1)

    def test_what_runs_in_a_unit_gets_through_with_nothing_else(self):
        """A program that attacks, in a unit of each kind: setuid programs, calls, namespaces, devices, sockets, files, other units."""
        shutil.copy(pathlib.Path(__file__).with_name('attacks.py'), self.machine.path('/usr/local/attacks'))
        self.machine.run('sh', '-ec', 'cp /usr/bin/id /usr/local/setuid-id; chown nobody /usr/local/setuid-id; chmod 4755 /usr/local/setuid-id; '
                         'mkdir -p /srv /var/lib/dkms /run/attacks; install -d -m 1777 /var/tmp/open; '
                         'install -m 600 /usr/local/attacks /var/lib/dkms/mok.key')
        for kind in ('dkms-script@', *GETS_THROUGH):
            lines = self.machine.path(f'/usr/lib/systemd/system/{kind}.service').read_text().splitlines()
            self.machine.path(f'/run/systemd/system/attack-{kind.strip("@")}@.service').write_text('\n'.join(
                [*(line for line in lines if not OTHER_LINES.match(line)), '[Service]', 'Type=oneshot',
                 'ExecStart=/usr/bin/python3 /usr/local/attacks', f'StandardOutput=truncate:/run/attacks/{kind}', '']))
        self.addCleanup(lambda: self.machine.run('sh', '-c', 'rm /run/systemd/system/attack-*; systemctl daemon-reload'))
        self.machine.run('systemctl', 'daemon-reload')
        self.machine.run('systemctl', 'start', *(f'attack-{kind.strip("@")}@x.service' for kind in ('dkms-script@', *GETS_THROUGH)))
        through = {kind: set(json.loads(self.machine.path(f'/run/attacks/{kind}').read_text())) for kind in ('dkms-script@', *GETS_THROUGH)}
        every = through.pop('dkms-script@')
        self.assertLessEqual({'a setuid program', 'make a setuid file', 'make a device', 'write /etc', 'write /boot', 'write /usr/bin',
                              'call ptrace', 'socket PACKET', *SERVICES}, every)
        for kind, attacks in through.items():
            with self.subTest(kind):
                self.assertEqual(attacks - GETS_THROUGH[kind], set())

    def test_only_dkmsd_reaches_the_unit_for_trees_and_only_root_the_others(self):
        for unit in ('build', 'build-network', 'build-root', 'build-root-network', 'script', 'sign', 'tree'):
            for user in ('nobody', 'dkms-build', 'dkmsd')[:2 if unit == 'tree' else 3]:
                with self.subTest(unit=unit, user=user):
                    self.assertEqual(self.say(unit, {}, user=user), [{'connect': 'Permission denied'}])

    def test_places_are_not_dkmsds_to_choose(self):
        self.add_source()
        said = self.order({'step': 'add', 'module': 'hello', 'version': '1.0'})
        self.assertEqual([next(iter(words)) for words in said], ['started', 'ended'])
        self.assertIn('"done"', self.events())
        self.assertFalse(self.machine.path('/var/tmp/theirs').exists())
        self.assertEqual(self.states(), {'hello': []})

    def test_an_order_is_checked_as_a_clients_would_be(self):
        self.add_source()
        kernel = f'{self.kernel}/{scratch.ARCH}'
        install = {'step': 'install', 'module': 'hello', 'version': '1.0', 'kernel': kernel}
        for name, step in (
                ('a name that leaves', install | {'module': '../../etc'}),
                ('a version that leaves', install | {'version': '..'}),
                ('a kernel that leaves', install | {'kernel': '../x/y'}),
                ('no module', {'step': 'remove'}),
                ('no kernel', {'step': 'install', 'module': 'hello', 'version': '1.0'}),
                ('what was never loaded', {'step': 'adopt', 'module': 'hello', 'version': '1.0', 'staged': '../../../etc'}),
                ('a directive', install | {'step': 'build', 'options': {'directives': ['MAKE=true']}}),
                ('a configuration', install | {'options': {'conf_file': '/tmp/dkms.conf'}}),
                ('an unknown option', install | {'options': {'as_root': True}}),
                ('a command', install | {'step': 'command'}),
        ):
            with self.subTest(name):
                said = self.order(step)
                self.assertEqual([next(iter(words)) for words in said], ['refused'], said)
                self.assertEqual(self.events(), '')
        self.assertEqual(self.states(), {})

    def test_nothing_but_pipes_is_handed_on_to_builds(self):
        kernel = f'{self.kernel}/{scratch.ARCH}'
        build = {'step': 'build', 'module': 'hello', 'version': '1.0', 'kernel': kernel}
        for path in ('/', '/etc/passwd', '/dev/null'):
            said = self.order(build, beside=[('jobserver_read', path), ('jobserver_write', path)])
            self.assertEqual(said[0].get('refused', {}).get('error'), 'InvalidArgs', said)
        self.assertEqual(self.order(build, beside=[('events', '/dev/null')])[0].get('refused', {}).get('error'), 'InvalidArgs')

    def test_settings_are_of_this_systems_own_files(self):
        self.machine.run('mkdir', '-p', '/var/lib/dkms')
        kernel = f'{self.kernel}/{scratch.ARCH}'
        self.order({'step': 'post_transaction', 'kernel': kernel}, more={'settings': {'post_transaction': 'touch /var/tmp/theirs'}})
        self.assertFalse(self.machine.path('/var/tmp/theirs').exists())

    def copied(self, directory, owner='root', more=()):
        """A source there, of `owner`'s; `more` are commands in it."""
        if not self.machine.path('/usr/src/hello-1.0').exists():
            self.add_source()
        commands = [f'mkdir -p {directory}', f'cp -r /usr/src/hello-1.0/. {directory}', f'cd {directory}', 'chmod -R go-w .',
                    f'chown -R {owner} .', *more]
        self.machine.run('sh', '-ec', '; '.join(commands))
        return directory

    def load(self, path):
        return self.order({'step': 'load', 'handle': True}, beside=[('handle', path)])

    def test_what_others_than_root_could_have_written_is_not_loaded(self):
        for name, path in (
                ('its own', self.copied('/var/lib/dkmsd/own', 'dkmsd')),
                ('an accomplice\'s', self.copied('/var/tmp/accomplice', 'nobody')),
                ('root\'s, where everyone may write', self.copied('/var/tmp/open', more=['chmod 1777 .'])),
                ('a file of another\'s in root\'s directory',
                 self.copied('/var/tmp/within', more=['mkdir -p a/b', 'echo >a/b/c', 'chown nobody a/b/c'])),
                ('a link of another\'s', self.copied('/var/tmp/link', more=['ln -s /etc x', 'chown -h nobody x'])),
                ('a file that a group may write', self.copied('/var/tmp/group', more=['chmod g+w dkms.conf'])),
                ('a file of root\'s that not everyone may read',
                 self.copied('/var/tmp/secret', more=['mkdir -m 700 keys', 'echo x >keys/key'])),
                ('a file system put there', self.copied('/var/tmp/mount', more=['mkdir m', 'mount -t tmpfs -o mode=755 none m'])),
                ('what a process was called with', '/proc/1/cmdline'),
                ('a device', '/dev/null'),
                ('an archive that others may write',
                 self.copied('/var/tmp/archive', more=['tar -cf ../a.tar .', 'chmod 666 ../a.tar']) + '/../a.tar'),
        ):
            with self.subTest(name):
                said = self.load(path)
                self.assertEqual(said[0].get('refused', {}).get('error'), 'NotSupported', said)
                self.assertIn('root\'s dkmsctl import', said[0]['refused']['message'])
        self.machine.run('umount', '/var/tmp/mount/m')
        self.assertEqual(self.states(), {})
        self.assertEqual([next(iter(words)) for words in self.load(self.copied('/var/tmp/roots'))], ['started', 'ended'])
        self.assertIn('"done"', self.events())

    def test_root_loads_what_is_a_users_without_the_service(self):
        """And what is root's by it."""
        self.copied('/var/tmp/users', 'nobody', more=['tar -czf ../users.tar.gz .', 'chown nobody ../users.tar.gz'])
        for words in (['dkmsctl', 'add', '/var/tmp/users'], ['dkmsctl', 'import', '/var/tmp/users.tar.gz'],
                      ['dkms', 'add', '/var/tmp/users'], ['dkms', 'ldtarball', '/var/tmp/users.tar.gz']):
            with self.subTest(words):
                self.machine.run('rm', '-rf', '/usr/src/hello-1.0')
                self.machine.run(*words)
                self.assertEqual(self.states(), {'hello': []})
                self.assertEqual(json.loads(self.machine.run('dkmsctl', 'jobs', '--json'))['jobs'], [])
                self.machine.run('rm', '-rf', '/var/lib/dkms/hello')
        self.machine.run('rm', '-rf', '/usr/src/hello-1.0')
        self.machine.run('dkmsctl', 'add', self.copied('/var/tmp/roots'))
        self.assertEqual(len(json.loads(self.machine.run('dkmsctl', 'jobs', '--json'))['jobs']), 1)

    def test_nothing_is_written_into_a_directory_that_dkmsd_names(self):
        self.add_source()
        self.machine.run('dkmsctl', 'add', 'hello/1.0')
        for step in ('pack', 'pack-rpm', 'pack-deb', 'pack-disk'):
            said = self.order({'step': step, 'module': 'hello', 'version': '1.0', 'handle': True}, beside=[('handle', '/etc')])
            self.assertEqual(said[0]['refused']['error'], 'InvalidArgs')

    def test_a_step_needs_the_lock(self):
        """Which is that one file, and not to be had while another has it."""
        self.add_source()
        self.machine.run('dkmsctl', 'add', 'hello/1.0')
        remove = {'step': 'remove', 'module': 'hello', 'version': '1.0'}
        for name, beside, claims in (('none', (), ''), ('another file', [('lock', '/var/lib/dkmsd/lock')], ''),
                                     ('what another has by now', (), 'lost lock')):
            with self.subTest(name):
                said = self.order(remove, beside=beside, claims=claims)
                self.assertEqual(said[0].get('refused', {}).get('error'), 'AccessDenied', said)
        self.assertEqual(self.states(), {'hello': []})

    def test_the_lock_is_no_way_to_write(self):
        said = self.say('tree', {'protocol': self.protocol, 'claim': 'service'})
        self.assertEqual(said[-1], {'modes': [os.O_RDONLY] * 2}, 'and neither is the turn')

    def test_what_is_no_text_is_refused(self):
        for text in (b'\xff', b'{"protocol":"\xff"}', b'[]', b'1', b'{}'):
            with self.subTest(text):
                self.assertIn('"InvalidArgs"', self.machine.run('/usr/bin/python3', '-c', textwrap.dedent(f'''
                    import socket
                    unit = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    unit.connect('/run/dkms-units/tree')
                    unit.send({text!r})
                    print(unit.recv(65536).decode())
                    ''')))

    def test_a_step_that_runs_is_not_taken_back(self):
        pid = int(self.machine.run('systemctl', 'show', '--value', '--property=MainPID', 'dkmsd.service'))
        for process in (pid, 1, 0, -1):
            self.assertIn('refused', self.say('tree', {'protocol': self.protocol, 'recover': process})[0])

    def test_what_changes_trees_follows_each_other_in_one_unit(self):
        """As long as the queue has work; what has been at work is not kept for later."""
        def serial():
            return int(self.machine.run('systemctl', 'show', '--value', '--property=NAccepted', 'dkms-tree.socket'))

        def waiting():
            return [name for name in self.at_work() if name.startswith('dkms-tree@')]

        self.add_source()
        self.machine.run('dkmsctl', 'build', 'hello/1.0', '-k', self.kernel)
        before, kept = serial(), waiting()
        self.machine.run('dkmsctl', 'install', 'hello/1.0', '-k', self.kernel)
        # The one that waited has done the steps; others are for the inhibitor, for who logs in, and the next to wait.
        self.assertLessEqual(serial() - before, 4)
        while set(waiting()) & set(kept) or len(waiting()) != 1:
            pass

    def test_another_version_does_nothing(self):
        self.assertEqual(self.say('tree', {'protocol': '1', 'claim': 'service'}), [{'outdated': self.protocol}])

    def test_an_upgrade_in_mid_queue(self):
        """The worker that is installed is another version until dkmsd is one, too."""
        self.add_source()
        worker, other = self.machine.path('/usr/libexec/dkms-worker'), self.machine.path('/var/tmp/other')
        genuine = self.machine.path('/usr/libexec/dkms-worker.genuine')
        worker.rename(genuine)
        self.addCleanup(genuine.rename, worker)
        other.touch()
        self.machine.path('/var/tmp/answer').write_text('import socket; unit = socket.socket(fileno=3); unit.recv(99)\n'
                                                        'unit.send(b\'{"outdated":"3 9"}\')\n')
        worker.write_text('#!/bin/sh\nrm /var/tmp/other 2>/dev/null || exec /usr/libexec/dkms-worker.genuine "$@"\n'
                          'exec /usr/bin/python3 /var/tmp/answer\n')
        worker.chmod(0o755)
        before = self.machine.run('systemctl', 'show', '--value', '--property=NRestarts', 'dkmsd.service')
        self.machine.run('dkmsctl', 'install', 'hello/1.0', '-k', self.kernel)
        self.assertFalse(other.exists())
        self.assertNotEqual(self.machine.run('systemctl', 'show', '--value', '--property=NRestarts', 'dkmsd.service'), before)
        self.assertEqual(self.states(), {'hello': ['installed']})

    def at_the_gate(self):
        self.add_source('gated', more=gate.directive('gated', '/var/tmp/gate'))
        fifo = self.machine.path('/var/tmp/gate')
        self.gate = gate.Gate(fifo)
        self.addCleanup(self.gate.close)
        waiting = self.machine.start('dkmsctl', 'build', 'gated/1.0', '-k', self.kernel, '--json')
        self.addCleanup(self.end, waiting)
        self.gate.wait_for_build()
        return waiting

    def end(self, waiting):
        if waiting.poll() is None:
            self.machine.run('systemctl', 'kill', '--signal=KILL', 'dkms-build@*.service')
        waiting.communicate()

    def test_a_command_without_the_service_gets_its_turn(self):
        waiting = self.at_the_gate()
        self.add_source()
        self.add_source('late', more=gate.directive('late', '/var/tmp/gate'))
        adding = self.machine.start('dkmsctl', 'add', 'hello/1.0', '--dkmstree', '/var/lib/dkms')
        self.addCleanup(self.end, adding)
        with open(self.machine.path('/var/lib/dkms/.dkmsd/turn'), 'rb') as turn:
            while True:
                try:
                    fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    fcntl.flock(turn, fcntl.LOCK_UN)
                except BlockingIOError:
                    break
        late = self.machine.start('dkmsctl', 'build', 'late/1.0', '-k', self.kernel)
        self.addCleanup(self.end, late)
        while len(json.loads(self.machine.run('dkmsctl', 'jobs', '--json'))['jobs']) < 2:
            pass
        self.gate.open()
        self.machine.finish(waiting)
        self.machine.finish(adding)  # although the gate is closed for the job that came meanwhile
        self.gate.wait_for_build()
        self.gate.open()
        self.machine.finish(late)

    def test_a_build_has_a_control_group_of_its_own_and_ends_with_it(self):
        waiting = self.at_the_gate()
        unit, = (name for name in self.at_work() if name.startswith('dkms-build@'))
        group = self.machine.run('systemctl', 'show', '--value', '--property=ControlGroup', unit)
        self.assertTrue(group.startswith('/dkms.slice/') or '/dkms.slice/' in group, group)
        self.assertIn('bwrap', self.machine.run('sh', '-c', f'cat $(sed "s,$,/comm," /sys/fs/cgroup{group}/cgroup.procs | sed "s,^,/proc/,")'))
        self.machine.run('systemctl', 'kill', '--signal=KILL', unit)
        self.assertIn('"Interrupted"', self.machine.finish(waiting, code=1))
        self.gate.close()
        self.add_source()
        self.machine.run('dkmsctl', 'install', 'hello/1.0', '-k', self.kernel)

    def test_a_module_is_signed_by_the_only_unit_that_sees_the_key(self):
        """The first build makes the pair. Neither a build that runs, nor a unit for trees, nor dkmsd has the key in its view."""
        self.add_source('first')
        self.machine.run('dkmsctl', 'install', 'first/1.0', '-k', self.kernel)
        key = self.machine.path('/var/lib/dkms/mok.key')
        self.assertEqual((key.stat().st_mode & 0o7777, key.stat().st_uid), (0o600, 0))
        module = self.machine.path(f'/var/lib/dkms/first/1.0/{self.kernel}/{scratch.ARCH}/module/hello.ko')
        self.assertTrue(module.read_bytes().endswith(b'~Module signature appended~\n'))
        self.machine.run('systemctl', 'stop', 'dkmsd.service')
        while self.at_work():  # units that are older than the key
            pass
        self.at_the_gate()
        waiting = self.machine.start('/usr/bin/python3', '-c', 'import socket\n'
                                     'unit = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n'
                                     'unit.connect("/run/dkms-units/tree")\nunit.recv(1)')
        seen = {kind: self.key_in_the_view_of(kind) for kind in ('tree', 'build', 'sign')}
        self.machine.run('systemctl', 'stop', 'dkms-tree@*.service')
        self.machine.finish(waiting)
        self.assertEqual(seen, {'tree': '', 'build': '', 'sign': key.read_text().strip()})
        self.machine.run(*self.as_seen_by('dkmsd.service'), 'setpriv', '--reuid=dkmsd', '--clear-groups', 'cat', '/var/lib/dkms/mok.key',
                         code=1)

    def test_a_build_can_ask_for_nothing(self):
        self.at_the_gate()
        connect = ('import socket, sys\nfor path in sys.argv[1:]:\n'
                   '    unit = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if "dbus" in path else socket.SOCK_SEQPACKET)\n'
                   '    print(path, unit.connect_ex(path) == 0)')
        paths = ['/run/dkms-units/' + name for name in ('sign', 'tree', 'build', 'build-network', 'build-root', 'script')]
        said = self.machine.run(*self.as_seen_by('dkms-build@'), '/usr/bin/python3', '-c', connect, *paths, '/run/dbus/system_bus_socket')
        self.assertEqual([line.split()[0] for line in said.splitlines() if line.endswith('True')], [])

    def key_in_the_view_of(self, kind):
        return self.machine.run(*self.as_seen_by(f'dkms-{kind}@'), 'cat', '/var/lib/dkms/mok.key')

    def as_seen_by(self, name):
        """To begin a command with: it sees the files that a unit sees whose name begins so, which is there or will be."""
        while True:
            for unit in ['dkmsd.service', *self.at_work()]:
                pid = self.machine.run('systemctl', 'show', '--value', '--property=MainPID', unit)
                program = self.machine.run('sh', '-c', f'cat /proc/{pid}/comm 2>/dev/null || true')
                if unit.startswith(name) and program in ('dkmsd', 'dkms-worker', 'dkms-build-unit'):  # not one that is still to be confined
                    return 'nsenter', f'--target={pid}', '--mount', '--'

    def test_what_is_signed_is_a_module_of_a_build(self):
        """And the key, the program and what is wanted of them are this system's own."""
        self.add_source()
        self.machine.run('dkmsctl', 'install', 'hello/1.0', '-k', self.kernel)
        build = {'signing': 1, 'module': 'hello', 'version': '1.0', 'kernel': f'{self.kernel}/{scratch.ARCH}'}
        module = f'/var/lib/dkms/hello/1.0/{self.kernel}/{scratch.ARCH}/module/hello.ko'
        theirs = {'command': '/usr/bin/true', 'key': '/etc/shadow', 'certificate': '/etc/shadow', 'options': {'kernel_config': '/etc/shadow'}}

        def says(*messages):
            return self.say('sign', *messages, user='root')

        how = says(build | theirs)[0]['signing']
        self.assertEqual((how['key'], how['certificate']), ('/var/lib/dkms/mok.key', '/var/lib/dkms/mok.pub'))
        self.assertTrue(how['command'].endswith('/scripts/sign-file'))
        good = {'sign': 'hello.ko', 'name': 'hello.ko', 'beside': [module]}
        self.assertTrue(says(build, good | theirs)[-1]['signed'])
        for name, other in (('a program', '/usr/bin/true'), ('a text', '/etc/passwd'), ('nothing', '/var/tmp/empty')):
            with self.subTest(name):
                self.machine.path('/var/tmp/empty').touch()
                self.assertEqual(says(build, good | {'beside': [other]})[-1], {'signed': False, 'events': []})
        for name, messages in (('no build', [good]), ('a build before', [build, {'rest': True}, good]), ('no module', [build, {'sign': 'hello.ko', 'name': ''}]),
                               ('a directory', [build, good | {'beside': ['/etc']}]), ('a device', [build, good | {'beside': ['/dev/null']}]),
                               ('a name that leaves', [build, good | {'sign': '../hello.ko'}]), ('no name', [build, good | {'sign': ''}]),
                               ('another version', [build | {'signing': 2}]), ('a kernel that leaves', [build | {'kernel': '../x/y'}]),
                               ('something else', [{'command': ['true']}])):
            with self.subTest(name):
                self.assertIn('refused', says(*messages)[-1])

    def test_one_unit_signs_for_builds_that_follow_each_other(self):
        """What it still does for a build that has ended is ended, too."""
        def serial():
            return int(self.machine.run('systemctl', 'show', '--value', '--property=NAccepted', 'dkms-sign.socket'))

        names = ['follow' + letter for letter in 'abcd']
        for name, before in zip(names, [None, *names]):
            source = self.add_source(name, more='AUTOINSTALL=yes\n' + (f'BUILD_DEPENDS[0]={before}\n' if before else ''))
            (source / 'dkms.conf').write_text((source / 'dkms.conf').read_text().replace('"hello"', f'"{name}"'))
            (source / 'hello.c').rename(source / f'{name}.c')
            (source / 'Makefile').write_text(f'obj-m := {name}.o\n')
            self.machine.run('dkmsctl', 'add', f'{name}/1.0')
        conf, tool, begun = (self.machine.path(path) for path in
                             ('/etc/dkms/framework.conf.d/test.conf', '/var/lib/signer', '/var/lib/dkms/begun'))
        tool.write_text('#!/bin/sh\nif mkdir /var/lib/dkms/begun 2>/dev/null; then exec sleep 1234; fi\necho signed >>"$4"\n')
        tool.chmod(0o755)
        conf.write_text('sign_file=/var/lib/signer\n')
        self.addCleanup(tool.unlink)
        self.addCleanup(conf.unlink)
        self.addCleanup(begun.rmdir)
        waiting = self.machine.start('dkmsctl', 'build', f'{names[0]}/1.0', '-k', self.kernel)
        while not begun.exists():
            pass
        job = max(one['id'] for one in json.loads(self.machine.run('dkmsctl', 'jobs', '--json'))['jobs'])
        self.machine.run('dkmsctl', 'cancel', str(job))
        self.machine.finish(waiting, code=130)
        while self.machine.run('sh', '-c', 'pgrep -f "^sleep 1234" || true'):
            pass
        before = serial()
        self.machine.run('dkmsctl', 'autoinstall', '-k', self.kernel)
        self.assertLessEqual(serial() - before, 2)  # a second one where the steps found two units for trees
        for name in names:
            module = self.machine.path(f'/var/lib/dkms/{name}/1.0/{self.kernel}/{scratch.ARCH}/module/{name}.ko')
            self.assertTrue(module.read_bytes().endswith(b'signed\n'))

    def test_any_program_signs_and_says_why_it_does_not(self):
        """As it does without units: with the words that framework.conf(5) names, on a file of the module's name."""
        self.add_source()
        conf = self.machine.path('/etc/dkms/framework.conf.d/test.conf')
        tool = self.machine.path('/var/lib/signer')
        self.addCleanup(tool.unlink)
        self.addCleanup(conf.unlink)
        tool.write_text('#!/bin/sh\n[ -r "$2" ] && [ -r "$3" ] && cp -p "$4" "$4.new" && echo "by $1 as ${4##*/}" >>"$4.new" && mv "$4.new" "$4"\n')
        tool.chmod(0o755)
        for name in ('key', 'certificate'):
            path = self.machine.path(f'/etc/dkms/own.{name}')
            path.touch()
            path.chmod(0o600)
            self.addCleanup(path.unlink)
        # More than assignments, so that bash reads it.
        conf.write_text('own=/etc/dkms/own\nmok_signing_key="$(echo $own.key)"\nmok_certificate="$own.certificate"\nsign_file=/var/lib/signer\n')
        build = ('dkms', 'build', 'hello/1.0', '-k', self.kernel, '--force')
        said = self.machine.run(*build)
        self.assertIn('Sign command: /var/lib/signer\nSigning key: /etc/dkms/own.key\nPublic certificate (MOK): /etc/dkms/own.certificate\n', said)
        module = self.machine.path(f'/var/lib/dkms/hello/1.0/{self.kernel}/{scratch.ARCH}/module/hello.ko')
        self.assertRegex(module.read_bytes()[-40:], b'by sha[0-9]* as hello.ko\n$')
        tool.write_text('#!/bin/sh\necho a passphrase is needed; exit 1\n')
        self.assertIn('a passphrase is needed', self.machine.start(*build).communicate()[1])
        self.machine.path('/etc/dkms/own.key').rename(self.machine.path('/etc/dkms/own.key.away'))
        self.addCleanup(self.machine.path('/etc/dkms/own.key.away').rename, self.machine.path('/etc/dkms/own.key'))
        self.assertIn('/etc/dkms/own.key', self.machine.run(*build))

    def test_a_cancelled_build_ends(self):
        waiting = self.at_the_gate()
        job = json.loads(self.machine.run('dkmsctl', 'jobs', '--json'))['jobs'][0]['id']
        self.machine.run('dkmsctl', 'cancel', str(job))
        self.machine.finish(waiting, code=130)

    def build(self, script='', name='hello', policy='', code=0):
        """The log of a build whose PRE_BUILD is `script`, and the record; where it fails, what was said."""
        self.add_source(name, more='PRE_BUILD="pre.sh"\n' if script else '')
        if script:
            self.machine.path(f'/usr/src/{name}-1.0/pre.sh').write_text('#!/bin/sh\n' + script)
            self.machine.path(f'/usr/src/{name}-1.0/pre.sh').chmod(0o755)
        if policy:
            self.policy = self.machine.path('/etc/dkms/policy.conf.d/test.conf')
            self.policy.write_text(policy)
            self.addCleanup(lambda: self.policy.unlink(missing_ok=True))
        said = self.machine.run('dkmsctl', 'build', f'{name}/1.0', '-k', self.kernel, code=code)
        if code:
            return said
        built = self.machine.path(f'/var/lib/dkms/{name}/1.0/{self.kernel}/{scratch.ARCH}')
        self.module = (built / 'module' / f'{name}.ko').read_bytes()
        return (built / 'log' / 'make.log').read_text(), json.loads((built / '.dkmsd.json').read_text())

    def drop_in(self, unit, text):
        """Until the end of the test."""
        directory = f'/run/systemd/system/{unit}.d'
        self.machine.run('mkdir', '-p', directory)
        self.machine.path(directory + '/test.conf').write_text(text)
        self.addCleanup(lambda: self.machine.run('sh', '-c', f'rm -r {directory}; systemctl daemon-reload'))
        self.machine.run('systemctl', 'daemon-reload')

    FACTS = """id -u; cat /proc/self/cgroup; grep -E 'Cap(Eff|Prm|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status
        ls -A /var/lib/dkms/.dkmsd; unshare --user true; echo userns $?
        echo x >"$HOME/x" && echo x >/tmp/x && echo x >/dev/shm/x && echo x >build-can-write && ls -l $HOME/x /tmp/x /dev/shm/x | wc -l
        grep -c : /proc/net/dev; echo >/dev/stderr 'said on stderr'; stat -c %u:%a .
        """

    def test_the_commands_of_a_build_have_no_right(self):
        """Nor has whoever breaks out of the sandbox: neither the tree, nor the key, nor the log, nor another build."""
        self.machine.run('mkdir', '-p', '-m', '1777', '/srv/open')
        waiting = self.at_the_gate()
        unit, = (name for name in self.at_work() if name.startswith('dkms-build@'))
        pid = self.machine.run('systemctl', 'show', '--value', '--property=MainPID', unit)
        status = dict(line.split(':\t', 1) for line in self.machine.run('cat', f'/proc/{pid}/status').splitlines() if ':\t' in line)
        (uid,), (gid,) = (set(status[kind].split()) for kind in ('Uid', 'Gid'))
        self.assertNotIn(uid, {'0', *(self.machine.run('id', '-u', user) for user in ('dkms-build', 'dkmsd', 'nobody'))})
        for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual((status['NoNewPrivs'], status['Seccomp']), ('1', '2'))
        own, = self.machine.path('/var/lib/dkms/.dkmsd/build').iterdir()
        own = f'/var/lib/dkms/.dkmsd/build/{own.name}'
        into = ('nsenter', f'--target={pid}', '--mount', '--', 'setpriv', f'--reuid={uid}', f'--regid={gid}', '--clear-groups')
        self.machine.run(*into, 'touch', f'{own}/build/x')
        for place in (f'{own}/x', f'{own}/make.log', '/var/lib/dkms/x', '/var/lib/dkms/gated/x', '/var/lib/dkms/.dkmsd/x',
                      '/var/lib/dkms/.dkmsd/lock', '/var/lib/dkms/.dkmsd/build/x', '/var/lib/dkms/.dkmsd/staging/x', '/usr/src/x',
                      '/usr/lib/modules/x', '/etc/dkms/x', '/run/x', '/boot/x', '/srv/open/x', '/var/tmp/x', '/run/lock/x', '/dev/shm/x',
                      '/dev/mqueue/x'):
            self.machine.run(*into, 'touch', place, code=1)
        for path in (f'{own}', '/var/lib/dkms/.dkmsd/build', '/var/lib/dkms/.dkmsd/staging', f'/proc/{pid}/fd'):
            self.machine.run(*into, 'ls', path, code=2)
        self.machine.run(*into, 'cat', '/var/lib/dkms/mok.key', code=1)
        self.machine.run(*into, 'touch', '/tmp/its-own')
        self.assertFalse(self.machine.path('/tmp/its-own').exists())
        self.machine.run('setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', 'ls', f'{own}/build', code=2)
        # Another build, that runs beside it.
        other = self.machine.start('/usr/bin/python3', '-c', 'import socket, time\n'
                                   'unit = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n'
                                   'unit.connect("/run/dkms-units/build")\nunit.recv(999)\nprint(flush=True)\nunit.recv(1)')
        other.stdout.readline()
        theirs, = (name for name in self.at_work() if name.startswith('dkms-build@') and name != unit)
        their_pid = self.machine.run('systemctl', 'show', '--value', '--property=MainPID', theirs)
        there = ('nsenter', f'--target={their_pid}', '--mount', '--', 'setpriv',
                 *(f'--re{kind}id=' + self.machine.run('stat', '-c', f'%{kind[0]}', f'/proc/{their_pid}') for kind in ('u', 'g')), '--clear-groups')
        build, *_ = self.machine.run('pgrep', '-P', self.machine.run('pgrep', '-P', pid)).split()
        self.machine.run('test', '-w', f'/proc/{build}/cwd/.')
        self.assertEqual(self.machine.run(*there, 'sh', '-c', f'ls {own}/build || cat /proc/{build}/cmdline || kill -0 {build} || '
                                          f'ls /proc/{build}/cwd/ || echo nothing 2>/dev/null').strip(), 'nothing')
        self.machine.run('systemctl', 'stop', theirs)
        self.machine.finish(other)
        networks = {self.machine.run('readlink', f'/proc/{process}/ns/net') for process in (pid, 1)}
        self.assertEqual(len(networks), 2)
        self.end(waiting)

    def test_what_a_build_sees_is_the_same_whoever_makes_the_sandbox(self):
        """By a user where that can be, by root where it cannot; and the module is the same, byte by byte."""
        log, record = self.build(self.FACTS)
        self.assertIn('/dkms-build@', log)
        self.assertNotIn('jobserver', log)
        self.assertNotIn('opened', record)
        self.assertGreater(record['cpu_seconds'], 0.1)
        module = self.module
        self.machine.run('rm', '-r', '/usr/src/hello-1.0', '/var/lib/dkms/hello')  # the key stays
        self.drop_in('dkms-build@.service', '[Service]\nRestrictNamespaces=yes\n')
        by_root, record = self.build(self.FACTS)
        self.assertIn('/dkms-build-root@', by_root)
        self.assertEqual(record['opened'], ['sandbox by root'])
        self.assertIn('No permissions to create new namespace', by_root)
        self.assertEqual(self.module, module)
        self.assertEqual(self.facts(by_root), self.facts(log))
        uid = self.machine.run('id', '-u', 'dkms-build')
        self.assertEqual(self.facts(log)[0], uid)
        self.assertIn('built with sandbox by root', self.machine.run('dkmsctl', 'status'))

    def facts(self, log):
        """What FACTS said, but for the unit's name, and the capabilities that a sandbox does not use, which belong to the unit."""
        lines = re.split('\n# command: .*pre\\.sh\n', log)[1].partition('# exit code')[0].strip().splitlines()
        return [line for line in lines if not line.startswith(('0::', 'CapBnd'))]

    def test_trees_that_the_user_cannot_write_are_built_in_by_root(self):
        conf = self.machine.path('/etc/dkms/framework.conf.d/elsewhere.conf')
        conf.write_text('dkms_tree="/srv/dkms"\n')
        self.addCleanup(lambda: (conf.unlink(), self.machine.run('rm', '-rf', '/srv/dkms')))
        self.add_source()
        self.machine.run('mkdir', '-p', '/srv/dkms')
        self.machine.run('dkmsctl', 'build', 'hello/1.0', '-k', self.kernel)
        log = self.machine.run('cat', f'/srv/dkms/hello/1.0/{self.kernel}/{scratch.ARCH}/log/make.log')
        self.assertIn('/srv/dkms/hello/1.0/build cannot be written', log)

    def test_where_no_user_is_to_be_had_root_makes_the_sandbox(self):
        """As in a container with few users, where the unit cannot be started."""
        self.drop_in('dkms-build@.service', '[Service]\nExecStart=\nExecStart=/usr/bin/false\n')
        log, record = self.build('id -u')
        self.assertEqual(record['opened'], ['sandbox by root'])
        self.assertIn('dkms-build@*.service, was ended', log)

    def test_what_the_administrator_opens(self):
        log, record = self.build('cat /proc/self/cgroup; id -u', policy='hello network allow\n')
        self.assertIn('/dkms-build-network@', log)
        self.assertEqual(record['opened'], ['network'])
        self.forget_everything()
        self.policy.write_text('hello sandbox off\n')
        log, record = self.build('cat /proc/self/cgroup; echo "uid $(id -u)"')
        self.assertIn('/dkms-build-root@', log)
        self.assertIn('\nuid 0\n', log)
        self.forget_everything()
        # What a user cannot show to himself.
        self.machine.run('sh', '-c', 'mkdir -m 755 /root/closed; echo seen >/root/closed/sdk; chmod 700 /root')
        self.policy.write_text('hello read /root/closed\n')
        log, record = self.build('cat /root/closed/sdk')
        self.assertIn('\nseen\n', log)
        self.assertEqual(record['opened'], ['read /root/closed', 'sandbox by root'])

    def test_a_build_that_takes_more_than_it_may_ends(self):
        for setting, script, sentence in (
                ('time 1', 'exec sleep 1000', '1 second of time'),
                ('processes 20', 'for i in $(seq 50); do sleep 1000 & done; wait', '20 processes'),
                ('memory 100M', 'head -c 200M /dev/zero >/dev/shm/x; exec sleep 1000', '100 MiB of memory'),
                # In a file that has no name and no descriptor any more.
                ('space 50M', 'exec python3 -c "import ctypes, os, time; f = os.open(\'x\', os.O_RDWR | os.O_CREAT); os.unlink(\'x\'); '
                              'size = os.write(f, bytes(100 << 20)); ctypes.CDLL(None).mmap(None, ctypes.c_size_t(size), 1, 1, f, 0); '
                              'os.close(f); time.sleep(1000)"', '50 MiB of space'),
        ):
            with self.subTest(script):
                self.forget_everything()
                said = self.build(script, policy=f'hello {setting}\n', code=10)
                self.assertIn(f'it exceeded {sentence}', said)

    def test_a_script_may_call_dkms_again(self):
        """Through the service, and without it: the lock is held for it."""
        source = self.add_source(more='POST_INSTALL="again.sh"\n')
        self.add_source('second')
        self.add_source('third')
        script = source / 'again.sh'
        script.write_text('#!/bin/sh\nexec >/var/tmp/said 2>&1\ndkmsctl add second/1.0; FAKEROOTKEY=1 dkmsctl add third/1.0\n'
                          'cat /proc/self/cgroup; : >/etc/written-by-a-script\n')
        script.chmod(0o755)
        self.machine.run('dkmsctl', 'install', 'hello/1.0', '-k', self.kernel)
        said = pathlib.Path(self.machine.path('/var/tmp/said')).read_text()
        self.assertEqual(self.states(), {'hello': ['installed'], 'second': [], 'third': []}, said)
        self.assertIn('/dkms-script@', said)
        self.machine.path('/etc/written-by-a-script').unlink()


if __name__ == '__main__':
    unittest.main()
