#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that are installed as they are: settings and manual pages."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent.parent
DKMSCTL = pathlib.Path(os.environ['DKMS_TEST_BUILD']) / 'client' / 'dkmsctl'
SETTINGS = CHECKOUT / 'systemd' / 'framework.conf'
POLICY = CHECKOUT / 'systemd' / 'policy.conf'
PAGES = sorted((CHECKOUT / 'docs').glob('*.[1-8]'))
COMMENTED_OUT = re.compile(r'^# ?(\w+=".*")$', re.M)


class Settings(unittest.TestCase):

    def read(self, text):
        """Has dkmsctl read settings; what it says."""
        with tempfile.TemporaryDirectory() as root:
            directory = pathlib.Path(root) / 'etc' / 'dkms'
            directory.mkdir(parents=True)
            (directory / 'framework.conf').write_text(text)
            return subprocess.run([DKMSCTL, 'status', '--root', root], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL)

    def test_are_read_as_they_are(self):
        result = self.read(SETTINGS.read_text())
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_are_read_with_every_line_in_force(self):
        text, lines = COMMENTED_OUT.subn(r'\1', SETTINGS.read_text())
        self.assertGreater(lines, 10)
        result = self.read(text)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_are_those_of_the_manual_page(self):
        ours = {line.split('=')[0] for line in COMMENTED_OUT.findall(SETTINGS.read_text())}
        page = (CHECKOUT / 'docs' / 'framework.conf.5').read_text()
        heads = re.findall(r'^\.TP\n\.BR? (.*)$', page, re.M)
        explained = {name for head in heads for name in re.findall(r'\b[a-z]+_?[a-z_]*\b(?=\*|,| |$)', re.sub(r'\(.*', '', head))}
        self.assertEqual(ours, {name for name in explained if name != 'or'})


class Policy(unittest.TestCase):

    def test_is_read_with_every_line_in_force(self):
        text, lines = re.subn(r'^# (\S+ +(optional|required|boot))$', r'\1', POLICY.read_text(), flags=re.M)
        self.assertEqual(lines, 3)
        for policy in (POLICY.read_text(), text):
            with tempfile.TemporaryDirectory() as root:
                for directory in ('etc/dkms', 'lib/modules/6.0.0', 'var/lib/dkms'):
                    (pathlib.Path(root) / directory).mkdir(parents=True)
                (pathlib.Path(root) / 'etc' / 'dkms' / 'policy.conf').write_text(policy)
                said = subprocess.run([DKMSCTL, 'autoinstall', '-k', '6.0.0', '--root', root], text=True, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
                self.assertNotIn('policy.conf', said)


class ManualPages(unittest.TestCase):

    def test_have_no_faults(self):
        if not shutil.which('groff'):
            self.skipTest('groff is needed')
        for page in PAGES:
            with self.subTest(page=page.name):
                said = subprocess.run(['groff', '-man', '-Tutf8', '-Kutf8', '-ww', '-Wbreak', '-z', page], text=True, stderr=subprocess.PIPE,
                                      check=True).stderr
                self.assertEqual(said, '')

    def test_name_pages_that_are_there(self):
        ours = {page.name for page in PAGES}
        stems = {name.rsplit('.', 1)[0] for name in ours}
        for page in PAGES:
            for name, section in re.findall(r'([\w.]+) \((\d)\)', page.read_text()):
                if name in stems:
                    self.assertIn(f'{name}.{section}', ours, page.name)


if __name__ == '__main__':
    unittest.main()
