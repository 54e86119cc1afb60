# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Debian in a directory, with a kernel's headers and without a bus, in which packages are installed and removed.

Environment: DKMS_TEST_DEBIAN is the directory (./dev test makes it); it is never changed. DKMS_TEST_BUILD is the build directory
of which the Debian package is made.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get('DKMS_TEST_BUILD', CHECKOUT / 'build'))
BASE = pathlib.Path(os.environ.get('DKMS_TEST_DEBIAN', '/nonexistent'))
SAMPLES = CHECKOUT / 'tests' / 'data' / 'modules'
OWN_NAMESPACES = 'DKMS_TEST_NAMESPACES'
DEVICES = ('null', 'zero', 'full', 'random', 'urandom', 'tty')
COMES_AND_GOES = ('/var/lib/dpkg/', '/var/lib/apt/', '/var/cache/', '/var/log/', '/proc/', '/dev/', '/run/', '/tmp/')
FOREIGN = ('/etc/ld.so.cache', '/etc/passwd-', '/etc/group-', '/etc/shadow-', '/etc/gshadow-', '/etc/.pwd.lock',
           '/var/lib/systemd/deb-systemd-helper-masked', '/var/lib/systemd/deb-systemd-helper-enabled')


def reason_to_skip():
    """Why nothing can be tried here, or nothing."""
    if os.geteuid() != 0:
        return 'root is needed to install packages in a Debian of their own'
    if not BASE.is_dir():
        return 'there is no Debian to install packages in; ./dev test makes one'
    if not shutil.which('dpkg-buildpackage') or not shutil.which('dh'):
        return 'the packages dpkg-dev and debhelper are needed'
    options = json.loads((BUILD / 'meson-info' / 'intro-buildoptions.json').read_text())
    if {option['name']: option['value'] for option in options}['prefix'] != '/usr':
        return f'{BUILD} was not set up with --prefix=/usr: delete it, ./dev test makes it anew'
    return None


def enter_namespaces():
    """Goes on with mounts and processes of its own: whatever happens, none are left."""
    if reason_to_skip() or OWN_NAMESPACES in os.environ:
        return
    os.environ[OWN_NAMESPACES] = '1'
    words = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc']
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


class Package:
    """The Debian package, made once."""

    file = None

    @classmethod
    def path(cls):
        if cls.file is None:
            output = tempfile.mkdtemp(prefix='dkms-test-deb-')
            made = subprocess.run([CHECKOUT / 'docs' / 'packaging' / 'build-deb', output, BUILD], check=True, text=True,
                                  stdout=subprocess.PIPE)
            cls.file = pathlib.Path(made.stdout.strip())
        return cls.file

    @classmethod
    def delete(cls):
        if cls.file is not None:
            shutil.rmtree(cls.file.parent)


class Guest:
    """A Debian as it comes from the archive. What is done to it is gone at the end. Use as a context manager."""

    def __init__(self, is_mount=False):
        """`is_mount`: its root is a mount, as in containers. In a directory like any other, as chroots mostly are, there can be
        no sandbox."""
        self.is_mount = is_mount

    def __enter__(self):
        self.undo = contextlib.ExitStack()
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='dkms-test-'))
        self.undo.callback(self.top.rmdir)
        self.mount('-t', 'tmpfs', '-o', 'mode=755', 'dkms-test', self.top)
        for name in ('upper', 'work', 'mount'):
            (self.top / name).mkdir()
        mount = self.top / 'mount'
        self.root = mount if self.is_mount else mount / BASE.name
        lower = BASE if self.is_mount else BASE.parent
        self.mount('-t', 'overlay', '-o', f'lowerdir={lower},upperdir={self.top}/upper,workdir={self.top}/work', 'dkms-test', mount)
        self.mount('-t', 'proc', 'proc', self.root / 'proc')
        self.mount('-t', 'tmpfs', '-o', 'mode=755', 'dkms-test', self.root / 'dev')
        for name in DEVICES:
            (self.root / 'dev' / name).touch()
            self.mount('--bind', f'/dev/{name}', self.root / 'dev' / name)
        (self.root / 'dev' / 'shm').mkdir(mode=0o1777)
        shutil.copy('/etc/resolv.conf', self.root / 'etc' / 'resolv.conf')
        return self

    def __exit__(self, *exception):
        self.undo.close()

    def mount(self, *words):
        subprocess.run(['mount', *words], check=True)
        self.undo.callback(subprocess.run, ['umount', '--lazy', words[-1]], check=True)

    def link_descriptors(self):
        """What a shell needs for <(…), and a bare chroot need not have."""
        (self.root / 'dev' / 'fd').symlink_to('/proc/self/fd')

    @property
    def kernel(self):
        """The kernel whose headers are there."""
        release, = os.listdir(BASE / 'usr' / 'lib' / 'modules')
        return release

    def modules(self, kernel=None):
        return self.root / 'lib' / 'modules' / (kernel or self.kernel)

    def run(self, *words, env=None):
        """Runs a command in there to its end. Nobody answers questions."""
        environment = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LC_ALL': 'C.UTF-8',
                       'DEBIAN_FRONTEND': 'noninteractive', **(env or {})}
        return subprocess.run(['chroot', self.root, *words], env=environment, text=True, errors='replace', stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)

    def succeed(self, *words, **how):
        result = self.run(*words, **how)
        assert result.returncode == 0, f'{words} ended with {result.returncode}:\n{result.stdout}'
        return result.stdout

    def apt(self, *words):
        return self.succeed('apt-get', '-y', '--no-install-recommends', *words)

    def install_our_package(self):
        shutil.copy(Package.path(), self.root / 'tmp')
        return self.apt('install', f'/tmp/{Package.path().name}')

    def is_installed(self, package):
        return self.run('dpkg-query', '-W', '-f', '${db:Status-Status}', package).stdout == 'installed'

    def status(self, *words):
        return self.succeed('dkms', 'status', *words)

    def installed_files(self, kernel=None):
        """Names of the modules in the place where Debian has them."""
        return sorted(path.name.split('.ko')[0] for path in (self.modules(kernel) / 'updates' / 'dkms').glob('*.ko*'))

    def add_source(self, name='hello-1.0'):
        shutil.copytree(SAMPLES / name, self.root / 'usr' / 'src' / name)

    def add_kernel(self, release):
        """Another kernel with the same headers. What is built with them does not fit it."""
        self.modules(release).mkdir()
        (self.modules(release) / 'build').symlink_to(os.readlink(self.modules() / 'build'))

    def write_program(self, path, text):
        file = self.root / path.lstrip('/')
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def listing(self):
        """Every path, but for those that programs of others come and go with."""
        found = set()
        for directory, directories, files in os.walk(self.root):
            shown = '/' + str(pathlib.Path(directory).relative_to(self.root)).lstrip('.')
            for name in directories + files:
                path = os.path.join(shown, name)
                if not (path + '/').startswith(COMES_AND_GOES) and path not in FOREIGN:
                    found.add(path)
        return found
