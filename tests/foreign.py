# SPDX-License-Identifier: LGPL-2.1-or-later
"""Headers of kernels for another machine, beside those of this one.

Environment: DKMS_TEST_FOREIGN is a directory with their .deb files (./dev test fetches them).
"""

import os
import pathlib
import subprocess
import typing

PACKAGES = pathlib.Path(os.environ.get('DKMS_TEST_FOREIGN', '/nonexistent'))
# Debian's name of the machine: as uname has it, and as ELF has it (elf.h, EM_…).
MACHINES = {'arm64': ('aarch64', 183), 'amd64': ('x86_64', 62)}


class Kernel(typing.NamedTuple):
    release: str
    arch: str  # as uname has it
    elf_machine: int


def are_there():
    return len(list(PACKAGES.glob('*.deb'))) >= 3


def add_kernels(trees):
    """Unpacks the headers below a test's trees, and makes a module directory for each kernel; returns the kernels."""
    for package in sorted(PACKAGES.glob('*.deb')):
        subprocess.run(['dpkg-deb', '-x', package, trees.root / 'other'], check=True)
    return [add_kernel(trees, headers) for headers in sorted((trees.root / 'other/usr/src').iterdir())
            if not headers.name.endswith('-common')]


def add_kernel(trees, headers):
    release = headers.name.removeprefix('linux-headers-')
    use_own_programs(headers)
    directory = trees.modules / release
    directory.mkdir()
    (directory / 'build').symlink_to(headers)
    for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo'):
        (directory / name).touch()
    return Kernel(release, *MACHINES[release.rpartition('-')[2]])


def use_own_programs(headers):
    """What a build runs, such as modpost, is this machine's own; and the headers stand elsewhere than they think."""
    programs = (headers / 'scripts').readlink().parent  # ../../lib/linux-kbuild-6.1
    place = pathlib.Path(os.path.normpath(headers / programs))
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink():
        place.symlink_to(pathlib.Path('/usr/lib') / place.name)
    common, = headers.parent.glob('*-common')
    (headers / 'source').symlink_to(pathlib.Path('..') / common.name)  # as kernels have it that were built outside of their source
    makefile = headers / 'Makefile'
    makefile.write_text(makefile.read_text().replace('/usr/src/', f'{headers.parent}/'))
