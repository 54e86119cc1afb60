#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shells offer for dkms and dkmsctl. Numbers of jobs: tests/bus/jobs_test.py."""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402
import shells  # noqa: E402

# All of dkms; those of dkmsctl are read from its help.
ACTIONS = {'add', 'autoinstall', 'build', 'generate_mok', 'install', 'kernel_postinst', 'kernel_preinst', 'kernel_prerm', 'ldtarball',
           'match', 'mkbmdeb', 'mkdeb', 'mkdriverdisk', 'mkdsc', 'mkkmp', 'mkrpm', 'mktarball', 'remove', 'status', 'unbuild',
           'uninstall'}


def help_of(program, *words):
    return subprocess.run([scratch.BUILD / 'client' / program, *words, '--help'], text=True, capture_output=True, check=True).stdout


def described(help_text):
    """Names in a help text with what is said of them; -k and --kernel apart."""
    rows = re.findall(r'^  (?! )(.*?\S) {2,}(\S.*)$|^      (--\S+(?: \S+)?) {2,}(\S.*)$', re.sub(r'\n {30,}', '  ', help_text), re.M)
    found = {}
    for names, about, long_name, long_about in rows:
        for name in (names or long_name).split(', '):
            found[name.split(' ')[0]] = about or long_about
    return found


class Completion:
    """What each shell has to offer. `offers` gives the words for a line whose last word is being typed, and what is said of them."""

    def offered(self, line):
        return set(self.offers(line))

    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        for path in ('hello/1.0/6.1.0-1/x86_64/module', 'hello/1.1', 'nvidia-open/550.1-2', 'hello/original_module/6.1.0-1'):
            (self.trees.dkms / path).mkdir(parents=True)
        (self.trees.dkms / 'hello' / 'kernel-6.1.0-1-x86_64').symlink_to('1.0/6.1.0-1/x86_64')
        for kernel in ('6.1.0-1', '6.12.9-2'):
            (self.trees.modules / kernel).mkdir()
        self.source('greeting-2.1', '2.1')
        self.source('rtl-88-1.2-3', '"1.2-3"')

    def source(self, name, version):
        (self.trees.sources / name).mkdir()
        (self.trees.sources / name / 'dkms.conf').write_text(f'PACKAGE_NAME=x\nPACKAGE_VERSION={version}\n')

    def check(self, line, *expected):
        self.assertEqual(self.offered(line), set(expected), line)

    def tree(self, line):
        """The line with the scratch trees named behind its action."""
        program, action, rest = line.split(' ', 2)
        return (f'{program} {action} --dkmstree {self.trees.dkms} --sourcetree {self.trees.sources} '
                f'--installtree {self.trees.modules} {rest}')

    def test_actions(self):
        self.assertEqual(self.offered('dkms '), ACTIONS)
        self.check('dkms un', 'unbuild', 'uninstall')
        commands = set(described(help_of('dkmsctl')))
        self.assertEqual(self.offered('dkmsctl '), commands)
        self.assertEqual(self.offered('dkmsctl help '), commands)

    def test_modules(self):
        for line in ('dkms build ', 'dkmsctl install ', 'dkmsctl remove '):
            self.check(self.tree(line), 'hello/1.0', 'hello/1.1', 'nvidia-open/550.1-2')
        self.check(self.tree('dkms install h'), 'hello/1.0', 'hello/1.1')
        self.check(self.tree('dkms install -m '), 'hello', 'nvidia-open')
        self.check(self.tree('dkms install -m hello/'), 'hello/1.0', 'hello/1.1')
        self.check(self.tree('dkms install -m hello -v '), '1.0', '1.1')
        self.check(f'dkms status --dkmstree={self.trees.dkms} n', 'nvidia-open/550.1-2')

    def test_sources(self):
        self.check(self.tree('dkms add '), 'greeting/2.1', 'rtl-88/1.2-3')
        self.check(self.tree('dkmsctl add g'), 'greeting/2.1')
        self.check(self.tree('dkms add -m rtl-88 -v '), '1.2-3')

    def test_kernels(self):
        self.check(self.tree('dkms build -k '), '6.1.0-1', '6.12.9-2')
        self.check(self.tree('dkmsctl build --kernel 6.12'), '6.12.9-2')
        self.check(self.tree('dkms autoinstall -k 6.12'), '6.12.9-2')

    def test_packages(self):
        self.check(self.tree('dkms mkrpm h'), 'hello/1.0', 'hello/1.1')
        self.check('dkms mkdriverdisk --media i', 'img', 'iso')
        self.check('dkms mkrpm --legacy-postinst ', '0', '1')

    def test_logs_of_modules(self):
        self.check(self.tree('dkmsctl log h'), 'hello/1.0', 'hello/1.1')


