#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real dkms.conf files go through add, status and remove. What is expected is derived from the values in the corpus's expected.tsv.

Environment: DKMS_TEST_CORPUS is the directory of the corpus.
"""

import collections
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import machine as machines  # noqa: E402

CORPUS = pathlib.Path(os.environ.get('DKMS_TEST_CORPUS', '/nonexistent'))
DEPRECATED = ('CLEAN', 'REMAKE_INITRD', 'MODULES_CONF', 'MODULES_CONF_ALIAS_TYPE', 'MODULES_CONF_OBSOLETES',
              'MODULES_CONF_OBSOLETE_ONLY', 'OBSOLETE_BY')
NOTHING = ('true', '/bin/true', '/usr/bin/true')


def expected_values():
    """For each file its values: {directive: {index: value}}."""
    files = collections.defaultdict(lambda: collections.defaultdict(dict))
    for line in (CORPUS / 'expected.tsv').read_text().splitlines():
        if not line.startswith('#'):
            file, element, value = line.split('\t')
            name, _, index = element.rstrip(']').partition('[')
            files[file][name][int(index or 0)] = value
    return files


def fault_of(values):
    """Why add refuses a configuration, as a line of its message; empty if it does not."""
    names, destinations = values['BUILT_MODULE_NAME'], values['DEST_MODULE_LOCATION']
    indexes = [*names, *values['BUILT_MODULE_LOCATION'], *values['DEST_MODULE_NAME'], *destinations]
    for index in range(max(indexes, default=-1) + 1):
        location = destinations.get(index)
        if not names.get(index) and len(set(indexes)) > 1:
            return f"No 'BUILT_MODULE_NAME' directive specified for record #{index}."
        if not location:
            return f"No 'DEST_MODULE_LOCATION' directive specified for record #{index}."
        if not location.startswith(('/kernel', '/updates', '/extra')):
            return "Directive 'DEST_MODULE_LOCATION' does not begin with"
    return ''


class Corpus(unittest.TestCase):
    @unittest.skipUnless(CORPUS.is_dir(), 'DKMS_TEST_CORPUS names no corpus')
    def test_corpus_is_complete(self):
        self.assertEqual({path.name for path in (CORPUS / 'dkms-conf').iterdir()}, set(expected_values()))

    def go_through(self, file, values):
        name, version = values['PACKAGE_NAME'][0], values['PACKAGE_VERSION'][0]
        source = f'{machines.SOURCES}/{name}-{version}'
        if machines.missing():
            self.skipTest(machines.missing())
        with machines.Machine() as machine:
            machine.kernel(machines.RUNNING)
            directory = machine.sources / f'{name}-{version}'
            directory.mkdir()
            (directory / 'dkms.conf').write_bytes((CORPUS / 'dkms-conf' / file).read_bytes())
            (directory / 'Makefile').touch()
            commands = {'add': f"add -m '{name}' -v '{version}'", 'status': 'status', 'one': f"status '{name}/{version}'",
                        'again': f"add '{name}/{version}'", 'remove': f"remove '{name}/{version}' --all", 'gone': 'status'}
            machine.run(''.join(f'dkms {words} >/run/out/{step}.out 2>/run/out/{step}.err; echo $? >/run/out/{step}.code\n'
                                for step, words in commands.items()))

            def said(step):
                return tuple((machine.root / 'out' / f'{step}.{what}').read_text() for what in ('code', 'out', 'err'))
            if fault := fault_of(values):
                code, out, err = said('add')
                self.assertEqual((code, out), ('8\n', ''), err)
                self.assertIn(fault, err)
                self.assertEqual(said('status'), ('0\n', '', ''))
                return
            code, out, err = said('add')
            self.assertEqual((code, out), ('0\n', f'Creating symlink {machines.TREE}/{name}/{version}/source -> {source}\n'), err)
            self.assertEqual(sorted(err.splitlines()), sorted(self.warnings(values, source)))
            self.assertEqual(said('status'), ('0\n', f'{name}/{version}: added\n', ''))
            self.assertEqual(said('one'), said('status'))
            self.assertEqual(said('again')[:2], ('3\n', ''))
            self.assertEqual(said('remove'), ('0\n', f'Deleting module {name}/{version} completely from the DKMS tree.\n', ''))
            self.assertEqual(said('gone'), ('0\n', '', ''))
            self.assertEqual(machine.tree_listing(), set())

    @staticmethod
    def warnings(values, source):
        return [f'Deprecated feature: {directive} ({source}/dkms.conf)' for directive in DEPRECATED
                if directive in values and not (directive == 'CLEAN' and values[directive].get(0) in NOTHING)]


def main():
    if CORPUS.is_dir():
        for file, values in expected_values().items():
            setattr(Corpus, f'test {file.removesuffix(".conf")}',
                    lambda test, file=file, values=values: test.go_through(file, values))
    unittest.main()


if __name__ == '__main__':
    main()
