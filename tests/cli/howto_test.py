#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/howto-driver.md is true: its blocks "sh run" are run as they stand, one after the other in one shell, and print what the
blocks "output" behind them say ("…" stands for anything). Blocks "sh later" are not run."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / 'docs' / 'howto-driver.md'
KERNELS = scratch.kernels_with_headers()


def blocks():
    """Pairs of a block's kind and text."""
    return re.findall(r'^```([a-z ]+)\n(.*?)^```$', PAGE.read_text(), re.M | re.S)


class HowTo(unittest.TestCase):
    def run_page(self, nobody):
        trees = self.enterContext(scratch.Scratch())
        script = ''.join(f'{text}echo "end of block"\n' for kind, text in blocks() if kind == 'sh run')
        (trees.root / 'try').mkdir()
        (trees.root / 'page').write_text('set -eu\n' + script)
        command = ['bash', trees.root / 'page']
        programs = scratch.BUILD
        if nobody:
            command = trees.given_to_nobody([scratch.BUILD / 'client' / 'dkmsctl', trees.root / 'page'])
            command[-2], programs = '/bin/bash', trees.root / 'programs'
            (programs / 'client' / 'dkms').symlink_to('dkmsctl')
        environment = {'PATH': f'{programs / "client"}:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(trees.root), 'LANG': 'C.UTF-8',
                       'kernel': KERNELS[0], 'try': str(trees.root / 'try')}
        ran = subprocess.run(command, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, cwd='/')
        self.assertEqual(ran.returncode, 0, ran.stdout)
        return ran.stdout.split('end of block\n')

    def check_page(self, nobody):
        if not KERNELS:
            self.skipTest('kernel headers are needed')
        outputs = self.run_page(nobody)
        said = ''
        for kind, text in blocks():
            if kind == 'sh run':
                said = outputs.pop(0)
            elif kind == 'output':
                wanted = '.*\n(?:.*\n)*?'.join(re.escape(line).replace('…', '.*') for line in text.splitlines())
                self.assertRegex(said, wanted)

    def test_as_it_is(self):
        self.check_page(nobody=False)

    @unittest.skipUnless(os.geteuid() == 0, 'this is an ordinary user already')
    def test_as_an_ordinary_user(self):
        self.check_page(nobody=True)

    def test_blocks_are_of_known_kinds(self):
        self.assertEqual({kind for kind, _ in blocks()} - {'sh run', 'sh later', 'output'}, set())


if __name__ == '__main__':
    unittest.main()
