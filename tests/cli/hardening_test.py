# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs of a plain build have what distributions harden theirs with."""

import json
import os
import pathlib
import subprocess
import unittest

BUILD = pathlib.Path(os.environ['DKMS_TEST_BUILD'])
PROGRAMS = ('daemon/dkmsd', 'daemon/dkms-worker', 'daemon/dkms-build-unit', 'client/dkmsctl')


def options():
    return {one['name']: one['value'] for one in json.loads((BUILD / 'meson-info' / 'intro-buildoptions.json').read_text())}


def read(program, *what):
    return subprocess.run(['readelf', '--wide', *what, BUILD / program], check=True, capture_output=True, text=True).stdout


class Hardening(unittest.TestCase):
    def test_programs(self):
        chosen = options()
        for program in PROGRAMS:
            with self.subTest(program):
                header, segments, dynamic = read(program, '-h'), read(program, '-l'), read(program, '-d')
                self.assertIn('DYN', header)  # position independent
                self.assertIn('GNU_RELRO', segments)
                self.assertRegex(dynamic, r'BIND_NOW|\bNOW\b')
                self.assertRegex(segments, r'GNU_STACK.*\bRW\b')
                symbols = read(program, '--dyn-syms')
                self.assertIn('__stack_chk_fail', symbols)
                if chosen['optimization'] not in ('0', 'g', 'plain') and chosen['b_sanitize'] == 'none':
                    self.assertRegex(symbols, r'__\w+_chk\b')


if __name__ == '__main__':
    unittest.main()
