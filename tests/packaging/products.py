# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages and driver disks made of modules that are built for real kernels, in scratch trees.

Environment: DKMS_TEST_BUILD is the build directory whose programs are tried.
"""

import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from scratch import ARCH, BUILD, SAMPLES, Result, Scratch, kernels_with_headers, own_mounts  # noqa: E402

PATH = '/usr/sbin:/usr/bin:/sbin:/bin'


def output_of(*words, **how):
    """What a program prints; it must not fail."""
    finished = subprocess.run(words, text=True, errors='replace', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=600, **how)
    assert finished.returncode == 0, f'{words} ended with {finished.returncode}:\n{finished.stdout}'
    return finished.stdout


class ProductTree(Scratch):
    """Trees with the sample module hello/1.0, and `dkms` to make something of it."""

    def __init__(self):
        super().__init__()
        self.add_source()
        self.kernels = kernels_with_headers()
        self.version = self.dkms / 'hello' / '1.0'

    def legacy(self, *arguments, env=None, directory=None, trees=True, without=()):
        """Runs `dkms` on these trees to its end, on a machine `without` some programs."""
        environment = {'PATH': PATH, 'HOME': str(self.root), 'LANG': 'C.UTF-8', **(env or {})}
        environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        command = [BUILD / 'client' / 'dkms', *arguments, *(self.words() if trees else [])]
        hidden = [shutil.which(program, path=PATH) for program in without]
        if hidden:
            script = 'until [ "$1" = -- ]; do mount --bind /dev/null "$1"; shift; done; shift; exec setpriv --ambient-caps=-all "$@"'
            command = [*own_mounts(), 'sh', '-ec', script, 'sh', *hidden, '--', *command]
        return Result(subprocess.run(command, env=environment, timeout=600, text=True, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=directory, errors='replace'))

    def succeed(self, *arguments, **how):
        result = self.legacy(*arguments, **how)
        assert result.code == 0, f'{arguments}: {result}'
        return result

    def build(self, *kernels):
        """hello/1.0 for these kernels of the machine."""
        if not (self.version / 'source').exists():
            self.succeed('add', 'hello/1.0')
        for kernel in kernels:
            if not (self.modules / kernel).exists():
                self.add_kernel(kernel)
            self.succeed('build', 'hello/1.0', '-k', kernel)

    def made(self, *arguments, **how):
        """The files that an action says it has made, as they are called in the tree."""
        said = self.succeed(*arguments, **how).out
        return [pathlib.Path(line.split(': ', 1)[1]).resolve() for line in said.splitlines() if line.startswith('Wrote: ')]

    def unpacked(self, name='unpacked'):
        """An empty directory to unpack something in."""
        directory = self.root / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        return directory


def files_below(directory):
    """Relative paths of all files and links, in byte order."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob('*') if path.is_symlink() or not path.is_dir())
