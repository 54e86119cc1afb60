#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shells offer for dkms and dkmsctl: bash by calling its function as it does, zsh on a terminal, fish by asking it."""

import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
FILES = HERE.parent.parent / 'completions'
# All of dkms; those of dkmsctl are read from its help.
ACTIONS = {'add', 'autoinstall', 'build', 'generate_mok', 'install', 'kernel_postinst', 'kernel_preinst', 'kernel_prerm', 'ldtarball',
           'match', 'mkbmdeb', 'mkdeb', 'mkdriverdisk', 'mkdsc', 'mkkmp', 'mkrpm', 'mktarball', 'remove', 'status', 'unbuild',
           'uninstall'}


def help_of(program, *words):
    return subprocess.run([scratch.BUILD / 'client' / program, *words, '--help'], text=True, capture_output=True, check=True).stdout


class Completion:
    """What each shell has to offer. `offered` gives the set of words for a line whose last word is being typed."""

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
        self.assertEqual(self.offered('dkmsctl '), set(re.findall(r'^  (\w[\w-]*) ', help_of('dkmsctl'), re.M)))

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

    def test_nothing_for_numbers_of_jobs(self):
        self.check('dkmsctl cancel ')
        self.check('dkmsctl log ')


class Bash(Completion, unittest.TestCase):
    def offered(self, line):
        said = subprocess.run(['bash', HERE / 'completion.sh', FILES / 'dkms.bash', *line.split(' ')], text=True, capture_output=True)
        self.assertEqual((said.returncode, said.stderr), (0, ''), said)
        return set(said.stdout.split())

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
class Fish(Completion, unittest.TestCase):
    def offered(self, line):
        said = subprocess.run(['fish', '--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', FILES / 'dkms.fish', line],
                              text=True, capture_output=True, env={'PATH': os.environ['PATH'], 'HOME': str(self.trees.root)})
        self.assertEqual((said.returncode, said.stderr), (0, ''), said)
        return {word.split('\t')[0] for word in said.stdout.splitlines()}

    def test_options(self):
        self.assertIn('--templatekernel', self.offered('dkms match --'))
        self.assertNotIn('--templatekernel', self.offered('dkms build --'))
        self.assertIn('--strict', self.offered('dkmsctl lint --'))


@unittest.skipUnless(shutil.which('zsh'), 'zsh is not installed')
class Zsh(Completion, unittest.TestCase):
    """On a terminal; compadd, by which functions offer words, is replaced by one that prints those that fit."""
    SETUP = r"""
fpath=(%s $fpath)
autoload -Uz compinit && compinit -C -u -d %s
compadd() {
    local -a fitting
    builtin compadd -O fitting "$@"
    (( $#fitting )) && print -rl -- '' offered:$^fitting
    builtin compadd "$@"
}
offer() { _main_complete; print -r -- '' 'end of offers' }
zle -C offer list-choices offer
bindkey '^X' offer
PROMPT='ready'
"""

    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix='dkms-test-'))
        cls.dump = pathlib.Path(directory) / 'dump'  # of what zsh knows to complete, made by the first shell

    def offered(self, line):
        (self.trees.root / '.zshrc').write_text(self.SETUP % (FILES, self.dump))
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 500, 0, 0))
        environment = {'PATH': os.environ['PATH'], 'HOME': str(self.trees.root), 'ZDOTDIR': str(self.trees.root), 'TERM': 'dumb'}
        shell = subprocess.Popen(['zsh', '-d', '-i'], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                 env=environment)
        os.close(theirs)
        try:
            self.read_until(ours, 'ready')
            os.write(ours, line.encode() + b'\x18')
            text = self.read_until(ours, 'end of offers')
        finally:
            shell.kill()
            shell.wait()
            os.close(ours)
        return set(re.findall(r'offered:(\S+)', text))

    def read_until(self, terminal, end):
        text = ''
        while end not in text:
            if not select.select([terminal], [], [], 60)[0]:
                raise AssertionError('nothing more came after: ' + text)
            text += os.read(terminal, 65536).decode(errors='replace')
        return text

    def test_options(self):
        self.assertIn('--templatekernel', self.offered('dkms match --'))
        self.assertNotIn('--templatekernel', self.offered('dkms build --'))
        self.assertIn('--strict', self.offered('dkmsctl lint --'))


if __name__ == '__main__':
    unittest.main()
