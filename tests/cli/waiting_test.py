#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What nothing may wait for: a pipe in the place of a file, the end of a process on a kernel that cannot tell it, a parent that is gone."""

import array
import errno
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402
from gate import PATIENCE  # noqa: E402
from interruptions_test import children, descendants, wait_for_end  # noqa: E402

KERNELS = scratch.kernels_with_headers()
NO_PIDFD = pathlib.Path(__file__).resolve().parent / 'no_pidfd.py'


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class PipesTest(unittest.TestCase):
    """Three trees below a directory: one module is installed, another one could not be built, a third is in the source tree."""

    verbs = (('status',), ('lint', 'SOURCE'), ('install', 'hello/1.0', '--force'), ('uninstall', 'hello/1.0'), ('autoinstall',),
             ('export', 'hello/1.0', '-o', 'DIRECTORY'), ('remove', 'hello/1.0', '--all'))
    verbs_of_any_system = (('status',), ('plan',), ('add', 'other/1.0'), ('remove', 'hello/1.0', '--all'))
    files = ('usr/src/hello-1.0/dkms.conf', 'usr/src/hello-1.0/hello.c', 'usr/src/other-1.0/dkms.conf', 'etc/dkms/framework.conf',
             'etc/dkms/policy.conf', 'etc/dkms/hello.conf', 'usr/lib/os-release', 'var/lib/dkms/hello/1.0/KA/.dkmsd.json',
             'var/lib/dkms/hello/1.0/KA/log/make.log', 'var/lib/dkms/hello/1.0/KA/module/hello.ko', 'var/lib/dkms/hello/.kernel-K-A.json',
             'var/lib/dkms/failing/1.0/.trouble-K-A.json', 'var/lib/dkms/.dkmsd/pending-K-A.json', 'var/lib/dkms/.dkmsd/intents/1-1',
             'var/lib/dkms/.dkmsd/lock', 'var/lib/dkms/.dkmsd.history/hello/K-A.json', 'lib/modules/K/modules.order',
             'lib/modules/K/modules.dep', 'lib/modules/K/updates/dkms/hello.ko')

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(scratch.Scratch()).root)
        cls.kernel = KERNELS[0]
        root = cls.directory / 'root'
        for place in ('usr/src', 'etc/dkms', 'usr/lib', 'var/lib/dkms', f'lib/modules/{cls.kernel}'):
            (root / place).mkdir(parents=True)
        (root / 'lib/modules' / cls.kernel / 'build').symlink_to((pathlib.Path('/lib/modules') / cls.kernel / 'build').resolve())
        for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo'):
            (root / 'lib/modules' / cls.kernel / name).touch()
        shutil.copy('/usr/lib/os-release', root / 'usr/lib')
        for name in ('hello', 'other', 'failing'):
            source = root / 'usr/src' / f'{name}-1.0'
            shutil.copytree(scratch.SAMPLES / 'hello-1.0', source)
            conf = source / 'dkms.conf'
            conf.write_text(conf.read_text().replace('PACKAGE_NAME="hello"', f'PACKAGE_NAME="{name}"')
                            + ('MAKE[0]="false"\n' if name == 'failing' else ''))
        cls.root = root
        for words, code in ((('install', 'hello/1.0'), 0), (('build', 'failing/1.0'), None)):
            said = cls.start(root, *words, '-k', cls.kernel)
            out, err = said.communicate(timeout=PATIENCE)
            assert code is None or said.returncode == code, out + err
        source = root / 'usr/src/hello-1.0'  # further builds take no time
        shutil.copy(root / f'var/lib/dkms/hello/1.0/{cls.kernel}/{scratch.ARCH}/module/hello.ko', source / 'built')
        with open(source / 'dkms.conf', 'a', encoding='ascii') as conf:
            conf.write('MAKE[0]="cp built hello.ko"\nCLEAN="true"\n')

    @staticmethod
    def start(root, *words, whole=False):
        """`whole`: it is another system, with its configuration; headers are found in there then, and so not here."""
        trees = [f'--dkmstree={root}/var/lib/dkms', f'--sourcetree={root}/usr/src', f'--installtree={root}/lib/modules']
        trees = [] if words[0] == 'lint' else trees
        return subprocess.Popen(
            [scratch.BUILD / 'client' / 'dkmsctl', *words, *([f'--root={root}'] if whole else trees)], text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8'})

    def place_of(self, root, name):
        arch = scratch.ARCH
        return root / (name.replace('KA', f'{self.kernel}/{arch}').replace('K-A', f'{self.kernel}-{arch}').replace('/K/', f'/{self.kernel}/'))

    def words_of(self, root, verb):
        words = [{'SOURCE': str(root / 'usr/src/hello-1.0'), 'DIRECTORY': str(root)}.get(word, word) for word in verb]
        if verb[0] == 'lint':
            return words
        return words if verb[0] in ('status', 'plan', 'add', 'remove', 'export') else [*words, '-k', self.kernel]

    def test_no_verb_waits_for_a_pipe(self):
        self.assertTrue(all(self.place_of(self.root, f).exists() for f in self.files if f.endswith(('hello.ko', '.json')) and 'pending' not in f))
        for number, name in enumerate(self.files):
            with self.subTest(name):
                running = []
                whole = name.startswith(('etc', 'usr/lib/'))
                for verb in self.verbs_of_any_system if whole else self.verbs:
                    root = self.directory / f'{number}-{"-".join(verb).replace("/", "-")}'
                    subprocess.run(['cp', '-a', self.root, root], check=True)
                    place = self.place_of(root, name)
                    place.unlink(missing_ok=True)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    os.mkfifo(place)
                    running.append((verb, root, self.start(root, *self.words_of(root, verb), whole=whole)))
                    if len(running) == 3:
                        self.finish(name, *running.pop(0))
                for one in running:
                    self.finish(name, *one)

    def finish(self, name, verb, root, process):
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            below = [pathlib.Path(f'/proc/{one}/comm').read_text().strip() for one in descendants(process.pid)]
            process.kill()
            process.communicate()
            self.fail(f'{verb} waits for {name}: {below}')
        self.assertNotRegex(err, 'should not have happened|^Usage:', (verb, name))
        shutil.rmtree(root)


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class ProcessesTest(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.trees.add_kernel(KERNELS[0])
        self.source = self.trees.add_source()

    def test_a_kernel_that_does_not_tell_the_end_of_processes(self):
        for code in (errno.ENOSYS, errno.EPERM):
            for words in (('install', 'hello/1.0', '-k', KERNELS[0]), ('uninstall', 'hello/1.0', '-k', KERNELS[0]), ('remove', 'hello/1.0', '--all')):
                ended = subprocess.run(['/usr/bin/python3', NO_PIDFD, str(code), scratch.BUILD / 'client' / 'dkmsctl', *words, *self.trees.words()],
                                       text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
                self.assertEqual(ended.returncode, 0, (words, ended.stdout, ended.stderr))

    def test_a_worker_ends_with_its_parent(self):
        """It writes an archive to a pipe that is full and that nobody reads."""
        self.assertEqual(self.trees.dkmsctl('add', 'hello/1.0').code, 0)
        (self.source / 'large').write_bytes(os.urandom(1 << 20))
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        dkmsd = subprocess.Popen([scratch.BUILD / 'daemon' / 'dkmsd', '--stdio', *self.trees.words()], stdin=theirs, stdout=subprocess.PIPE)
        self.addCleanup(dkmsd.stdout.close)
        self.addCleanup(ours.close)
        theirs.close()
        call = {'request': 'pack', 'module': 'hello', 'version': '1.0', 'options': {'source_only': True}, 'handle': True}
        ours.sendmsg([json.dumps(call).encode() + b'\n'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [writing]))])
        os.close(writing)
        for line in dkmsd.stdout:
            if b'step-started' in line:
                break
        self.wait_until_full(reading)
        below = descendants(dkmsd.pid)
        self.assertTrue(below)
        dkmsd.kill()
        dkmsd.wait()
        wait_for_end(below)

    def wait_until_full(self, pipe):
        size = fcntl.fcntl(pipe, 1032)  # F_GETPIPE_SZ
        held = array.array('i', [0])
        while held[0] < size // 2:
            os.sched_yield()
            fcntl.ioctl(pipe, 0x541b, held)  # FIONREAD
        self.assertGreater(held[0], 0)


if __name__ == '__main__':
    unittest.main()
