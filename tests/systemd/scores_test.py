# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `systemd-analyze security` says of the units: none gets worse unnoticed, and docs/hardening.md has the numbers."""

import os
import pathlib
import re
import subprocess
import unittest

UNITS = pathlib.Path(os.environ['DKMS_TEST_BUILD']) / 'systemd'
PAGE = pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'hardening.md'
# 0.0 is the least exposed, 10.0 the most.
HIGHEST = {
    'dkmsd.service': 1.2,
    'dkms-autoinstall.service': 1.6,
    'dkms-device@.service': 1.6,
    'dkms-build@.service': 1.9,
    'dkms-build-network@.service': 2.9,
    'dkms-build-root@.service': 4.0,
    'dkms-build-root-network@.service': 4.9,
    'dkms-tree@.service': 3.7,
    'dkms-script@.service': 8.7,
    'dkms-sign@.service': 1.3,
}


def analyzed(unit):
    said = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--no-pager', UNITS / unit],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    score = re.search(r'exposure level for \S+: ([0-9.]+)', said.stdout)
    if not score and 'offline' in said.stderr:
        raise unittest.SkipTest('this systemd-analyze cannot look at units that are not loaded')
    return float(score.group(1)), said.stderr


class Scores(unittest.TestCase):
    def test_every_unit_is_known(self):
        self.assertEqual({path.name for path in UNITS.glob('*.service')}, set(HIGHEST))

    def test_no_score_rises(self):
        for unit, highest in HIGHEST.items():
            with self.subTest(unit):
                score, complaints = analyzed(unit)
                self.assertLessEqual(score, highest)
                self.assertEqual(complaints, '', 'systemd understands all of it')

    def test_the_page_has_the_scores(self):
        rows = dict(re.findall(r'^\| `(dkms[^`]*\.service)` \| ([0-9.]+) \|', PAGE.read_text(), re.MULTILINE))
        self.assertEqual(rows, {unit: f'{score}' for unit, score in HIGHEST.items()})


if __name__ == '__main__':
    unittest.main()
