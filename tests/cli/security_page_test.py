#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every test that docs/security.md names exists: in the third column, a file in backquotes, then the names of tests in it."""

import pathlib
import re
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent


def rows():
    for line in (TOP / 'docs' / 'security.md').read_text().splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if line.startswith('|') and not line.startswith('|---') and cells[-1] != 'shown by':
            yield cells


class SecurityPage(unittest.TestCase):
    def test_each_row_names_tests_that_exist(self):
        found = 0
        for cells in rows():
            places = re.findall(r'`(tests/[^`]+)` ([^;`]+)', cells[-1])
            self.assertTrue(places, cells)
            for file, names in places:
                text = (TOP / file).read_text()
                for name in names.split(', '):
                    with self.subTest(file=file, name=name.strip()):
                        self.assertIn(name.strip(), text)
                        found += 1
        self.assertGreater(found, 10)


if __name__ == '__main__':
    unittest.main()
