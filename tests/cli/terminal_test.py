#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person sees: a line that redraws on a terminal, plain lines elsewhere, and what Ctrl-C does."""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()
KERNEL = KERNELS[0] if KERNELS else ''
DKMSCTL = scratch.BUILD / 'client' / 'dkmsctl'
HIDE, SHOW, INTERRUPT = '\x1b[?25l', '\x1b[?25h', b'\x03'
LONGEST_SILENCE = 60  # seconds; only a hanging program is silent for so long


class Terminal:
    """A program on a terminal of its own; use as a context manager."""

    def __init__(self, command, columns=80, **environment):
        self.text, self.seen = '', 0
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', 'TERM': 'xterm', **inherited, **environment})
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)

    def read(self):
        """Reads some more; False at the end."""
        if not select.select([self.ours], [], [], LONGEST_SILENCE)[0]:
            raise AssertionError('nothing more came after: ' + self.text)
        try:
            block = os.read(self.ours, 65536)
        except OSError:  # how a terminal says that nobody is left
            block = b''
        self.text += block.decode(errors='replace')
        return bool(block)

    def wait_for(self, text):
        while text not in self.text[self.seen:]:
            if not self.read():
                raise AssertionError(f'{text!r} never came: {self.text}')
        self.seen = self.text.index(text, self.seen) + len(text)

    def press(self, key):
        os.write(self.ours, key)

    def finish(self):
        """Reads to the end; returns the exit code."""
        while self.read():
            pass
        return self.process.wait()


def without_escapes(text):
    return re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', text)


