# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trees to measure on, and the bare commands to measure against."""

import json
import os
import pathlib
import shutil
import subprocess
import time

import measure
import scratch

# /lib/modules may be covered when this is used.
HEADERS = {release: (pathlib.Path('/lib/modules') / release / 'build').resolve() for release in scratch.kernels_with_headers()}


def add_kernel_for_builds(trees):
    """A module directory for the first kernel that has headers; its release."""
    release, headers = next(iter(HEADERS.items()))
    directory = trees.modules / release
    directory.mkdir()
    (directory / 'build').symlink_to(headers)
    for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo', 'modules.dep'):
        (directory / name).touch()
    return release


def make_module(trees, headers):
    """A real module, made once."""
    source = trees.root / 'module'
    shutil.copytree(scratch.SAMPLES / 'hello-1.0', source)
    measure.seconds(['make', '-C', str(headers), f'M={source}', 'modules'])
    return source / 'hello.ko'


def fill(trees, modules, kernels):
    """Modules, all of them installed for all kernels, as a package manager would have left them."""
    module = make_module(trees, next(iter(HEADERS.values())))
    releases = [f'6.1.0-{50 + number}-amd64' for number in range(kernels)]
    for release in releases:
        (trees.modules / release / 'updates' / 'dkms').mkdir(parents=True)
        (trees.modules / release / 'modules.dep').touch()
    for number in range(modules):
        name = f'module{number:02}'
        source = trees.sources / f'{name}-1.0'
        source.mkdir()
        (source / 'dkms.conf').write_text(f'PACKAGE_NAME="{name}"\nPACKAGE_VERSION="1.0"\nBUILT_MODULE_NAME[0]="{name}"\n'
                                          'DEST_MODULE_LOCATION[0]="/updates"\nAUTOINSTALL="yes"\n')
        version = trees.dkms / name / '1.0'
        version.mkdir(parents=True)
        (version / 'source').symlink_to(source)
        for release in releases:
            built = version / release / scratch.ARCH
            (built / 'module').mkdir(parents=True)
            (built / 'log').mkdir()
            (built / 'log' / 'make.log').touch()
            shutil.copy(module, built / 'module' / f'{name}.ko')
            shutil.copy(module, trees.modules / release / 'updates' / 'dkms' / f'{name}.ko')
            (trees.dkms / name / f'kernel-{release}-{scratch.ARCH}').symlink_to(f'1.0/{release}/{scratch.ARCH}')


def bare_make(trees, source, kernel):
    """Seconds for what nobody can do without: copy the source, make, modules_install, depmod."""
    work, target = trees.root / 'bare', trees.root / 'bare-install'
    for directory in (work, target):
        shutil.rmtree(directory, ignore_errors=True)
    modules = target / 'lib' / 'modules' / kernel
    modules.mkdir(parents=True)
    for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo'):
        (modules / name).touch()
    make = ['make', '-C', str(HEADERS[kernel]), f'M={work}', f'KERNELRELEASE={kernel}']
    began = time.perf_counter()
    shutil.copytree(source, work)
    for command in ([*make, '-j', 'modules'], [*make, f'INSTALL_MOD_PATH={target}', 'modules_install'],
                    ['/sbin/depmod', '-b', str(target), kernel]):
        subprocess.run(command, env=measure.ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


# Packages whose modules build for the kernels of Debian 12.
BUILDABLE = ('acpi-call', 'bbswitch', 'ddcci', 'digimend', 'dm-writeboost', 'jool', 'nat-rtsp', 'tp-smapi', 'v4l2loopback', 'vpoll')


def unpack_packages(trees, packages):
    """Puts the sources of fetched packages into the source tree; their directories' names."""
    for name in BUILDABLE:
        for package in sorted(packages.glob(f'{name}-dkms_*.deb'))[-1:]:
            subprocess.run(['dpkg-deb', '-x', package, trees.root / 'unpacked'], check=True)
    for source in sorted((trees.root / 'unpacked' / 'usr' / 'src').glob('*')):
        shutil.copytree(source, trees.sources / source.name, symlinks=True)
    return sorted(source.name for source in trees.sources.iterdir())


def add_all(trees, names):
    """As `dkms add` leaves them."""
    for name in names:
        module, _, version = name.rpartition('-')
        directory = trees.dkms / module / version
        directory.mkdir(parents=True)
        (directory / 'source').symlink_to(trees.sources / name)


def seconds_of_makes(trees, names, kernel):
    """Processor time, of all processors, that the makes alone take which our builds have noted, each where it was done."""
    spent = 0
    for name in names:
        module, _, version = name.rpartition('-')
        record = json.loads((trees.dkms / module / version / kernel / scratch.ARCH / '.dkmsd.json').read_text())
        work = trees.dkms / module / version / 'build'
        shutil.copytree(trees.sources / name, work, symlinks=True)
        before = os.times()
        subprocess.run(['bash', '-c', record['inputs']['make']], cwd=work, env=measure.ENVIRONMENT, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
        spent += after.children_user + after.children_system - before.children_user - before.children_system
        shutil.rmtree(work)
    return spent
