# SPDX-License-Identifier: LGPL-2.1-or-later
"""The trees of a soak: four kernels with headers, packages whose builds cost little, and any number of changed sources of each.

What a module was built from can be read from its bytes (tag_of): package, version, and the number of the source's change."""

import pathlib
import re
import shutil
import subprocess
import sys
import typing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8'}
TREE, SOURCES, MODULES = (pathlib.Path(path) for path in ('/var/lib/dkms', '/usr/src', '/lib/modules'))
# As long as what is put in their places.
NAME, VERSION, CHANGE, SRCVERSION = 'soakmodxx', 'VRSXX', 'CHANGEXX', 'SOURCEVERSIONOFTHEMODULE'
CODE = f'''// SPDX-License-Identifier: LGPL-2.1-or-later
#include <linux/module.h>

static int __init soak_init(void)
{{
	return 0;
}}

static void __exit soak_exit(void)
{{
}}

module_init(soak_init);
module_exit(soak_exit);
MODULE_INFO(soak, "{NAME} {VERSION} {CHANGE}");
MODULE_DESCRIPTION("Does nothing");
MODULE_VERSION("{VERSION}");
MODULE_LICENSE("GPL");
'''
TAG = re.compile(rb'soak=(\w+) +(\S+) +0*(\d+)\0')


class Package(typing.NamedTuple):
    name: str
    versions: tuple
    original: bool = False  # whether the kernels have a module of that name of their own
    autoinstall: bool = True
    compiles: bool = False  # whether its builds are makes


PACKAGES = {one.name: one for one in (
    Package('soakmod00', ('1.000', '2.000'), original=True), Package('soakmod01', ('1.000', '2.000')), Package('soakmod02', ('1.000',), original=True),
    Package('soakmod03', ('1.000',)), Package('soakmod04', ('1.000',)), Package('soakmod05', ('1.000',), autoinstall=False),
    Package('soakmod06', ('1.000',), original=True, compiles=True), Package('soakmod07', ('1.000',), compiles=True))}


class Tag(typing.NamedTuple):
    """What a module file says of itself."""
    name: str
    version: str
    change: int
    kernel: str


def tag_of(content):
    """Nothing for what is not a whole module of ours."""
    match, magic = TAG.search(content), re.search(rb'vermagic=(\S+) ', content)
    return Tag(match[1].decode(), match[2].decode(), int(match[3]), magic[1].decode()) if match and magic else None


def run(*words, **options):
    subprocess.run(list(map(str, words)), env=ENVIRONMENT, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)


