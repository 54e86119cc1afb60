# SPDX-License-Identifier: LGPL-2.1-or-later
"""The states that verbs begin with, each made once, and a slot: one path at which a copy of any of them lies while a case has it.

Nothing is compiled but one module, once: make only copies what is in the source after that. The path is always the same, so what
is written down in the trees fits each copy. A copy is plain files, or an overlay with all of it in the lower layer."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import faults
import scratch
from faults import KERNEL

AT = ['-k', KERNEL]
CONF = '''PACKAGE_NAME="{name}"
PACKAGE_VERSION="{version}"
BUILT_MODULE_NAME[0]="hello"
DEST_MODULE_LOCATION[0]="/kernel/drivers/misc"
MAKE[0]="cp -p ready hello.ko"
CLEAN="true"
AUTOINSTALL="{auto}"
'''
# state: the one it is made from, and what is done then
STATES = {
    'added': ('bare', ['add', 'hello/1.0']),
    'built': ('added', ['build', 'hello/1.0', *AT]),
    'installed': ('built', ['install', 'hello/1.0', *AT]),
    'two': ('installed', ['build', 'hello/2.0', *AT]),
    'rivals': ('installed', ['build', 'rival/1.0', *AT]),
    'taken': ('rivals', ['install', 'rival/1.0', *AT]),
    'archive': ('built', ['export', 'hello/1.0', *AT, '--output', '{root}', '--archive', 'hello.dkms.tar.gz']),
    'loadable': ('archive', ['remove', 'hello/1.0', '--all']),
    'upgraded': ('two', ['install', 'hello/2.0', *AT]),
    'damaged': ('installed', ['status']),
}


class Scenes:
    def __init__(self, below=None, overlay=False):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='dkms-torture-', dir=below))
        self.top.chmod(0o755)
        self.overlay = overlay
        self.slot = self.top / 'slot'
        self.known = set()
        self.make_bare()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.empty()
        subprocess.run(['chmod', '-R', 'u+rwX', self.top], check=False)
        shutil.rmtree(self.top)

    def make_bare(self):
        """A kernel with a hello of its own, and sources of others."""
        made = faults.make_scene(self.top)
        module, = (made.dkms / 'hello' / '1.0' / KERNEL / scratch.ARCH / 'module').glob('hello.ko*')
        content = module.read_bytes()
        shutil.rmtree(made.dkms / 'hello')
        shutil.rmtree(made.sources / 'hello-1.0')
        for name, version, mark in (('hello', '1.0', b'1.0'), ('hello', '2.0', b'2.0'), ('rival', '1.0', b'7.7'),
                                    ('second', '1.0', b'1.0')):
            source = made.sources / f'{name}-{version}'
            source.mkdir()
            (source / 'dkms.conf').write_text(CONF.format(name=name, version=version, auto='yes' if name == 'hello' else ''))
            (source / 'Makefile').write_text('obj-m := hello.o\n')
            (source / 'ready').write_bytes(content.replace(b'version=1.0\0', b'version=' + mark + b'\0'))
        os.rename(made.root, self.scene('bare'))
        self.known.add('bare')

    def scene(self, state):
        return self.top / ('scene-' + state)

    def require(self, state):
        if state in self.known:
            return
        before, words = STATES[state]
        self.require(before)
        self.empty()
        subprocess.run(['cp', '-a', self.scene(before), self.slot], check=True)
        place = Slot(self.slot)
        result = place.dkmsctl(*(word.format(root=self.slot) for word in words))
        assert result.code == 0, str(result)
        if state == 'loadable':
            shutil.rmtree(place.sources / 'hello-1.0')
        if state == 'damaged':
            (place.modules / KERNEL / 'updates' / 'dkms' / 'hello.ko').write_bytes(b'')
        os.rename(self.slot, self.scene(state))
        self.known.add(state)

    def fill(self, state):
        """The slot, holding a copy of a state."""
        self.require(state)
        self.empty()
        if not self.overlay:
            subprocess.run(['cp', '-a', self.scene(state), self.slot], check=True)
            return Slot(self.slot)
        layers = [self.top / 'upper', self.top / 'work']
        for layer in (*layers, self.slot):
            layer.mkdir(mode=0o755)
        options = f'lowerdir={self.scene(state)},upperdir={layers[0]},workdir={layers[1]},redirect_dir=off'
        subprocess.run(['mount', '-t', 'overlay', '-o', options, 'dkms-torture', self.slot], check=True)
        return Slot(self.slot)

    def empty(self):
        if os.path.ismount(self.slot):
            subprocess.run(['umount', '-l', self.slot], check=True)
        for name in ('slot', 'upper', 'work'):
            if (self.top / name).exists():
                subprocess.run(['chmod', '-R', 'u+rwX', self.top / name], check=False)
                shutil.rmtree(self.top / name)


class Slot(faults.Place):
    """The trees in the slot. Left where they are when it is done with."""

    def __init__(self, root):  # pylint: disable=super-init-not-called
        self.root = root
        self.dkms, self.sources, self.modules = root / 'dkms', root / 'src', root / 'lib' / 'modules'

    def content(self):
        """Without drafts, directories in which nothing is left, and the log of a build that was killed: there is `check` for these."""
        found = {name: what for name, what in super().content().items() if '/..' not in name and not name.endswith('/build/make.log')}
        for name in sorted(found, reverse=True):
            is_empty = not any(other.startswith(name + '/') for other in found)
            if found[name] == 'directory' and name.startswith('dkms/') and is_empty:
                del found[name]
        return found

    def index(self):
        """What the kernel's index says about the modules of a case."""
        lines = (self.modules / KERNEL / 'modules.dep').read_text().splitlines()
        return sorted(line.partition(':')[0] for line in lines if '/hello.ko' in line)

    def modules_there(self):
        return sorted(str(path.relative_to(self.modules / KERNEL)) for path in self.modules.rglob('hello.ko*') if not path.name.startswith('.'))
