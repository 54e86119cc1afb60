#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""That a cell which is not fulfilled is noticed."""

import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cells  # noqa: E402
import machine as machines  # noqa: E402
from conformance_test import run  # noqa: E402


class Texts(unittest.TestCase):
    def read(self, text):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / 'x.cells'
            path.write_text(text)
            return cells.read(path)

    def test_listing(self):
        self.assertEqual(cells.expand('a/(b|c/(d|e)) f/'), {'a/b', 'a/c/d', 'a/c/e', 'f/'})
        self.assertEqual(cells.expand('(a|b)/1/(c|d)'), {'a/1/c', 'a/1/d', 'b/1/c', 'b/1/d'})
        self.assertEqual(cells.expand('nothing'), set())

    def test_lines(self):
        for expected, actual, fits in (
                ([], '', True), ([], 'x\n', False), ([('', 'x')], '', False), ([('', 'x')], 'x\n', True), ([('', 'x')], 'x\ny\n', False),
                ([('', '')], '\n', True), ([('', 'a.c')], 'abc\n', False), ([('~', 'a.c')], 'abc\n', True), ([('~', 'a')], 'abc\n', False),
                ([('', 'x'), ('...', '')], 'x\ny\nz\n', True), ([('', 'x'), ('...', '')], 'y\n', False),
                ([('', 'Building... done.')], 'Building..... done.\n', True)):
            with self.subTest(expected=expected, actual=actual):
                self.assertEqual(cells.matches(expected, actual), fits)

    def test_mistakes(self):
        for text in ('given source\n', '[a]\nfrobnicate\n', '[a]\n> x\n', '[a]\n[a]\n', '[a]\nas nobody\n', '[a]\n$ x\n= y\n'):
            with self.subTest(text), self.assertRaises(ValueError):
                self.read(text)

    def test_two_users(self):
        self.assertEqual([cell.who for cell in self.read('[a]\nas both\n$ true\n')], ['root', 'user'])


class Documentation(unittest.TestCase):
    """Every directive and setting that a manual page explains is set in a cell, which shows what it changes."""

    # What common.postinst alone reads: tests/packaging/common_postinst_test.py.
    ELSEWHERE = {'autoinstall_all_kernels', 'continue_on_error'}

    def explained(self, page):
        """The names in the headings of a page's paragraphs."""
        lines = (machines.SOURCE / 'docs' / page).read_text().replace('\\-', '-').splitlines()
        headings = [line for before, line in zip(lines, lines[1:]) if before == '.TP']
        return set(re.findall(r'\b(?:[A-Z]+_[A-Z_]+[A-Z]|MAKE|PATCH|STRIP|CLEAN|AUTOINSTALL|[a-z]+(?:_[a-z]+)+|verbose)\b',
                              re.sub(r'\(.*?\)', '', ' '.join(line for line in headings if not line.startswith('.IR')))))

    def test_each_is_set_somewhere(self):
        texts = [path.read_text() for path in cells.DIRECTORY.glob('*.cells')]
        used = set(re.findall(r'\b([A-Za-z_]+)(?:\[\d+\])?=', '\n'.join(texts)))
        for page, least in (('dkms.conf.5', 30), ('framework.conf.5', 18)):
            names = self.explained(page)
            self.assertGreater(len(names), least, page)
            self.assertEqual(names - used - self.ELSEWHERE, set(), page)

    def test_each_difference_has_its_reason(self):
        lines = (machines.SOURCE / 'docs' / 'differences.md').read_text().splitlines()
        rows = [line.strip('|').split(' | ') for line in lines if line.startswith('| ')]
        self.assertGreater(len(rows), 100)
        for row in rows:
            self.assertEqual([bool(cell.strip()) for cell in row], [True] * 3, row[0])


class Fulfilled(unittest.TestCase):
    """`run` with commands of the shell alone."""

    bus, program = False, None

    def tried(self, text):
        if machines.missing():
            self.skipTest(machines.missing())
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / 'x.cells'
            path.write_text('[a]\n' + text)
            run(self, cells.read(path)[0])

    def test_what_is_right(self):
        self.tried('$ echo x; echo y >&2; exit 3\n> x\n! y\n= 3\n')
        self.tried('$ mkdir -p {tree}/a && touch {tree}/b\ntree: a/ b\nmodules: nothing\nsources: nothing\ncheck test -e {tree}/b\n')

    def test_what_is_wrong(self):
        for text in ('$ echo x\n', '$ echo x >&2\n', '$ exit 3\n', '$ true\n= 3\n', '$ echo x\n> y\n', '$ touch {tree}/a\ntree: nothing\n',
                     '$ touch {tree}/a; exit 3\n= 3\n', '$ true\ncheck false\n', '% false\n$ true\n', '$ true\ntree: a\n',
                     '$ true\nmodules: a\n', '$ mkdir {src}/a\nsources: nothing\n'):
            with self.subTest(text), self.assertRaises(AssertionError):
                self.tried(text)


if __name__ == '__main__':
    unittest.main()