class Scene:
    """Trees below a directory that cover the system's, for this process and its children, which are in mounts of their own."""

    def __init__(self, root):
        self.root = root
        self.trees, self.sources, self.modules = (root / name for name in ('dkms', 'src', 'modules'))
        self.changes, self.state = root / 'changes', root / 'state'
        for directory in (self.trees, self.sources, self.modules, self.changes, self.state):
            directory.mkdir()
            directory.chmod(0o755)
        release, self.headers = next((one, (pathlib.Path('/lib/modules') / one / 'build').resolve()) for one in scratch.kernels_with_headers())
        self.release = release
        self.kernels = [f'{release[:-5]}soak{number}' for number in range(4)]
        self.cover()
        for kernel in self.kernels:
            self.add_kernel(kernel)
        self.prebuilt = self.make_module()
        for package in PACKAGES.values():
            for version in package.versions:
                self.write_source(self.sources / f'{package.name}-{version}', package, version, 0)
            if package.original:
                self.add_originals(package)

    def cover(self):
        """Headers stay where they are."""
        for headers in pathlib.Path('/usr/src').glob('linux-headers-*'):
            (self.sources / headers.name).mkdir()
            run('mount', '--bind', headers, self.sources / headers.name)
        empty = self.root / 'empty'
        empty.mkdir()
        if pathlib.Path('/etc/dkms').exists():
            run('mount', '--bind', empty, '/etc/dkms')
        shutil.copy('/etc/os-release', self.root / 'os-release')  # says where modules are installed: the same all the time
        run('mount', '--bind', self.root / 'os-release', pathlib.Path('/etc/os-release').resolve())
        for place in ('/run', '/var/lib'):
            run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', place)
        for directory, place in ((self.trees, TREE), (self.state, '/var/lib/dkmsd'), (self.sources, SOURCES), (self.modules, MODULES)):
            pathlib.Path(place).mkdir(exist_ok=True)
            run('mount', '--rbind', directory, place)

    def add_kernel(self, kernel):
        headers = SOURCES / f'linux-headers-{kernel}'
        shutil.copytree(self.headers, headers, symlinks=True)
        for file in ('.kernelvariables', 'include/generated/utsrelease.h', 'include/config/kernel.release'):
            if (headers / file).exists():
                (headers / file).write_text((headers / file).read_text().replace(self.release, kernel))
        directory = MODULES / kernel
        (directory / 'kernel').mkdir(parents=True)
        (directory / 'build').symlink_to(headers)
        for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo'):
            (directory / name).touch()
        run('depmod', kernel)

    def make_module(self):
        """The bytes of a module for the first kernel, with placeholders."""
        place = self.root / 'module'
        place.mkdir()
        (place / f'{NAME}.c').write_text(CODE)
        (place / 'Makefile').write_text(f'obj-m := {NAME}.o\n')
        run('make', '-C', MODULES / self.kernels[0] / 'build', f'M={place}', 'modules')
        run('strip', '-g', place / f'{NAME}.ko')
        content = (place / f'{NAME}.ko').read_bytes()
        srcversion = re.search(rb'srcversion=(\w{24})\0', content)
        return content.replace(srcversion[1], SRCVERSION.encode()) if srcversion else content

    def module_bytes(self, name, version, change, kernel=None):
        content = self.prebuilt
        for old, new in ((NAME, name), (VERSION, version), (CHANGE, f'{change:08}'),
                         (SRCVERSION, f'{name}{version.replace(".", "")}'.upper().ljust(16, '0') + f'{change:08}'[-8:]),
                         *(((self.kernels[0], kernel),) if kernel else ())):
            assert len(old) == len(new), (old, new)
            content = content.replace(old.encode(), new.encode())
        return content

    def write_source(self, directory, package, version, change):
        directory.mkdir()
        conf = [f'PACKAGE_NAME="{package.name}"', f'PACKAGE_VERSION="{version}"', f'BUILT_MODULE_NAME[0]="{package.name}"',
                'DEST_MODULE_LOCATION[0]="/updates"']
        if package.autoinstall:
            conf.append('AUTOINSTALL="yes"')
        if package.compiles:
            text = CODE.replace(NAME, package.name).replace(VERSION, version).replace(CHANGE, f'{change:08}')
            (directory / f'{package.name}.c').write_text(text)
            (directory / 'Makefile').write_text(f'obj-m := {package.name}.o\n')
        else:
            (directory / 'built').write_bytes(self.module_bytes(package.name, version, change))
            conf += [f'MAKE[0]="sed s/{self.kernels[0]}/$kernelver/g built >{package.name}.ko"', 'CLEAN="true"']
        (directory / 'dkms.conf').write_text('\n'.join(conf) + '\n')

    def changed_source(self, name, version, change):
        """A directory with the package's source as it is after a change."""
        directory = self.changes / f'{name}-{version}-{change}'
        if not directory.exists():
            self.write_source(directory, PACKAGES[name], version, change)
        return directory

    def add_originals(self, package):
        for kernel in self.kernels:
            directory = MODULES / kernel / 'kernel' / 'drivers' / 'misc'
            directory.mkdir(parents=True, exist_ok=True)
            (directory / f'{package.name}.ko').write_bytes(self.original(package.name, kernel))

    def original(self, name, kernel):
        return self.module_bytes(name, '0.100', 99999999, kernel)
