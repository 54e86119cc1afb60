# SPDX-License-Identifier: LGPL-2.1-or-later
"""A system of its own for module packages: everything is at its real place, and nothing of the machine's own changes.

In a private mount namespace /usr, /etc and what else is written get a layer of memory on top; the headers of another kernel are
a layer below that.
"""

import os
import pathlib
import shutil
import subprocess

MODULES = pathlib.Path('/lib/modules')
SOURCES = pathlib.Path('/usr/src')
TREE = pathlib.Path('/var/lib/dkms')
FILES_OF_DEPMOD = ('modules.order', 'modules.builtin', 'modules.builtin.modinfo', 'modules.dep')


def private_namespace(command):
    """Replaces this process by `command` with mounts of its own."""
    os.environ['DKMS_PACKAGES_NAMESPACE'] = 'yes'
    os.execvp('unshare', ['unshare', '--mount', '--propagation', 'private', *command])


def mount(*words):
    subprocess.run(['mount', *words], check=True)


def unpack(package, target):
    subprocess.run(['dpkg-deb', '-x', package, target], check=True)


def set_up(scratch, header_packages):
    """Puts the layers in their places. `scratch`: an empty directory; `header_packages`: .deb files of a kernel's headers."""
    layers, below = scratch / 'layers', scratch / 'headers'
    layers.mkdir()
    mount('-t', 'tmpfs', '-o', 'mode=755', 'dkms-packages', layers)
    below.mkdir()
    for package in header_packages:
        unpack(package, below)
    if (below / 'lib').is_dir():  # /lib is a link into /usr
        shutil.copytree(below / 'lib', below / 'usr' / 'lib', symlinks=True, dirs_exist_ok=True)
    for place, lower in (('/usr', [below / 'usr', pathlib.Path('/usr')]), ('/etc', [pathlib.Path('/etc')])):
        upper, work = layers / ('upper' + place), layers / ('work' + place)
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        lower = ':'.join(str(directory) for directory in lower if directory.exists())
        mount('-t', 'overlay', '-o', f'lowerdir={lower},upperdir={upper},workdir={work}', 'dkms-packages', place)
    for place in ('/run', '/boot', str(TREE), '/var/lib/dkmsd'):  # no bus, no initramfs, no tree
        if pathlib.Path(place).is_dir():
            mount('-t', 'tmpfs', '-o', 'mode=755', 'dkms-packages', place)
        elif place == str(TREE):  # the machine has none, and would keep the directory
            mount_var_lib(layers)
    TREE.mkdir(exist_ok=True)


def tear_down(scratch):
    """Lets go of what lies in the scratch directory, which can be removed then. This process keeps the layers it works on."""
    subprocess.run(['umount', '--lazy', scratch / 'layers'], check=True)


def mount_var_lib(layers):
    """A layer over /var/lib, for a DKMS tree where there is none."""
    upper, work = layers / 'upper-var-lib', layers / 'work-var-lib'
    upper.mkdir()
    work.mkdir()
    mount('-t', 'overlay', '-o', f'lowerdir=/var/lib,upperdir={upper},workdir={work}', 'dkms-packages', '/var/lib')


def with_headers():
    """Releases of kernels that modules can be built for, in byte order."""
    return sorted(path.parent.name for path in MODULES.glob('*/build') if (path / 'Makefile').exists())


def prepare(kernel):
    """What depmod wants to see of a kernel whose headers alone are there."""
    for name in FILES_OF_DEPMOD:
        (MODULES / kernel / name).touch()


def clear(place):
    """Empties a directory, without following anything."""
    for path in place.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
