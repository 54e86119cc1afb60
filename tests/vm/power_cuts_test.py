# SPDX-License-Identifier: LGPL-2.1-or-later
"""The power is cut at random moments while modules are installed, replaced, uninstalled, removed and loaded again. After each cut the file
system is sound, the machine boots, what was reported as done is there, what was under way is there as a whole or not at all, nothing is left
of it, and the module that there must be can be loaded: one of ours where status says so, else the kernel's own.

The trees are on an ext4 file system of their own, on a disk without a cache. What the machine has not synced is in its memory, and lost: it is
mounted so that ext4 itself writes as little as possible of that.

Environment: DKMS_TEST_CUTS is how often (30), DKMS_TEST_SEED the seed of the random numbers."""

import json
import lzma
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest

from machine import IMAGE, PATIENCE, Machine

import scratch

CUTS = int(os.environ.get('DKMS_TEST_CUTS', '30'))
VERSIONS = ('1.0', '2.0')
ORIGINAL = '0.9'
# In the place of the initramfs's own, and of systemd: a machine that does nothing but what it is told.
INIT = '''#!/bin/sh
export PATH=/usr/sbin:/usr/bin
mkdir -p /proc /sys /dev /run; mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t tmpfs run /run
modprobe -a virtio_pci virtio_blk crc32c_generic ext4 erofs overlay
mkdir /run/image /run/layer /run/top /run/top/upper /run/top/work /run/root
mount -t erofs -o ro /dev/vda /run/image
mount -t erofs -o ro /dev/vdb /run/layer
mount -t tmpfs top /run/top; mkdir /run/top/upper /run/top/work
mount -t overlay -o lowerdir=/run/layer:/run/image,upperdir=/run/top/upper,workdir=/run/top/work root /run/root
mount -t ext4 -o commit=600,noauto_da_alloc /dev/vdc /run/root/mnt || exit
for place in var/lib/dkms usr/src lib/modules; do mount -o bind /run/root/mnt/$place /run/root/$place; done
for place in proc sys dev; do mount -o move /$place /run/root/$place; done
mount -t tmpfs run /run/root/run
exec switch_root /run/root /usr/lib/dkms-test/agent
'''


class Trees(scratch.Scratch):
    """What is on the disk at first: both versions built for the machine's kernel, and archives of them."""

    def __init__(self, kernel):
        super().__init__()
        self.kernel = kernel
        directory = self.add_kernel(kernel)
        for version in (ORIGINAL, *VERSIONS):
            source = self.sources / f'hello-{version}'
            shutil.copytree(scratch.SAMPLES / 'hello-1.0', source)
            for file in ('dkms.conf', 'hello.c'):
                (source / file).write_text((source / file).read_text().replace('"1.0"', f'"{version}"'))
            self.must('build', f'hello/{version}', '-k', kernel)
            self.must('export', f'hello/{version}', '-k', kernel, '-o', self.root, '--archive', f'{version}.tar')
        own = directory / 'kernel' / 'drivers' / 'misc'
        own.mkdir(parents=True)
        shutil.copy(next((self.dkms / 'hello' / ORIGINAL / kernel / scratch.ARCH / 'module').glob('hello.ko*')), own)
        self.must('remove', f'hello/{ORIGINAL}', '--all')
        shutil.rmtree(self.sources / f'hello-{ORIGINAL}')
        subprocess.run(['/sbin/depmod', '-b', self.root, kernel], check=True)
        for version in VERSIONS:  # as they are when nothing was built elsewhere
            self.must('remove', f'hello/{version}', '--all')

    def must(self, *words):
        result = self.dkmsctl(*words)
        assert result.code == 0, str(result)

    def make_disk(self, file):
        disk = self.root / 'disk'
        for directory, place in ((self.dkms, 'var/lib/dkms'), (self.sources, 'usr/src'), (self.modules, 'lib/modules')):
            (disk / place).parent.mkdir(parents=True, exist_ok=True)
            directory.rename(disk / place)
        for version in VERSIONS:
            shutil.copy(self.root / f'{version}.tar', disk)
        with open(file, 'wb') as whole:
            whole.truncate(64 << 20)
        subprocess.run(['mkfs.ext4', '-q', '-d', disk, file], check=True)


class State:
    """Versions in the tree, each with its build, and the one that is installed."""

    def __init__(self, tree=(), installed=None):
        self.tree, self.installed = frozenset(tree), installed

    def after(self, deed, version):
        """What it may be in the middle of a deed, and last what it is then."""
        if deed == 'import':
            return [self, State(self.tree | {version}, self.installed)]
        if deed == 'install':
            return [self, State(self.tree, version)]
        without = State(self.tree, None if self.installed == version else self.installed)
        if deed == 'uninstall':
            return [self, without]
        return [self, without, State(without.tree - {version}, without.installed)]

    def __eq__(self, other):
        return (self.tree, self.installed) == (other.tree, other.installed)

    def __repr__(self):
        return f'{sorted(self.tree)} in the tree, {self.installed} installed'


COMMANDS = {'install': 'dkmsctl install hello/{0} -k {1} --force', 'uninstall': 'dkmsctl uninstall hello/{0} -k {1}',
            'remove': 'dkmsctl remove hello/{0} --all', 'import': 'dkmsctl import /mnt/{0}.tar --force'}


def kernel_of_machine():
    """The release of the kernel that the machine boots."""
    match = re.search(rb'(\d+\.\d+\.\d+-\d+-amd64) \(', (IMAGE / 'kernel').read_bytes())
    return match[1].decode() if match else ''


