# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scratch directory with the trees that DKMS works on, and dkmsctl working on them without a bus.

Environment: DKMS_TEST_BUILD is the build directory whose programs are tried.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

SAMPLES = pathlib.Path(__file__).resolve().parent / 'data' / 'modules'
BUILD = pathlib.Path(os.environ.get('DKMS_TEST_BUILD', pathlib.Path(__file__).resolve().parent.parent / 'build'))
COMES_AND_GOES = re.compile(r'^\.dkmsd(\.history)?(/|$)|/\.(trouble|make)-|/build/make\.log$')
ARCH = os.uname().machine


def kernels_with_headers():
    """Releases that modules can be built for on this machine, in byte order."""
    return sorted(path.parent.name for path in pathlib.Path('/lib/modules').glob('*/build') if (path / 'Makefile').exists())


def own_mounts():
    """The words before a command that gives it mounts of its own, which it may change."""
    words = ['unshare', '--mount', '--propagation', 'private']
    return words if os.geteuid() == 0 else [*words, '--map-current-user', '--keep-caps']


class Result:
    """What a finished dkmsctl said."""

    def __init__(self, finished):
        self.code, self.out, self.err = finished.returncode, finished.stdout, finished.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f'exit code {self.code}\nstdout: {self.out}\nstderr: {self.err}'


class Scratch:
    """Trees of one test. Use as a context manager: they are removed at its end."""

    def __init__(self, root=None):
        """`root`: a directory that is there and empty."""
        self.root = root or pathlib.Path(tempfile.mkdtemp(prefix='dkms-test-'))
        self.root.chmod(0o755)  # builds run as another user
        self.dkms, self.sources, self.modules = self.root / 'dkms', self.root / 'src', self.root / 'lib' / 'modules'
        for directory in (self.dkms, self.sources, self.modules):
            directory.mkdir(parents=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        subprocess.run(['chmod', '-R', 'u+rwX', self.root], check=False)
        shutil.rmtree(self.root)

    def add_kernel(self, release):
        """A kernel's module directory: empty but for the link to the machine's headers and what depmod wants to see."""
        directory = self.modules / release
        directory.mkdir()
        real = pathlib.Path('/lib/modules') / release
        (directory / 'build').symlink_to((real / 'build').resolve())
        for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo', 'modules.dep'):
            if (real / name).exists():
                shutil.copy(real / name, directory)
            else:
                (directory / name).touch()
        return directory

    def add_source(self, name='hello', version='1.0', sample=None):
        """Copies a sample into the source tree; returns its directory."""
        target = self.sources / f'{name}-{version}'
        shutil.copytree(sample or SAMPLES / f'{name}-{version}', target)
        return target

    def words(self):
        return ['--dkmstree', self.dkms, '--sourcetree', self.sources, '--installtree', self.modules]

    def dkmsctl(self, *arguments, env=None, timeout=600, namespace='', as_nobody=False):
        """Runs dkmsctl on these trees to its end. Nothing of the environment but what is here reaches it, and `env`.

        `namespace`: commands of a shell that change mounts first, seen by nobody else. `as_nobody`: when called by root, run by
        an ordinary user, whom everything in the trees belongs to meanwhile."""
        environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(self.root), 'LANG': 'C.UTF-8', **(env or {})}
        environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        command = [BUILD / 'client' / 'dkmsctl', *arguments, *([] if arguments[:1] == ('lint',) else self.words())]
        if namespace:
            command = [*own_mounts(), 'sh', '-ec', namespace + '\nexec setpriv --ambient-caps=-all "$@"', 'sh', *command]
        if as_nobody and os.geteuid() == 0:
            command = self.given_to_nobody(command)
        return Result(subprocess.run(command, env=environment, timeout=timeout, text=True, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors='surrogateescape'))

    def given_to_nobody(self, command):
        """The same command for nobody, with programs that nobody can reach wherever the build directory is."""
        programs = self.root / 'programs'
        for program in ('client/dkmsctl', 'daemon/dkmsd', 'daemon/dkms-worker'):
            (programs / program).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BUILD / program, programs / program)
        subprocess.run(['chown', '-R', '-h', 'nobody:nogroup', self.root], check=True)
        return ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', programs / 'client' / 'dkmsctl', *command[1:]]

    def status(self, *arguments):
        """The modules that `status --json` shows."""
        result = self.dkmsctl('status', '--json', *arguments)
        assert result.code == 0, str(result)
        return result.json['modules']

    def listing(self, *directories):
        """Every file and link below the trees with its size or target: what must be unchanged after a refused request.
        Left out is what may come and go in the DKMS tree: its .dkmsd directory, the history, and notes and logs about failures."""
        found = {}
        for top in directories or (self.dkms, self.sources, self.modules):
            for path in sorted(top.rglob('*')):
                if COMES_AND_GOES.search(str(path.relative_to(top))):
                    continue
                name = str(path.relative_to(self.root))
                if path.is_symlink():
                    found[name] = 'link to ' + os.readlink(path)
                else:
                    found[name] = 'directory' if path.is_dir() else path.stat().st_size
        return found