@unittest.skipUnless(KERNEL, 'kernel headers are needed')
class WhatAPersonSees(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.trees.add_kernel(KERNEL)
        self.source = self.trees.add_source()
        self.build = ('build', 'hello/1.0', '-k', KERNEL)

    def terminal(self, *arguments, **options):
        return self.enterContext(Terminal([DKMSCTL, *arguments, *self.trees.words()], **options))

    def make_endless(self, command='sleep 600'):
        with open(self.source / 'dkms.conf', 'a') as conf:
            conf.write(f'\nMAKE[0]="{command}"\n')

    def test_terminal_gets_a_line_that_is_drawn_anew(self):
        terminal = self.terminal(*self.build)
        self.assertEqual(terminal.finish(), 0, terminal.text)
        self.assertRegex(terminal.text, rf'\rhello/1\.0  {re.escape(KERNEL)}  building  [12] objects?  0:\d\d\x1b\[K')
        self.assertNotRegex(terminal.text, '[%━─]', 'how much of a first build is done is not known')
        lines = without_escapes(terminal.text).replace('\r\n', '\n').splitlines()
        self.assertRegex(lines[-1], r'hello/1\.0 .* built 1 module in \d+\.\d s$')
        self.assertEqual(terminal.text.count('\n'), 1, 'only the result stays: ' + terminal.text)
        again = self.terminal(*self.build, '--force')
        self.assertEqual(again.finish(), 0, again.text)
        self.assertRegex(again.text, rf'\rhello/1\.0  {re.escape(KERNEL)}  building  [━─]+ +\d+ %  0:\d\d\x1b\[K')

    def test_cursor_is_shown_again(self):
        terminal = self.terminal(*self.build)
        terminal.finish()
        self.assertIn(HIDE, terminal.text)
        self.assertGreater(terminal.text.rindex(SHOW), terminal.text.rindex(HIDE))

    def test_line_fits_a_narrow_terminal(self):
        terminal = self.terminal(*self.build, columns=36)
        self.assertEqual(terminal.finish(), 0, terminal.text)
        drawn = [without_escapes(part) for part in re.findall(r'\r([^\r\n]*?)\x1b\[K', terminal.text)]
        self.assertTrue(drawn)
        self.assertLess(max(map(len, drawn)), 36, drawn)

    def test_no_color(self):
        coloured, plain = re.compile(r'\x1b\[[0-9;]*m'), self.terminal(*self.build, NO_COLOR='1')
        self.assertEqual(plain.finish(), 0, plain.text)
        self.assertIsNone(coloured.search(plain.text), plain.text)
        again = self.terminal('build', 'hello/1.0', '--force', '-k', KERNEL)
        self.assertEqual(again.finish(), 0, again.text)
        self.assertIsNotNone(coloured.search(again.text), again.text)

    def test_dumb_terminal_gets_plain_lines(self):
        terminal = self.terminal(*self.build, TERM='dumb')
        self.assertEqual(terminal.finish(), 0, terminal.text)
        self.assertNotIn('\x1b', terminal.text)
        self.assertIn('building\r\n', terminal.text)

    def test_characters_of_another_locale(self):
        terminal = self.terminal(*self.build, LANG='C')
        self.assertEqual(terminal.finish(), 0, terminal.text)
        self.assertTrue(terminal.text.isascii(), terminal.text)

    def test_pipe_gets_a_line_for_each_stage_and_the_result_on_stdout(self):
        result = self.trees.dkmsctl('install', 'hello/1.0', '-k', KERNEL)
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, rf'^hello/1\.0  {re.escape(KERNEL)}  installed 1 module in \d+\.\d s\n$')
        stages = [line.rsplit('  ', 1)[-1] for line in result.err.splitlines()]
        for stage in ('building', 'installing', 'running depmod'):
            self.assertEqual(stages.count(stage), 1, result)
        self.assertNotIn('\x1b', result.out + result.err)

    def test_quiet_says_nothing(self):
        result = self.trees.dkmsctl(*self.build, '--quiet')
        self.assertEqual((result.code, result.out, result.err), (0, '', ''), result)

    def test_failure_is_told_in_a_few_lines(self):
        with open(self.source / 'hello.c', 'a') as file:
            file.write('int wrong = "text" * 2;\n')
        result = self.trees.dkmsctl(*self.build)
        self.assertEqual(result.code, 10, result)
        self.assertEqual(result.out, '')
        lines = result.err.splitlines()
        lines = lines[next(i for i, line in enumerate(lines) if 'failed while building' in line):]
        self.assertEqual(len(lines), 4, result)
        self.assertRegex(lines[1], r'^  hello\.c:\d+:\d+: error: invalid operands')
        log = lines[3].removeprefix('  The whole log: ')
        self.assertIn('invalid operands', pathlib.Path(log).read_text())
        for words in ((), ('hello',), ('hello/1.0', '-k', KERNEL), ('hello', '-f')):
            shown = self.trees.dkmsctl('log', *words)
            self.assertEqual((shown.code, shown.out), (0, pathlib.Path(log).read_text()), shown)
            self.assertEqual(shown.err, f'hello/1.0, kernel {KERNEL} (failed): {log}\n')

    def test_interrupt_cancels_and_says_so(self):
        self.make_endless()
        before = self.trees.listing()
        terminal = self.terminal(*self.build)
        terminal.wait_for('building')
        terminal.press(INTERRUPT)
        self.assertEqual(terminal.finish(), 130, terminal.text)
        self.assertIn('cancelled', without_escapes(terminal.text).splitlines()[-1])
        self.assertGreater(terminal.text.rindex(SHOW), terminal.text.rindex(HIDE))
        added = {name for name in self.trees.listing() if name not in before}
        self.assertEqual({name for name in added if KERNEL in name}, set(), 'no build is left')

    def test_second_interrupt_leaves_at_once(self):
        self.make_endless("sh -c 'trap : TERM; while :; do sleep 600 & wait; done'")
        terminal = self.terminal(*self.build)
        terminal.wait_for('building')
        terminal.press(INTERRUPT)
        terminal.wait_for('Cancelling')
        terminal.press(INTERRUPT)
        self.assertEqual(terminal.process.wait(LONGEST_SILENCE), 130)
        terminal.finish()
        self.assertGreater(terminal.text.rindex(SHOW), terminal.text.rindex(HIDE))

    def test_sigterm_cancels(self):
        self.make_endless()
        process = subprocess.Popen([DKMSCTL, *self.build, *self.trees.words()], text=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            while 'building' not in process.stderr.readline():
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=LONGEST_SILENCE)
        finally:
            process.kill()
            process.wait()
        self.assertEqual((process.returncode, out), (130, ''), err)
        self.assertIn('cancelled after', err)

    def test_reader_that_leaves_does_not_end_the_job(self):
        read, write = os.pipe()
        os.close(read)
        finished = subprocess.run([DKMSCTL, *self.build, *self.trees.words()], stdin=subprocess.DEVNULL, stdout=write,
                                  stderr=subprocess.PIPE, text=True, timeout=120)
        os.close(write)
        self.assertEqual(finished.returncode, 0, finished.stderr)
        self.assertEqual(self.trees.status('hello')[0]['kernels'][0]['state'], 'built')

    def test_status_on_a_terminal_fits_its_width(self):
        self.trees.dkmsctl(*self.build)
        terminal = self.terminal('status', columns=60)
        self.assertEqual(terminal.finish(), 0, terminal.text)
        self.assertRegex(terminal.text, rf'hello +1\.0 +{re.escape(KERNEL)} +built\r\n')


class Words(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())

    def test_unknown_words_give_a_usage_line_and_2(self):
        for words in (['frobnicate'], ['status', '--frobnicate'], ['install'], ['cancel']):
            with self.subTest(words=words):
                finished = subprocess.run([DKMSCTL, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
                self.assertEqual((finished.returncode, finished.stdout), (2, ''), finished)
                self.assertIn('Usage: dkmsctl', finished.stderr)

    def test_paths_are_taken_from_the_current_directory(self):
        self.trees.add_source()
        finished = subprocess.run([DKMSCTL, 'add', 'hello/1.0', '--dkmstree', 'dkms', '--sourcetree', './src'],
                                  cwd=self.trees.root, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(finished.returncode, 0, finished)
        self.assertEqual([module['name'] for module in self.trees.status()], ['hello'])

    def test_no_wait_needs_the_service(self):
        self.trees.add_source()
        result = self.trees.dkmsctl('add', 'hello/1.0', '--no-wait', '--json')
        self.assertEqual(result.code, 1, result)
        self.assertEqual(result.json['error'], 'NotSupported')
        self.assertEqual(self.trees.status(), [])


if __name__ == '__main__':
    unittest.main()
