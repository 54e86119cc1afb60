# SPDX-License-Identifier: LGPL-2.1-or-later
"""Another version of a module, the one before, and what was installed when: by the service, and without it."""

import io
import json
import os
import pathlib
import pwd
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

from service import BUILD, BusTest, wait_for_exit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'cli' / 'dkms'))
import elf  # noqa: E402
import scratch  # noqa: E402

ARCH = scratch.ARCH
NO_EARLIER_VERSION = 'org.dkms1.Error.NoEarlierVersion'


class Watch:
    """Looks without a pause whether each kernel has its module; how often one had none."""

    def __init__(self, directories):
        self.directories = directories
        self.over = threading.Event()
        self.looks = self.misses = 0
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.over.is_set():
            for directory in self.directories:
                self.looks += 1
                try:
                    self.misses += os.stat(directory / 'hello.ko').st_size == 0
                except FileNotFoundError:
                    self.misses += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.over.set()
        self.thread.join()


class VersionsTest(BusTest):
    def trees(self):
        """The words that have dkmsctl work without the service."""
        return ['--dkmstree', self.tree, '--sourcetree', self.sources, '--installtree', self.modules]

    def add_version(self, version):
        source = self.add_source(version=version) / 'hello.c'
        source.write_text(source.read_text().replace('MODULE_VERSION("1.0")', f'MODULE_VERSION("{version}")'))

    def place(self, kernel):
        """Where the module is installed."""
        path, = (self.modules / kernel).rglob('hello.ko')
        return path

    def versions(self):
        """What is there for each kernel, by the file itself."""
        return tuple(elf.modinfo(self.place(kernel).read_bytes(), 'version') for kernel in self.releases)

    def ctl(self, *words, code=0):
        return self.finish(self.dkmsctl(*words), code)

    def change(self, *words, of=(0, 1), code=0):
        return self.ctl(*words, *(word for number in of for word in ('-k', self.releases[number])), code=code)

    def history(self, *words):
        """What the three ways to it agree about."""
        told = json.loads(self.ctl('history', '--json', *words))['history']
        self.assertEqual(json.loads(self.ctl('history', '--json', *words, *self.trees()))['history'], told, 'without the service')
        if not words:
            self.assertEqual(self.client.call('GetHistory', '(a{sv})', ({},))[0], told)
        return told

    def test_versions_come_and_go_and_stay(self):
        self.releases = self.kernels(2)
        first, second = self.releases
        for version in ('1.0', '2.0'):
            self.add_version(version)
        self.change('install', 'hello/1.0')
        with Watch([self.place(kernel).parent for kernel in self.releases]) as watch:
            self.assertIn('switched', self.change('switch', 'hello/2.0'))
            self.assertEqual(self.versions(), ('2.0', '2.0'))
            self.change('install', 'hello/1.0', of=[0], code=6)  # it is older than what is there
            self.assertIn('rolled back to 1.0', self.change('rollback', 'hello', of=[0]))
            self.assertEqual(self.versions(), ('1.0', '2.0'))

            # Nothing that works by itself takes it back.
            for kernel in self.releases:
                self.ctl('autoinstall', '-k', kernel)
                module, = json.loads(self.ctl('plan', '--json', '-k', kernel, *self.trees()))['kernels'][0]['modules']
                self.assertEqual((module['version'], module['action'], module['reason']),
                                 ('1.0', 'none', 'installed, chosen in place of 2.0') if kernel == first else ('2.0', 'none', 'installed'))
            self.assertEqual(self.versions(), ('1.0', '2.0'))
            self.assertNotIn('lacks', self.ctl('status'))

            # A second rollback goes forward again; each kernel goes its own way.
            self.change('rollback', 'hello', of=[0])
            self.assertEqual(self.versions(), ('2.0', '2.0'))
            self.change('rollback', 'hello', of=[0])
            told = json.loads(self.change('rollback', 'hello', '--json'))
            self.assertEqual(sorted(job['version'] for job in told['jobs']), ['1.0', '2.0'])
            self.assertEqual(self.versions(), ('2.0', '1.0'))

            # A version that was not there to be chosen ends the choice.
            self.add_version('1.5')
            self.ctl('add', 'hello/1.5')
            self.ctl('autoinstall', '-k', second)
            self.assertEqual(self.versions(), ('2.0', '1.0'))
            self.add_version('3.0')
            self.ctl('add', 'hello/3.0')
            self.ctl('autoinstall', '-k', second)
            self.assertEqual(self.versions(), ('2.0', '3.0'))
            # What is installed already can be chosen, too; once.
            for _ in range(2):
                self.assertIn('installed already', self.change('switch', 'hello/3.0', of=[1]))
        self.assertEqual(watch.misses, 0, f'of {watch.looks} looks')

        told = self.history()
        self.assertEqual([(e['request'], e['version'], e.get('replaced')) for e in told if e['kernel'] == second],
                         [('install', '1.0', None), ('switch', '2.0', '1.0'), ('rollback', '1.0', '2.0'), ('autoinstall', '3.0', '1.0'),
                          ('switch', '3.0', '3.0')])
        self.assertEqual([(e['request'], e['version'], e.get('replaced')) for e in told if e['kernel'] == first],
                         [('install', '1.0', None), ('switch', '2.0', '1.0'), ('rollback', '1.0', '2.0'), ('rollback', '2.0', '1.0'),
                          ('rollback', '1.0', '2.0'), ('rollback', '2.0', '1.0')])
        self.assertEqual(told, sorted(told, key=lambda one: one['at']))
        self.assertEqual({(e['name'], e['arch'], e['change'], e['uid'], e['origin']) for e in told},
                         {('hello', ARCH, 'installed', os.getuid(), 'built')})
        for entry in told:  # a job of the service, which can be asked for
            job = self.client.call('GetJob', '(t)', (entry['job'],))[0]
            self.assertIn(f'{entry["kernel"]}/{ARCH}', job['request']['kernels'])
        self.assertEqual(self.history('hello/3.0'), told[-2:])
        self.assertEqual([e['kernel'] for e in self.history('hello', '-k', second)], [second] * 5)

        # What was done survives a service that is killed, and a module that leaves the tree.
        pid = self.client.daemon_pid()
        os.kill(pid, signal.SIGKILL)
        wait_for_exit(pid)
        self.ctl('remove', 'hello/1.0', '--all')
        self.assertEqual(self.history(), told)
        for words, error in ((['rollback', 'hello', '-k', first], 'version 1.0, which was installed before 2.0, is not registered any more'),
                             (['rollback', 'nosuch', '-k', first], 'nosuch is not'), (['rollback', 'hello/1.0'], 'without a version'),
                             (['switch', 'hello'], 'needs a version'), (['rollback', 'hello', '-k', '0.0'], 'no version of it is installed')):
            process = self.dkmsctl(*words)
            err = process.communicate()[1]
            self.assertIn(error, err)
            self.assertNotEqual(process.returncode, 0)
        self.assertEqual(self.client.error_of('Rollback', '(ssasa{sv})', ('hello', '', [first], {})), NO_EARLIER_VERSION)
        self.assertEqual(self.client.error_of('Rollback', '(ssasa{sv})', ('hello', '', [first, second], {})), NO_EARLIER_VERSION,
                         'all or none')
        self.assertEqual(self.versions(), ('2.0', '3.0'))
        self.ctl('add', 'hello/1.0')  # as it says
        self.change('rollback', 'hello', of=[0])
        self.assertEqual(self.versions(), ('1.0', '3.0'), 'it was built for that')
        self.ctl('remove', 'hello/1.0', '--all')
        *_, gone = self.history()
        self.assertEqual((gone['change'], gone['request'], gone['version'], gone['kernel']), ('uninstalled', 'remove', '1.0', first))
        self.only_look_as_nobody(len(told) + 2)

    def only_look_as_nobody(self, count):
        if os.getuid() != 0:
            return  # only root can be another user for a while
        nobody = pwd.getpwnam('nobody')

        def run(*words):
            return subprocess.run([BUILD / 'client' / 'dkmsctl', *words], env=self.bus.environment, text=True, capture_output=True,
                                  check=False, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
        self.assertEqual(len(json.loads(run('history', '--json').stdout)['history']), count)
        self.assertIn('uninstalled', run('history').stdout)
        for words in (['rollback', 'hello'], ['switch', 'hello/2.0']):
            self.assertIn('AccessDenied', json.loads(run(*words, '--json', '-k', self.releases[1]).stdout)['error'])

    def test_who_asks_at_once(self):
        """Two who want the same get one rollback, not two that take each other back; another version waits for its turn."""
        self.releases = self.kernels(1)
        kernel, = self.releases
        for version in ('1.0', '2.0'):
            self.add_version(version)
            self.change('switch', f'hello/{version}', of=[0])
        gate = self.add_gated_source()
        gated = self.client.change('Build', 'gated', kernels=[kernel])[0]
        gate.wait_for_build()
        # Holds the kernel of the jobs below: what takes away all of a kernel waits for the build, and they for it.
        clear = self.client.call('KernelPreinst', '(asa{sv})', ([kernel], {}))[0]
        back = self.client.change('Rollback', version='', kernels=[kernel])[0]
        self.assertEqual(self.client.change('Rollback', version='', kernels=[kernel])[0], back)
        again = self.client.change('Switch', version='2.0', kernels=[kernel])[0]
        gate.open()
        ends = {job: self.client.removed(job) for job in (gated, clear, back, again)}
        gate.close()
        self.assertEqual(ends[gated][0], 'done')
        # The kernel was cleared of modules before the rollback began, which is told then.
        self.assertEqual(ends[back][:2], ('failed', NO_EARLIER_VERSION))
        self.assertEqual(ends[again][0], 'done')
        self.assertEqual(self.versions(), ('2.0',))


class ImportedVersions(unittest.TestCase):
    """Without the service and without compilers: versions that came in archives, below a directory with an /etc of its own."""

    KERNEL = '6.6.6-1-test'
    CONF = ('PACKAGE_NAME="hello"\nPACKAGE_VERSION="{}"\nBUILT_MODULE_NAME[0]="hello"\n'
            'DEST_MODULE_LOCATION[0]="/kernel/extra"\nAUTOINSTALL="yes"\n')

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix='dkms-test-')
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        self.root.chmod(0o755)
        self.tree = self.root / 'var/lib/dkms'
        self.kernel = self.root / 'lib/modules' / self.KERNEL
        for path in (self.tree, self.root / 'usr/src', self.root / 'etc/dkms', self.kernel):
            path.mkdir(parents=True)
        for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo', 'modules.dep'):
            (self.kernel / name).touch()

    def run_ctl(self, *words, before=()):
        environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(self.root), 'LANG': 'C.UTF-8'}
        environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        if before:  # looking for leaks does not work for who is traced already
            environment['ASAN_OPTIONS'] = environment.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
        return scratch.Result(subprocess.run([*before, BUILD / 'client' / 'dkmsctl', *words, '--root', self.root], env=environment, text=True,
                                             stdin=subprocess.DEVNULL, capture_output=True, check=False))

    def ctl(self, *words):
        result = self.run_ctl(*words)
        self.assertEqual(result.code, 0, str(result))
        return result.out

    def bring(self, version):
        path = self.root / 'hello.dkms.tar.gz'
        with tarfile.open(path, 'w:gz') as archive:
            for name, data in (('dkms_source_tree/dkms.conf', self.CONF.format(version).encode()),
                               (f'dkms_main_tree/{self.KERNEL}/{ARCH}/module/hello.ko',
                                elf.module_bytes(self.KERNEL, ARCH, version=version, srcversion=f'S{version}')),
                               (f'dkms_main_tree/{self.KERNEL}/{ARCH}/log/make.log', b'')):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        self.ctl('import', path)

    def switch(self, version):
        self.bring(version)
        self.ctl('switch', f'hello/{version}', '-k', f'{self.KERNEL}/{ARCH}')

    def rollback(self, before=()):
        return self.run_ctl('rollback', 'hello', '-k', f'{self.KERNEL}/{ARCH}', before=before)

    def built(self):
        return {m['version']: [k['state'] for k in m['kernels']] for m in json.loads(self.ctl('status', '--json'))['modules']}

    def history(self):
        return json.loads(self.ctl('history', '--json'))['history']

    def test_how_many_stay_built(self):
        for version in ('1', '2', '3'):
            self.switch(version)
        self.assertEqual(self.built(), {'1': ['built'], '2': ['built'], '3': ['installed']}, 'all, unless something else is said')
        (self.root / 'etc/dkms/policy.conf').write_text('* keep-versions none\nhello keep-versions 1\n')
        self.bring('0')
        self.bring('5')
        self.bring('4')
        result = self.run_ctl('install', 'hello/4', '-k', f'{self.KERNEL}/{ARCH}')
        self.assertEqual(result.code, 0, str(result))
        self.assertIn('keep-versions takes a number', result.err + result.out)
        self.assertEqual(self.built(), {'0': [], '1': [], '2': [], '3': ['built'], '4': ['installed'], '5': ['built']},
                         'what a rollback would go to, and what is newer, stays')
        self.assertEqual(len(list((self.root / 'usr/src').iterdir())), 6, 'sources do, too')
        self.assertEqual(self.rollback().code, 0)
        self.assertEqual(self.built()['3'], ['installed'])
        self.assertEqual({(e['uid'], e.get('job'), e['origin']) for e in self.history()}, {(os.getuid(), None, 'archive')})

    def test_killed_at_each_rename(self):
        """What is installed, the link, and the end of the history agree whenever the worker is killed, and nothing is left over."""
        self.switch('1')
        self.switch('2')
        place = self.kernel / 'kernel/extra/hello.ko'
        if not place.exists():
            place, = self.kernel.rglob('hello.ko')
        outcomes = set()
        for number in range(1, 100):
            before = os.readlink(self.tree / 'hello' / f'kernel-{self.KERNEL}-{ARCH}').partition('/')[0]
            log = self.root / 'strace'
            killed = self.rollback(['strace', '-f', '-q', '-o', log, '-e', 'signal=none', '-e', 'trace=/^rename',
                                    '-e', f'inject=/^rename:signal=KILL:when={number}'])
            is_over = ' = ?\n' not in log.read_text()
            self.assertEqual(killed.code == 0, is_over, str(killed))
            repaired = json.loads(self.run_ctl('check', '--repair', '--json').out)['jobs']
            self.assertLessEqual({problem['problem'] for job in repaired for problem in job.get('problems', [])},
                                 set() if is_over else {'index-outdated', 'leftover'}, 'depmod was still to come, or a record being written')
            self.ctl('check')  # fails while anything is left over
            version = elf.modinfo(place.read_bytes(), 'version')
            self.assertIn(version, ('1', '2'))
            self.assertEqual(os.readlink(self.tree / 'hello' / f'kernel-{self.KERNEL}-{ARCH}').partition('/')[0], version)
            self.assertEqual(self.history()[-1]['version'], version)
            self.assertEqual([str(path) for path in self.root.rglob('.dkmsd-*')], [])
            outcomes.add(version == before)
            if is_over:
                break
        self.assertEqual(outcomes, {True, False}, 'some were too early, and at last it came to its end')
        self.assertGreater(number, 3)

    def test_no_more_than_64(self):
        self.switch('1')
        self.switch('2')
        path = self.tree / '.dkmsd.history/hello' / f'{self.KERNEL}-{ARCH}.json'
        self.assertEqual(path.stat().st_mode & 0o777, 0o644)
        kept = json.loads(path.read_text())
        kept['entries'] = [kept['entries'][-1] | {'at': at} for at in range(64)]
        path.write_text(json.dumps(kept))
        self.assertEqual(self.rollback().code, 0, 'which version was before is known, whatever was dropped')
        told = self.history()
        self.assertEqual((len(told), told[0]['at'], told[-1]['request']), (64, 1, 'rollback'))
        self.assertEqual(self.built(), {'1': ['installed'], '2': ['built']})
        path.write_text('{')  # one that cannot be understood begins again, and stops nothing
        self.ctl('switch', 'hello/2', '-k', f'{self.KERNEL}/{ARCH}')
        self.assertEqual([e['version'] for e in self.history()], ['2'])


if __name__ == '__main__':
    unittest.main()
