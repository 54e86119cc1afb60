# SPDX-License-Identifier: LGPL-2.1-or-later
"""A system of its own in which RPMs are made, installed and removed, with scripts and all: the machine's programs, read-only,
the dkms of the build directory, and everything that packages change in a scratch directory. Needs no root.

Environment: DKMS_TEST_BUILD is the build directory whose programs are tried.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()
OURS = ('share', 'src', 'local', 'libexec')  # of /usr; what is not ours is the machine's
# What the programs want to know of /etc; the rest is not there.
SETTINGS = ('alternatives', 'ld.so.cache', 'ld.so.conf', 'os-release', 'passwd', 'group', 'nsswitch.conf', 'rpm', 'ssl')
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
DKMS = '#!/bin/sh\nexec /programs/client/dkms "$@"\n'
# A machine that has one of the kernels running.
UNAME = '#!/bin/sh\n[ "$1" != -r ] || exec cat /running\nexec /usr/bin/uname "$@"\n'


def reason_to_skip():
    """Why nothing can be tried here, or nothing."""
    for program in ('rpm', 'rpmbuild', 'bwrap'):
        if not shutil.which(program):
            return f'{program} is needed'
    if len(KERNELS) < 2:
        return 'headers of two kernels are needed'
    return None


class RpmSystem:
    """Use as a context manager: it is gone at the end."""

    def __init__(self, kernels=KERNELS, running=KERNELS[-1:], without=()):
        """`kernels` have headers; `running`: the release that uname says, as a list of one; `without`: programs that are not
        there."""
        self.without = without
        self.root = pathlib.Path(tempfile.mkdtemp(prefix='dkms-test-', dir='/var/tmp'))
        for directory in ('usr/share', 'usr/src', 'usr/libexec', 'usr/local/bin', 'usr/local/sbin', 'var/lib/dkms', 'var/lib/rpm',
                          'var/tmp', 'etc/dkms', 'modules', 'proc', 'dev', 'run', 'tmp', 'boot', 'home'):  # rpm 4.20 hides /home from scriptlets
            (self.root / directory).mkdir(parents=True)
        for name in ('bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'):
            if os.path.islink(f'/{name}'):
                (self.root / name).symlink_to(f'usr/{name}')
        self.write_program('usr/local/sbin/dkms', DKMS)
        self.write_program('usr/local/bin/uname', UNAME)
        for kernel in kernels:
            self.add_kernel(kernel)
        (self.root / 'running').write_text(''.join(running) + '\n')
        self.succeed('rpm', '--initdb')

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        subprocess.run(['chmod', '-R', 'u+rwX', self.root], check=False)
        shutil.rmtree(self.root)

    def write_program(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def add_kernel(self, release, headers=True):
        directory = self.root / 'modules' / release
        (directory / 'kernel').mkdir(parents=True)
        for name in ('modules.order', 'modules.builtin'):
            (directory / name).touch()
        if headers:
            (directory / 'build').symlink_to(pathlib.Path(f'/lib/modules/{release}/build').resolve())

    def add_source(self, name='hello', version='1.0', sample='hello-1.0'):
        """A sample's source under that name and version. Returns its directory."""
        source = self.root / 'usr' / 'src' / f'{name}-{version}'
        shutil.copytree(scratch.SAMPLES / sample, source)
        old_name, old_version = sample.rsplit('-', 1)
        conf = source / 'dkms.conf'
        conf.write_text(conf.read_text().replace(f'PACKAGE_NAME="{old_name}"', f'PACKAGE_NAME="{name}"')
                        .replace(f'PACKAGE_VERSION="{old_version}"', f'PACKAGE_VERSION="{version}"'))
        return source

    def mounts(self):
        words = ['--bind', self.root, '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--tmpfs', '/run',
                 '--ro-bind', scratch.BUILD, '/programs']
        for path in sorted(pathlib.Path('/usr').iterdir()):
            if path.name not in OURS:
                words += ['--ro-bind', path, path]
        for path in [*pathlib.Path('/usr/src').glob('linux-*'), *pathlib.Path('/usr/libexec').iterdir()]:
            words += ['--ro-bind', path, path]
        for name in SETTINGS:
            if os.path.exists(f'/etc/{name}'):
                words += ['--ro-bind', os.path.realpath(f'/etc/{name}'), f'/etc/{name}']
        for program in self.without:
            words += ['--ro-bind', self.root / 'running', f'/usr/bin/{program}']
        return [*words, '--bind', self.root / 'modules', '/usr/lib/modules']

    def entered(self, *words):
        """The words that run a command in there, as a root that has nothing outside."""
        return ['bwrap', '--unshare-user', '--uid', '0', '--gid', '0', '--cap-add', 'ALL', '--unshare-pid', '--unshare-net',
                '--die-with-parent', *self.mounts(), '--', *words]

    def environment(self, env=None):
        environment = {'PATH': PATH, 'HOME': '/root', 'LC_ALL': 'C.UTF-8',
                       **(env or {})}
        environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        return environment

    def run(self, *words, env=None):
        """Runs a command in there to its end."""
        return subprocess.run(self.entered(*words), env=self.environment(env), text=True, errors='replace',
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)

    def succeed(self, *words, **how):
        result = self.run(*words, **how)
        assert result.returncode == 0, f'{words} ended with {result.returncode}:\n{result.stdout}'
        return result.stdout

    def dkms(self, *words, **how):
        return self.succeed('dkms', *words, **how)

    def request(self, **request):
        """Has dkmsd carry out a request. Returns its events, each an object."""
        events = []
        with subprocess.Popen(self.entered('/programs/daemon/dkmsd', '--stdio'), env=self.environment(), text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as daemon:
            daemon.stdin.write(json.dumps(request) + '\n')
            daemon.stdin.flush()
            for line in daemon.stdout:
                events.append(json.loads(line))
                if events[-1].get('event') == 'job-ended' or 'error' in events[-1]:
                    break
            daemon.stdin.close()
        return events

    def pack_kmod(self, name, version, kernels=KERNELS, arch=scratch.ARCH):
        events = self.request(request='pack', module=name, version=version, options={'format': 'kmod'},
                              kernels=[f'{kernel}/{arch}' for kernel in kernels])
        assert events[-1].get('view', {}).get('result') == 'done', events[-1]
        return events

    def products(self, name='hello', version='1.0'):
        """What was packed, by file name."""
        return {path.name: path for path in sorted((self.root / 'var/lib/dkms' / name / version / 'rpm').iterdir())}

    def rpm(self, action, *packages, scripts_may_fail=False):
        """`packages`: files outside. Which packages a system has that is not made of any says nothing: --nodeps."""
        inside = []
        for package in packages:
            if isinstance(package, pathlib.Path):
                shutil.copy(package, self.root / 'var' / 'tmp')
                package = f'/var/tmp/{package.name}'
            inside.append(package)
        said = self.succeed('rpm', '--nodeps', '--define', f'_install_script_path {PATH}', *action.split(), *inside)
        assert scripts_may_fail or 'scriptlet failed' not in said, said  # rpm itself takes some of these lightly
        return said

    def states(self):
        """{(version, kernel): state} of all modules."""
        found = {}
        for line in self.dkms('status').splitlines():
            what, state = line.rsplit(': ', 1)
            module, *kernel = what.split(', ')
            found[module, kernel[0] if kernel else ''] = state
        return found

    def module_files(self):
        """Modules of all kernels, below /lib/modules."""
        return sorted(str(path.relative_to(self.root / 'modules')) for path in (self.root / 'modules').rglob('*.ko*'))

    def listing(self):
        """Every path that packages may have left; not databases, indexes and what is for a while."""
        found = set()
        for directory, directories, files in os.walk(self.root):
            for name in directories + files:
                path = os.path.relpath(os.path.join(directory, name), self.root)
                if not path.startswith(('var/lib/rpm/', 'var/tmp/', 'var/lib/rpm-state', 'var/lib/dkms/.dkmsd', 'usr/src/linux-', 'etc/', 'usr/lib')) and \
                        not name.startswith('modules.'):
                    found.add(path)
        return found