class Described(Completion):
    """Of a shell that shows what a word means: the same as help."""

    def test_descriptions(self):
        commands = described(help_of('dkmsctl'))
        lines = ['dkmsctl', *(f'dkmsctl {command}' for command in commands)]
        for line, found in zip(lines, self.described(lines)):
            self.assertEqual(found, described(help_of(*line.split())), line)
        self.assertIn('--templatekernel', self.offered('dkms match --'))
        self.assertNotIn('--templatekernel', self.offered('dkms build --'))


class Bash(Completion, unittest.TestCase):
    def offers(self, line):
        return shells.bash(line, self.trees.root)

    def test_options_are_those_of_the_program(self):
        for command in sorted(self.offered('dkmsctl ')):
            options = set(re.findall(r'(?<![\w-])--?[a-z][a-z-]*', help_of('dkmsctl', command).split('\n', 2)[2]))
            offered = self.offered(f'dkmsctl {command} -')
            self.assertEqual(offered, options, command)

    def test_options_and_actions_of_the_old_program(self):
        shown = help_of('dkms')
        self.assertEqual(ACTIONS, set(re.findall(r'\w+', re.search(r'{(.*?)}', shown, re.S).group(1))))
        offered = set().union(*(self.offered(f'dkms {action} -') for action in ACTIONS), self.offered('dkms -'))
        self.assertEqual(set(re.findall(r'(?<=\[)--?\w[\w-]*', shown)) - offered, set())

    def test_kernels_of_builds(self):
        self.check(self.tree('dkms uninstall hello/1.0 -k '), '6.1.0-1')
        self.check(self.tree('dkms uninstall -m hello -v 1.0 -k '), '6.1.0-1')
        self.assertEqual(len(self.offered(self.tree('dkms build -k 6.1.0-1/'))), 1)

    def test_files(self):
        for name in ('a.tar.gz', 'b c.tar.gz'):
            (self.trees.root / name).touch()
        self.check(f'dkms ldtarball --archive={self.trees.root}/a', f'{self.trees.root}/a.tar.gz')
        self.check(f'dkms build --dkmstree {self.trees.root}/d', str(self.trees.dkms))

    def test_names_are_never_run(self):
        (self.trees.dkms / '$(touch pwned)' / '1;touch pwned').mkdir(parents=True)
        self.offered(self.tree('dkms build '))
        self.assertFalse(pathlib.Path('pwned').exists())


@unittest.skipUnless(shutil.which('fish'), 'fish is not installed')
class Fish(Described, unittest.TestCase):
    def offers(self, line):
        return shells.fish(line, self.trees.root)

    def described(self, lines):
        found = shells.fish_of_several([line + ending for line in lines for ending in (' -', ' --')], self.trees.root)
        commands = shells.fish('dkmsctl ', self.trees.root)
        both = [{**letters, **names} for letters, names in zip(found[::2], found[1::2])]
        return [commands, *({name: about for name, about in one.items() if name != '--'} for one in both[1:])]


@unittest.skipUnless(shutil.which('zsh'), 'zsh is not installed')
class Zsh(Described, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shell = cls.enterClassContext(shells.Zsh())

    def offers(self, line):
        return self.shell(line, self.trees.root)

    def described(self, lines):
        return [self.shell.described(line, self.trees.root) for line in lines]


if __name__ == '__main__':
    unittest.main()
