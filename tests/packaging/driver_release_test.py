#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/driver-release.sh: four builds over two kernels and two machines, an RPM and a driver disk, by one command."""

import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import foreign  # noqa: E402
import scratch  # noqa: E402

SCRIPT = HERE.parent.parent / 'docs' / 'driver-release.sh'
KERNELS = scratch.kernels_with_headers()[:2]


class DriverRelease(unittest.TestCase):
    def test_release(self):
        if len(KERNELS) < 2 or not foreign.are_there():
            self.skipTest('headers of two kernels for this machine, and of two for another, are needed')
        trees = self.enterContext(scratch.Scratch())
        kernels = [f'{kernel.release}/{kernel.arch}' for kernel in foreign.add_kernels(trees)]
        for kernel in KERNELS:
            trees.add_kernel(kernel)
            kernels.append(f'{kernel}/{scratch.ARCH}')
        trees.add_source()
        options = ' '.join(str(word) for word in trees.words())
        environment = {'PATH': f'{scratch.BUILD}/client:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(trees.root), 'LANG': 'C.UTF-8',
                       'DKMS_OPTIONS': options}
        finished = subprocess.run([SCRIPT, 'hello', '1.0', 'suse', 'sles15', *kernels], env=environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(finished.returncode, 0, finished.stdout)
        states = dict(line.removeprefix('hello/1.0, ').split(': ') for line in finished.stdout.splitlines()[-4:])
        self.assertEqual(states, {kernel.replace('/', ', '): 'built' for kernel in kernels})
        version = trees.dkms / 'hello' / '1.0'
        self.check_rpm(version / 'rpm' / 'hello-1.0-1dkms.noarch.rpm', kernels)
        self.check_disk(version / 'driver_disk' / 'hello-1.0-suse-sles15-dd.img', kernels)

    def check_rpm(self, package, kernels):
        """It holds an archive of every build, for DKMS to take in."""
        contents = subprocess.run(f"rpm2cpio '{package}' | cpio -i --quiet --to-stdout '*.dkms.tar.gz' | tar -tz", shell=True, check=True,
                                  text=True, capture_output=True).stdout
        for kernel in kernels:
            self.assertIn(f'dkms_main_tree/{kernel}/module/hello.ko', contents)

    def check_disk(self, image, kernels):
        """Each machine finds its directory, with the archive of its kernels' modules."""
        for arch in {kernel.split('/')[1] for kernel in kernels}:
            listing = subprocess.run(['debugfs', '-R', f'ls -p /01/linux/suse/{arch}-sles15/install', image], check=True, text=True,
                                     capture_output=True).stdout
            self.assertIn('/update.tar.gz/', listing)


if __name__ == '__main__':
    unittest.main()
