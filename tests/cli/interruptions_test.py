#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens in the middle of a job, without a bus: dkmsd is killed, the client goes away, a script calls dkmsctl again."""

import os
import pathlib
import select
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()
ENDLESS = '$(shell exec sleep infinity)\nobj-m := hello.o\n'


def children(pid):
    return [int(child) for child in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def descendants(pid):
    return [each for child in children(pid) for each in [child, *descendants(child)]]


def wait_for_end(pids):
    """Until none of these processes runs any more."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(descriptor) as file:
            select.select([file], [], [])


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class Interruptions(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.trees.add_kernel(KERNELS[0])
        self.source = self.trees.add_source()
        self.succeed('add', 'hello/1.0')

    def succeed(self, *words):
        result = self.trees.dkmsctl(*words)
        self.assertEqual(result.code, 0, result)
        return result

    def start_endless_build(self):
        """A client whose build never ends, once make runs."""
        (self.source / 'Makefile').write_text(ENDLESS)
        client = subprocess.Popen(
            [scratch.BUILD / 'client' / 'dkmsctl', 'build', 'hello/1.0', '-k', KERNELS[0], *self.trees.words()],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in client.stderr:
            if 'building' in line:
                return client
        self.fail('the build never began: ' + client.communicate()[0])

    def build_well(self):
        (self.source / 'Makefile').write_text('obj-m := hello.o\n')
        self.succeed('build', 'hello/1.0', '-k', KERNELS[0])

    def test_dkmsd_is_killed(self):
        before = self.trees.listing(self.trees.dkms)
        client = self.start_endless_build()
        dkmsd, = children(client.pid)
        below = descendants(dkmsd)
        os.kill(dkmsd, signal.SIGKILL)
        out, err = client.communicate()
        self.assertEqual(client.returncode, 1, err)
        self.assertIn('signal 9', err)
        wait_for_end(below)
        self.assertEqual(self.trees.listing(self.trees.dkms), before)
        self.build_well()

    def test_client_is_killed(self):
        client = self.start_endless_build()
        below = descendants(client.pid)
        client.kill()
        client.communicate()
        wait_for_end(below)
        self.build_well()

    def test_post_install_calls_dkmsctl_again(self):
        words = ' '.join(str(word) for word in [*self.trees.words()])
        script = self.source / 'again.sh'
        script.write_text(f'#!/bin/sh\n{scratch.BUILD}/client/dkmsctl add other/1.0 {words} >"{self.trees.root}/said" 2>&1\n')
        script.chmod(0o755)
        with open(self.source / 'dkms.conf', 'a') as conf:
            conf.write('POST_INSTALL="again.sh"\n')
        self.add_other()
        self.succeed('install', 'hello/1.0', '-k', KERNELS[0])
        self.assertEqual([module['name'] for module in self.trees.status()], ['hello', 'other'],
                         (self.trees.root / 'said').read_text())

    def add_other(self):
        """Another module in the source tree."""
        source = self.trees.add_source('other', sample=scratch.SAMPLES / 'hello-1.0')
        conf = source / 'dkms.conf'
        conf.write_text(conf.read_text().replace('PACKAGE_NAME="hello"', 'PACKAGE_NAME="other"'))


if __name__ == '__main__':
    unittest.main()
