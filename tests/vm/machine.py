# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual machine that boots Debian's kernel with systemd, a bus and polkit, and has the project of the build directory installed.

Its root is three layers: the image that ./dev vm makes once; what a test puts there before the boot, the project first of all; and a
disk for what is written, which outlives a power cut. Commands go in and what they say comes out over a serial line.

Environment: DKMS_TEST_MACHINE is the directory with the image, DKMS_TEST_BUILD the build directory, DKMS_TEST_PACKAGES a directory
with packages that ./dev has fetched.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from scratch import ARCH, BUILD, SAMPLES, kernels_with_headers  # noqa: E402

IMAGE = pathlib.Path(os.environ.get('DKMS_TEST_MACHINE', '/nonexistent'))
PACKAGES = pathlib.Path(os.environ.get('DKMS_TEST_PACKAGES', '/nonexistent'))
PATIENCE = 600  # seconds after which a command counts as hanging: everything takes twenty times as long in emulation
OTHER_KERNEL = '6.0.0-gone'
QEMU = 'qemu-system-x86_64'


class Machine:
    """Use as a context manager. Put into it what the first boot shall find, then boot()."""

    def __init__(self):
        for reason, is_so in (('there is no disk for a virtual machine; ./dev vm makes one, as root', not IMAGE.is_dir()),
                              (f'{QEMU} is not here', not shutil.which(QEMU))):
            if is_so:
                raise unittest.SkipTest(reason)

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended from outside'))  # so that nothing is left
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='dkms-vm-', dir='/var/tmp'))
        self.layer, self.disk, self.console = (self.directory / name for name in ('layer', 'disk', 'console'))
        self.kernel, self.initrd = IMAGE / 'kernel', IMAGE / 'initrd'
        self.disk_options = 'cache=unsafe'
        self.qemu = self.agent = None
        try:
            self.install_project()
            with open(self.disk, 'wb') as disk:
                disk.truncate(4 << 30)
            subprocess.run(['mkfs.ext4', '-q', self.disk], check=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.cut_power()
        shutil.rmtree(self.directory)

    # --- before the first boot ---

    def install_project(self):
        subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', self.layer], check=True)
        if not (self.layer / 'usr/lib/systemd/system/dkmsd.service').exists():
            raise AssertionError(f'{BUILD} was not set up with --prefix=/usr: delete it, ./dev vm makes it anew')
        # The users of the project are made at the first boot, as a package's script would have made them.
        drop_in = self.path('/etc/systemd/system/systemd-sysusers.service.d')
        drop_in.mkdir(parents=True)
        (drop_in / 'always.conf').write_text('[Unit]\nConditionNeedsUpdate=\n')
        self.put(HERE / 'agent', '/usr/lib/dkms-test')
        self.put(HERE / 'agent.service', '/usr/lib/systemd/system')
        subprocess.run(['systemctl', f'--root={self.layer}', '--quiet', 'preset-all'], check=True, stderr=subprocess.DEVNULL)

    def path(self, inside):
        return self.layer / inside.lstrip('/')

    def put(self, file, directory):
        self.path(directory).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, self.path(directory))

    def add(self, name, version='1.0', source=None):
        """A package as the old program's `add` leaves it; returns where its source is."""
        target, package = self.path(f'/usr/src/{name}-{version}'), self.path(f'/var/lib/dkms/{name}/{version}')
        if source or not target.exists():
            shutil.copytree(source or SAMPLES / f'{name}-{version}', target)
        package.mkdir(parents=True)
        (package / 'source').symlink_to(f'/usr/src/{name}-{version}')
        return target

    def add_package(self, name):
        """The same for the module of a fetched Debian package."""
        files = sorted(PACKAGES.glob(f'{name}-dkms_*.deb'))
        if not files:
            raise unittest.SkipTest(f'package {name}-dkms could not be fetched')
        subprocess.run(['dpkg-deb', '-x', files[-1], self.layer], check=True)
        source, = self.path('/usr/src').glob(f'{name}-*')
        self.add(name, source.name.removeprefix(f'{name}-'))

    def add_built(self, name, version='1.0'):
        """The same for one that was built, but for another kernel than those of the image."""
        releases = kernels_with_headers()
        if not releases:
            raise unittest.SkipTest('no kernel headers are installed')
        shutil.copytree(SAMPLES / f'{name}-{version}', self.path(f'/usr/src/{name}-{version}'))
        package = self.path(f'/var/lib/dkms/{name}/{version}')
        built = subprocess.run([BUILD / 'client' / 'dkmsctl', 'build', f'{name}/{version}', '-k', releases[0],
                                '--dkmstree', self.path('/var/lib/dkms'), '--sourcetree', self.path('/usr/src')],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert built.returncode == 0, built.stdout
        (package / 'source').unlink()
        (package / 'source').symlink_to(f'/usr/src/{name}-{version}')
        record = package / releases[0] / ARCH / '.dkmsd.json'
        record.write_text(record.read_text().replace(str(self.layer), '').replace(releases[0], OTHER_KERNEL))
        (package / releases[0]).rename(package / OTHER_KERNEL)
        shutil.rmtree(self.path('/var/lib/dkms/.dkmsd'))

    def on_image(self, *commands):
        """Has dkmsctl work on the machine's root, which does not run yet, with each of these words and --root. Returns what it said."""
        image = self.directory / 'image'
        for name in ('lower', 'work', 'root'):
            (image / name).mkdir(parents=True, exist_ok=True)
        script = ['set -e', f'mount -o loop,ro {IMAGE / "root"} {image / "lower"}',
                  f'mount -t overlay overlay -o lowerdir={image / "lower"},upperdir={self.layer},workdir={image / "work"} {image / "root"}',
                  *(f'{BUILD / "client" / "dkmsctl"} {command} --root {image / "root"}' for command in commands)]
        done = subprocess.run(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', '\n'.join(script)], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return done.stdout

    # --- running ---

    def boot(self, *devices, words=''):
        """Starts it, with these devices of QEMU's in it and these words for its kernel; returns as soon as commands can be run, long
        before it is up()."""
        layer = self.directory / 'layer.erofs'
        if not layer.exists():
            subprocess.run(['mkfs.erofs', '--quiet', '--all-root', layer, self.layer], check=True, stdout=subprocess.DEVNULL)
        drives = [word for file, options in ((IMAGE / 'root', 'readonly=on'), (layer, 'readonly=on'), (self.disk, self.disk_options))
                  for word in ('-drive', f'file={file},format=raw,if=virtio,{options}')]
        self.agent, inside = socket.socketpair()
        self.agent.settimeout(PATIENCE)
        with inside:
            self.qemu = subprocess.Popen(
                ['setpriv', '--pdeathsig', 'KILL', QEMU, '-accel', 'tcg,thread=multi', '-machine', 'pc', '-cpu', 'qemu64', '-m', '1024', '-smp', '2',
                 '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-net', 'none', *drives,
                 '-kernel', self.kernel, '-initrd', self.initrd, '-append', f'boot=layers console=ttyS0 panic=-1 no_timer_check quiet {words}',
                 '-serial', f'file:{self.console}', '-chardev', f'socket,id=agent,fd={inside.fileno()}', '-serial', 'chardev:agent',
                 '-qmp', 'stdio', *(word for device in devices for word in ('-device', device))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[inside.fileno()])
        self.qemu.stdout.readline()  # greeting
        self.monitor('qmp_capabilities')
        self.answers = self.agent.makefile('rb')
        self.answer()

    def monitor(self, command, **arguments):
        """A command for QEMU itself."""
        print(json.dumps({'execute': command, 'arguments': arguments}), file=self.qemu.stdin, flush=True)
        for line in self.qemu.stdout:
            if 'event' not in (message := json.loads(line)):
                assert 'return' in message, message
                return

    def plug(self, device):
        self.monitor('device_add', driver=device, id=device)

    def answer(self):
        """What the agent says up to its mark, and what follows on that line."""
        said = b''
        try:
            while b'\0' not in said:
                line = self.answers.readline()
                assert line, 'the machine went down'
                said += line
        except (OSError, AssertionError) as error:
            raise AssertionError(f'{error}\n{said.decode(errors="replace")}\n{self.console.read_text(errors="replace")[-5000:]}') from None
        text, _, mark = said.decode(errors='replace').rpartition('\0')
        return text, mark.strip()

    def run(self, command, code=0):
        """Runs a shell command, one line, to its end; what it said."""
        assert '\n' not in command
        self.agent.sendall(command.encode() + b'\n')
        said, ended = self.answer()
        assert ended == str(code), f'{command}: exit code {ended}\n{said}'
        return said.strip()

    def up(self):
        """Waits until systemd has started everything."""
        return self.run('systemctl is-system-running --wait || { systemctl --failed; journalctl -b -p warning --no-pager; false; }')

    def status(self):
        """Module: {kernel: state}."""
        modules = json.loads(self.run('dkmsctl status --json'))['modules']
        return {module['name']: {kernel['release']: kernel['state'] for kernel in module['kernels']} for module in modules}

    def cut_power(self):
        """What the guest has not written to its disk is lost."""
        if self.qemu:
            self.qemu.kill()
            self.qemu.communicate()
            self.agent.close()
            self.qemu = None

    def shut_down(self):
        self.agent.sendall(b'systemctl poweroff\n')
        self.qemu.wait(PATIENCE)
        self.cut_power()

    def boot_from_disk(self, release):
        """The kernel and the initramfs for the next boot: those that were installed in it."""
        for kind, name in (('kernel', f'vmlinuz-{release}'), ('initrd', f'initrd.img-{release}')):
            setattr(self, kind, self.directory / kind)
            subprocess.run(['debugfs', '-R', f'dump /upper/boot/{name} {self.directory / kind}', self.disk], check=True,
                           stderr=subprocess.DEVNULL)
            assert (self.directory / kind).stat().st_size, f'{name} is not on the disk'
