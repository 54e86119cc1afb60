# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine whose first process is systemd: a container with this machine's /usr, the programs of the build directory installed in
it, and nothing else of this machine. What is written there, to /usr too, lies in memory and goes with it.

Environment: DKMS_TEST_BUILD is the build directory; DKMS_TEST_PACKAGES a directory with packages that ./dev has fetched.
"""

import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from gate import PATIENCE  # noqa: E402
from scratch import BUILD, kernels_with_headers  # noqa: E402

ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8', 'HOME': '/root'}
CANNOT = 77  # exit code of a container that is not to be had on this machine


class Machine:
    """Up when it is made. Raises unittest.SkipTest where containers cannot be had."""

    def __init__(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest('only root can boot a container')
        if not shutil.which('systemd-nspawn', path=ENVIRONMENT['PATH']):
            raise unittest.SkipTest('systemd-nspawn is not here')
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='dkms-systemd-', dir='/var/tmp'))
        self.container = None
        try:
            self.leader = self.boot()
        except BaseException:
            self.end()
            raise

    def boot(self):
        """Starts the container and waits until it says that it is up; the process that is its init."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, open(self.directory / 'console', 'wb') as console:
            manager.bind(str(self.directory / 'notify'))
            self.container = subprocess.Popen(
                ['unshare', '--mount', '--propagation', 'private', sys.executable, __file__, self.directory],
                env=ENVIRONMENT | {'NOTIFY_SOCKET': str(self.directory / 'notify')},
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
            ended = os.pidfd_open(self.container.pid)
            said = []
            while 'READY=1' not in said:
                readable = select.select([manager, ended], [], [], PATIENCE)[0]
                if manager in readable:
                    said += manager.recv(4096).decode().splitlines()
                else:
                    os.close(ended)
                    self.not_up(console=(self.directory / 'console').read_text(errors='replace').strip())
            os.close(ended)
        return next(line.split('=')[1] for line in said if line.startswith('X_NSPAWN_LEADER_PID='))

    def not_up(self, console):
        if self.container.poll() in (CANNOT, 1) and 'Welcome to' not in console:
            raise unittest.SkipTest('a container cannot be booted here: ' + console.rpartition('\n')[2])
        raise AssertionError('the container did not come up: ' + console)

    def end(self):
        if self.container and self.container.poll() is None:
            self.container.send_signal(signal.SIGTERM)  # an orderly end
            self.container.wait(PATIENCE)
        shutil.rmtree(self.directory)

    def path(self, inside):
        """A path of the container, for this process."""
        return pathlib.Path(f'/proc/{self.leader}/root{inside}')

    def unpack(self, package):
        """Puts the files of a fetched Debian package there, without installing it."""
        files = sorted(pathlib.Path(os.environ.get('DKMS_TEST_PACKAGES', '/nowhere')).glob(package + '_*.deb'))
        if not files:
            raise unittest.SkipTest(f'package {package} could not be fetched')
        with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', files[-1]], stdout=subprocess.PIPE) as archive:
            subprocess.run(['tar', '-x', '--keep-directory-symlink', '-C', self.path('/')], stdin=archive.stdout, check=True)

    def kernel_for_builds(self):
        """The release of a kernel that modules can be built for in it, with the files that depmod wants to see: headers alone have none."""
        releases = kernels_with_headers()
        if not releases:
            raise unittest.SkipTest('no kernel headers are installed')
        for name in ('modules.dep', 'modules.order', 'modules.builtin', 'modules.builtin.modinfo'):
            self.path(f'/usr/lib/modules/{releases[0]}/{name}').touch()
        return releases[0]

    def start(self, *words):
        """Starts a command in it."""
        return subprocess.Popen(['nsenter', '--target', self.leader, '--all', '--', *words], env=ENVIRONMENT, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *words, code=0):
        """Runs a command in it, which must end with `code`; what it said on standard output, or on both when it fails."""
        return self.finish(self.start(*words), code)

    @staticmethod
    def finish(process, code=0):
        out, err = process.communicate()  # whoever runs the suite ends it if this never does
        assert process.returncode == code, f'{process.args}: exit code {process.returncode}\n{out}\n{err}'
        return out.strip() if code == 0 else out + err


def prepare(directory):
    """In mounts of its own: what the container sees, below `directory`/root."""
    memory, root = directory / 'memory', directory / 'memory' / 'root'
    memory.mkdir()
    mount('-t', 'tmpfs', '-o', 'mode=755', 'dkms-test', memory)
    for name in ('upper', 'work', 'root/usr', 'root/etc', 'root/var/tmp', 'root/root', 'root/boot'):
        (memory / name).mkdir(parents=True)
    for link in pathlib.Path('/').iterdir():
        if link.is_symlink() and os.readlink(link).lstrip('/').startswith('usr/'):
            (root / link.name).symlink_to(os.readlink(link))
    mount('-t', 'overlay', '-o', f'lowerdir=/usr,upperdir={memory}/upper,workdir={memory}/work', 'dkms-test', root / 'usr')
    # Programs need these; systemd makes the rest, or does without.
    subprocess.run(['cp', '-a', '--parents', 'alternatives', 'group', 'ld.so.cache', 'passwd', 'ssl/openssl.cnf', root / 'etc'],
                   cwd='/etc', check=True)
    (root / 'etc' / 'machine-id').write_text('0123456789abcdef0123456789abcdef\n')  # not the first boot: nothing is enabled
    subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', root], check=True)
    # As a package's script does.
    subprocess.run(['systemd-sysusers', f'--root={root}', 'dkmsd.conf'], check=True)
    return root


def mount(*words):
    if subprocess.run(['mount', *words]).returncode:
        sys.exit(CANNOT)


def main():
    root = prepare(pathlib.Path(sys.argv[1]))
    os.environ['SYSTEMD_NSPAWN_UNIFIED_HIERARCHY'] = '1'
    os.execvp('systemd-nspawn', ['systemd-nspawn', '--quiet', '--register=no', '--keep-unit', '--private-network', '--notify-ready=yes',
                                 '--machine=dkms-test', f'--directory={root}', '--boot'])


if __name__ == '__main__':
    main()
