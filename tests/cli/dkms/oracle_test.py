#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trees that dkms 3.0.10 wrote are ours to go on with, and trees written here are readable to it: both say the same status of them."""

import pathlib
import random
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import machine as machines  # noqa: E402
import oracle  # noqa: E402

MODULES = (('hello', '1.0'), ('hello', '1.10'), ('other-one', '2.0~rc1'))
STEPS = 10
OLD, OURS = '/run/oracle/dkms', 'dkms'

# What 3.0.10 says, and what is said since. It does not tell a module that is missing from one that differs, and has a note about
# originals for modules too that are only built.
NOTES = (
    (r' \(original_module exists\)', ' (Original modules exist)'),
    (r': built \(Original modules exist\)', ': built'),
    (r' \(WARNING! Missing some built modules!\)', ' (not what was built)'),
    (r' \(WARNING! Diff between built and installed module!\)', ' (not what was built)'),
    (r' \(Built modules are missing in the kernel modules folder\)', ' (not what was built)'),
    (r' \(Differences between built and installed modules\)', ' (not what was built)'),
)


def in_common_words(status):
    for said, common in NOTES:
        status = re.sub(said, common, status)
    return status


def steps(seed, program):
    """Commands of a random life of three modules and two kernels."""
    chance = random.Random(seed)  # the same lives every time
    for _ in range(STEPS):
        name, version = chance.choice(MODULES)
        kernel = chance.choice(machines.KERNELS)
        verb = chance.choice(('add', 'build', 'build', 'install', 'install', 'install', 'uninstall', 'unbuild', 'remove'))
        if verb == 'add':
            yield f'{program} add {name}/{version}'
        elif verb == 'remove' and chance.random() < 0.5:
            yield f'{program} remove {name}/{version} --all'
        else:
            yield f'{program} {verb} {name}/{version} -k {kernel}' + (' --force' if chance.random() < 0.2 else '')


def handmade(machine):
    """States that no command of 3.0.10 leaves."""
    machine.installed('hello', '1.0')
    machine.installed('hello', '1.10', machines.KERNELS[1])
    machine.built('hello', '1.0', machines.KERNELS[1])
    machine.built('other-one', '2.0~rc1', machines.KERNELS[0], 'strange')
    archive = machine.tree / 'hello' / 'original_module' / machines.KERNELS[0] / machines.ARCH
    archive.mkdir(parents=True)
    (archive / 'hello.ko').write_bytes(machines.module_bytes(machines.KERNELS[0], machines.ARCH, version='0.9'))
    (machine.modules / machines.KERNELS[1] / 'updates' / 'dkms' / 'hello.ko').unlink()
    (machine.tree / 'vbox-temp').mkdir()


class TreesOfBoth(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = cls.enterClassContext(oracle.unpacked())

    def setUp(self):
        if machines.missing():
            self.skipTest(machines.missing())
        self.machine = self.enterContext(machines.Machine())
        self.machine.binds.append(['--ro-bind', self.program, '/run/oracle'])
        for release in machines.KERNELS:
            self.machine.kernel(release)
        for name, version in MODULES:
            self.machine.source(name, version)
        self.machine.original(version='0.1')

    def run_script(self, commands):
        """Runs commands and both programs' status behind them; the two texts."""
        lines = [f'{command} >>/run/out/log 2>&1' for command in commands]
        lines += [f'{program} status >/run/out/{name}.status 2>>/run/out/log' for program, name in ((OLD, 'old'), (OURS, 'ours'))]
        self.machine.run('\n'.join(lines) + '\n')
        out = self.machine.root / 'out'
        log = (out / 'log').read_text() if (out / 'log').exists() else ''
        return *(in_common_words((out / f'{name}.status').read_text()) for name in ('old', 'ours')), log

    def same_status(self, commands):
        commands = list(commands)
        old, ours, log = self.run_script(commands)
        self.assertEqual(ours, old, '\n'.join(commands) + '\n' + log)
        return ours

    def go_on(self):
        """Whatever state the modules are in, we can install them, and take everything out again."""
        commands = [f'{OURS} install {name}/{version} -k {machines.KERNELS[0]}' for name, version in MODULES]
        _, status, log = self.run_script(commands)
        for name in ('hello/1.10', 'other-one/2.0~rc1'):
            self.assertRegex(status, re.escape(f'{name}, {machines.KERNELS[0]}, {machines.ARCH}: installed'), log)
        _, status, log = self.run_script(f'{OURS} remove {name}/{version} --all' for name, version in MODULES)
        self.assertEqual(status, '', log)
        self.assertEqual(self.machine.tree_listing(), set(), log)
        self.assertEqual(self.machine.module_listing(), {f'{machines.KERNELS[0]}/kernel/drivers/misc/hello.ko=0.1'})

    def test_handmade_states(self):
        handmade(self.machine)
        status = self.same_status([])
        self.assertEqual(len(status.splitlines()), 4, status)


def written_by(program, seed):
    def test(self):
        self.same_status(steps(seed, program))
        self.go_on()
    return test


def written_by_turns(seed):
    def test(self):
        for turn in range(2):
            for program in (OLD, OURS):
                self.same_status(list(steps(seed + turn, program))[:STEPS // 2])
    return test


for number in range(3):
    setattr(TreesOfBoth, f'test_written_by_the_old_{number}', written_by(OLD, number))
    setattr(TreesOfBoth, f'test_written_by_us_{number}', written_by(OURS, 10 + number))
    setattr(TreesOfBoth, f'test_written_by_turns_{number}', written_by_turns(20 + 2 * number))

if __name__ == '__main__':
    unittest.main()
