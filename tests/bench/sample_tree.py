# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trees to measure on, and the bare commands to measure against."""

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
