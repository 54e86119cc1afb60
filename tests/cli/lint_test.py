#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dkmsctl lint, as an author or a build service meets it."""

import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402


class Lint(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.source = self.trees.add_source()

    def lint(self, *words, path=None, **options):
        return self.trees.dkmsctl('lint', path or self.source, *words, **options)

    def add(self, line):
        with open(self.source / 'dkms.conf', 'a') as conf:
            conf.write(line + '\n')

    def last_line(self):
        return len((self.source / 'dkms.conf').read_text().splitlines())

    def test_a_sound_source(self):
        result = self.lint()
        self.assertEqual((result.code, result.out, result.err), (0, '', 'Nothing was found.\n'))
        self.assertEqual(self.lint('--json').json, {'exit_code': 0, 'findings': []})

    def test_warnings_count_with_strict_only(self):
        self.add('REMAKE_INITRD="yes"')
        result = self.lint()
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out, f'{self.source}/dkms.conf:{self.last_line()}: warning: REMAKE_INITRD is deprecated. '
                         '[deprecated-directive]\n'
                         '    Delete it, dkms ignores it since 2.8.8; let the distribution\'s tools put the module into the initramfs.\n')
        self.assertEqual(result.err, '1 warning.\n')
        self.assertEqual(self.lint('--strict').code, 1)
        self.assertEqual(self.lint('--strict', '--json').json['exit_code'], 1)

    def test_errors(self):
        self.add('MAKE="sudo make KDIR=$kernel_source_dir"')
        self.add('RELEASE=$(uname -r)')  # needs bash
        result = self.lint('--json')
        self.assertEqual(result.code, 1, result)
        found = {finding['rule']: finding for finding in result.json['findings']}
        self.assertEqual(set(found), {'make-one-job', 'needs-root', 'uname-in-conf'})
        error = found['needs-root']
        self.assertEqual((error['severity'], error['file'], error['line']),
                         ('error', str(self.source / 'dkms.conf'), self.last_line() - 1))
        self.assertTrue(error['message'] and error['remedy'])
        quiet = self.lint('--quiet')
        self.assertIn('needs-root', quiet.out)
        self.assertNotIn('uname-in-conf', quiet.out)
        self.assertEqual(quiet.err, '')

    def test_files_are_named_from_where_one_stands(self):
        self.add('UDEV_TRIGGER="no"')
        command = [scratch.BUILD / 'client' / 'dkmsctl', 'lint', self.source.name]
        said = subprocess.run(command, cwd=self.source.parent, text=True, capture_output=True, check=True).stdout
        self.assertTrue(said.startswith(f'{self.source.name}/dkms.conf:{self.last_line()}: warning: '), said)

    def test_anyone_may(self):
        self.assertEqual(self.lint(as_nobody=True).code, 0)

    def test_what_is_not_there(self):
        self.assertEqual(self.lint(path=self.source / 'none').code, 4)
        self.assertEqual(self.lint('--json', path=self.source / 'none').json['error'], 'ConfMissing')
        (self.source / 'dkms.conf').unlink()
        self.assertEqual(self.lint().code, 1)

    def test_words(self):
        self.assertEqual(self.trees.dkmsctl('lint').code, 2)
        self.assertEqual(self.lint('another').code, 2)
        self.assertEqual(self.lint('-k', '6.1').code, 2)

    def test_lines(self):
        """The call itself, which takes absolute paths only."""
        calls = ''.join(json.dumps({'lint': path}) + '\n' for path in (str(self.source), 'src/hello-1.0'))
        daemon = subprocess.run([scratch.BUILD / 'daemon' / 'dkmsd', '--stdio', '--dkmstree', self.trees.dkms], input=calls,
                                text=True, capture_output=True, check=True)
        first, second = map(json.loads, daemon.stdout.splitlines())
        self.assertEqual(first, {'findings': []})
        self.assertEqual(second['error'], 'InvalidArgs')


if __name__ == '__main__':
    unittest.main()
