# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shells offer to complete a line with: bash by calling its function as it does, zsh on a terminal, fish by asking it.

Each function takes the line whose last word is being typed, and further variables for the shell's environment, and returns a dictionary:
what is offered, and what is said of it (None, where that is not known)."""

import fcntl
import os
import pathlib
import pty
import re
import select
import subprocess
import struct
import tempfile
import termios

HERE = pathlib.Path(__file__).resolve().parent
FILES = HERE.parent / 'completions'
PATIENCE = 60  # seconds; only a hanging shell is silent for so long


def run(command, environment, home):
    said = subprocess.run(command, text=True, capture_output=True, check=False,
                          env={'PATH': os.environ['PATH'], 'HOME': str(home), 'LANG': 'C.UTF-8', **environment})
    if (said.returncode, said.stderr) != (0, ''):
        raise AssertionError(said)
    return said.stdout


def bash(line, home, **environment):
    words = ['bash', HERE / 'cli' / 'completion.sh', FILES / 'dkms.bash', *line.split(' ')]
    return dict.fromkeys(run(words, environment, home).split())


def fish_of_several(lines, home, **environment):
    """What fish() returns for each of the lines, for the price of one shell."""
    words = ['fish', '--no-config', '-c', 'source $argv[1]; for line in $argv[2..]; complete -C $line; echo; end', FILES / 'dkms.fish', *lines]
    answers = run(words, environment, home).split('\n\n')
    offers = [[row.partition('\t') for row in answer.splitlines() if row] for answer in answers]
    return [{word: about or None for word, _, about in rows} for rows in offers[:len(lines)]]


def fish(line, home, **environment):
    return fish_of_several([line], home, **environment)[0]


class Zsh:
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

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix='dkms-test-')
        self.home = pathlib.Path(self.directory.name)
        # The dump is of what zsh knows to complete, made by the first shell.
        (self.home / '.zshrc').write_text(self.SETUP % (FILES, self.home / 'dump'))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.directory.cleanup()

    def __call__(self, line, home, **environment):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 500, 0, 0))
        environment = {'PATH': os.environ['PATH'], 'HOME': str(home), 'ZDOTDIR': str(self.home), 'TERM': 'dumb', **environment}
        shell = subprocess.Popen(['zsh', '-d', '-i'], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment)
        os.close(theirs)
        try:
            read_until(ours, 'ready')
            os.write(ours, line.encode() + b'\x18')
            text = read_until(ours, 'end of offers')
        finally:
            shell.kill()
            shell.wait()
            os.close(ours)
        return dict.fromkeys(re.findall(r'offered:(\S+)', text))

    def described(self, line, home, **environment):
        """What our functions hand to those of zsh for a line: options or commands, each with what is said of it."""
        script = r'''
_arguments() { (( CURRENT == 2 )) || print -rl -- ${(M)@:#(\*|)-*} }
_describe() { print -rl -- ${(P)@[-1]} }
words=(${(s: :)2} '') service=dkmsctl
CURRENT=$#words
source $1
if (( CURRENT == 2 )) _dkms_actions
'''
        rows = run(['zsh', '-fc', script, 'zsh', FILES / '_dkms', line], environment, home)
        found = re.findall(r'^\*?(-[^[+=\n]*)[+=]?\[(.*?)\]|^([a-z]+):(.*)$', rows, re.M)
        return {option or word: about or meant for option, about, word, meant in found}


def read_until(terminal, end):
    text = ''
    while end not in text:
        if not select.select([terminal], [], [], PATIENCE)[0]:
            raise AssertionError('nothing more came after: ' + text)
        text += os.read(terminal, 65536).decode(errors='replace')
    return text