class PowerCutsTest(unittest.TestCase):
    def setUp(self):
        self.machine = self.enterContext(Machine())
        self.kernel = kernel_of_machine()
        if self.kernel not in scratch.kernels_with_headers():
            self.skipTest(f'headers of the kernel {self.kernel} are not installed')
        self.disk = self.machine.disk
        with Trees(self.kernel) as trees:
            trees.make_disk(self.disk)
        self.machine.disk_options = 'cache=writethrough'
        self.machine.path('/mnt').mkdir()
        self.make_boot_files(self.machine.directory)
        seed = int(os.environ.get('DKMS_TEST_SEED', time.time()))
        print(f'seed {seed}', file=sys.stderr)
        self.dice = random.Random(seed)
        self.in_the_middle = {}

    def make_boot_files(self, directory):
        """The kernel as it is when it has unpacked itself, and the initramfs with our own first program."""
        packed = (IMAGE / 'kernel').read_bytes()
        self.machine.kernel = directory / 'kernel'
        self.machine.kernel.write_bytes(lzma.LZMADecompressor().decompress(packed[packed.index(b'\xfd7zXZ\0'):]))
        (directory / 'first').write_text(INIT)
        (directory / 'first').chmod(0o755)
        more = subprocess.run(['cpio', '--quiet', '-o', '-H', 'newc'], cwd=directory, input=b'first\n', check=True, stdout=subprocess.PIPE)
        self.machine.initrd = directory / 'initrd'
        self.machine.initrd.write_bytes(more.stdout + (IMAGE / 'initrd').read_bytes())

    def boot(self):
        self.machine.boot(words='rdinit=/first')

    def deeds(self, state):
        """What can be done, one after the other: mostly one version takes the place of the other."""
        chosen = []
        while len(chosen) < 60:
            deed, version = self.dice.choices(list(COMMANDS), (8, 2, 1, 2))[0], self.dice.choice(VERSIONS)
            if deed == 'import' or version in state.tree:
                chosen.append((deed, version))
                state = state.after(deed, version)[-1]
        return chosen

    def work_until_cut(self, state):
        """Deeds, one after the other, and the power is cut in the middle of one. In which states the trees may be."""
        deeds = self.deeds(state)
        commands = '; '.join(f'echo begin; {COMMANDS[deed].format(version, self.kernel)} >/run/deed 2>&1; echo end $?' for deed, version in deeds)
        agent = self.machine.agent
        agent.sendall(f'{{ {commands}; }} >/dev/ttyS1\n'.encode())
        agent.settimeout(0.05)
        end, said = time.time() + self.dice.uniform(0.5, 8), b''
        while time.time() < end:
            try:
                said += agent.recv(65536)
            except socket.timeout:
                pass
        self.machine.qemu.kill()
        self.machine.qemu.wait()
        agent.settimeout(PATIENCE)
        try:
            while more := agent.recv(65536):
                said += more
        except ConnectionResetError:
            pass
        self.machine.cut_power()
        states = [state]
        for (deed, version), code in zip(deeds, re.findall(r'begin\s+end (\d+)', said.decode())):
            self.assertEqual(code, '0', f'{deed} {version}, when there were {state}')
            states = [state := state.after(deed, version)[-1]]
        under_way = said.count(b'begin') > said.count(b'end')
        if under_way:
            deed, version = deeds[said.count(b'end')]
            states = state.after(deed, version)
            self.in_the_middle[deed] = self.in_the_middle.get(deed, 0) + 1
        return states

    def check_file_system(self):
        """What the journal has is brought in; after that there is nothing to correct."""
        recovered = subprocess.run(['e2fsck', '-f', '-p', self.disk], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertLess(recovered.returncode, 2, recovered.stdout)
        checked = subprocess.run(['e2fsck', '-f', '-n', self.disk], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(checked.returncode, 0, recovered.stdout + checked.stdout)

    def state(self):
        """What status says, when the lock has been taken once; what that says is there can be loaded, and nothing else is there."""
        self.assertIn('found nothing wrong', self.machine.run('dkmsctl check'))
        modules = json.loads(self.machine.run('dkmsctl status --json hello'))['modules']
        rows = {module['version']: {row['release']: row for row in module['kernels']} for module in modules}
        for version, kernels in rows.items():
            self.assertEqual(list(kernels), [self.kernel], f'{version} has its build')
            for key in ('missing', 'differs', 'build_missing', 'stale'):
                self.assertNotIn(key, kernels[self.kernel])
        installed = [version for version, kernels in rows.items() if kernels[self.kernel]['state'] == 'installed']
        self.assertLess(len(installed), 2)
        state = State(rows, installed[0] if installed else None)
        loaded = self.machine.run('modprobe hello && cat /sys/module/hello/version && rmmod hello')
        self.assertEqual(loaded, state.installed or ORIGINAL)
        self.assertEqual(self.machine.run('find /var/lib/dkms/.dkmsd /usr/src /lib/modules -mindepth 2 -name "*dkmsd-*" -o -path "*/.dkmsd/*/*"'), '')
        return state

    def test_power_cuts(self):
        state = State()
        self.boot()
        for cut in range(CUTS):
            states = self.work_until_cut(state)
            self.check_file_system()
            self.boot()
            state = self.state()
            self.assertIn(state, states, f'after cut {cut + 1}')
            print(f'cut {cut + 1}: {state}; it could have been {states}', file=sys.stderr, flush=True)
        print(f'{CUTS} cuts, in the middle of {self.in_the_middle}', file=sys.stderr)


if __name__ == '__main__':
    unittest.main()
