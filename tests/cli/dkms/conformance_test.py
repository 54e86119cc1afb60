#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the cells of subjects: `conformance_test.py [--bus | --oracle] SUBJECT… [-v] [-k PATTERN]`.

Without --bus each command starts a dkmsd of its own; with it, dkmsd serves on a bus. What is expected is the same. With --oracle
dkms 3.0.10 is held against the cells that it should agree with, see oracle.py.
"""

import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cells  # noqa: E402
import machine as machines  # noqa: E402
import oracle  # noqa: E402

unittest.TestCase.maxDiff = None

# An ordinary user gets no sandbox in a namespace that has a /proc of its own.
NO_SANDBOX = ('Warning: Builds are not sandboxed, since this system does not permit the namespaces that bubblewrap needs: they run with '
              'all privileges of dkmsd, and with network access.\n')


class Conformance(unittest.TestCase):
    bus = False
    oracle = False

    @classmethod
    def setUpClass(cls):
        cls.program = None
        if cls.oracle:
            cls.program = cls.enterClassContext(oracle.unpacked())


class Service(unittest.TestCase):
    """That what is tried on the bus is done by the service there, and not by a dkmsd of the client's own."""

    def test_jobs_are_those_of_the_service(self):
        for as_user in (False, True):
            with self.subTest(as_user=as_user), machines.Machine(as_user=as_user, bus=True) as machine:
                machine.source()
                finished = machine.run('dkms add hello/1.0 && /run/build/client/dkmsctl jobs')
                self.assertRegex(finished.stdout, r'(?m)^1 +add +hello/1\.0 .*done', finished.stderr)


def run(test, cell):
    if machines.missing():
        test.skipTest(machines.missing())
    if test.bus and cell.no_bus:
        test.skipTest(cell.no_bus)
    if cell.needs and not shutil.which(cell.needs):
        test.skipTest(f'the program {cell.needs} is needed')
    if ('given', 'real-kernel') in cell.given and not machines.newest_headers():
        test.skipTest('kernel headers are needed')
    with machines.Machine(as_user=cell.who == 'user', bus=test.bus, program=test.program) as machine:
        cells.prepare(cell, machine)
        before = machine.tree_listing()
        finished = machine.run(cells.script_of(cell))
        test.assertEqual((finished.returncode, finished.stderr), (0, ''), 'the script itself')
        failed = look_at_commands(test, cell, machine)
        look_at_the_end(test, cell, machine, before if failed else None)


def look_at_commands(test, cell, machine):
    """Compares what the commands said; returns whether one ended with an error, as it should."""
    out = machine.root / 'out'
    story, wrong = '', []
    for number, command in enumerate(cell.commands):
        said = {stream: (out / f'{number}.{stream}').read_text(errors='replace') for stream in ('out', 'err')}
        if cell.who == 'user' or not machines.ROOT:
            said = {stream: text.replace(NO_SANDBOX, '') for stream, text in said.items()}
        code = int((out / f'{number}.code').read_text())
        story += f'{"$" if command.tried else "%"} {command.words}\n'
        if not command.tried:
            test.assertEqual(code, 0, story + said['out'] + said['err'])
            continue
        story += said['out'] + ''.join(f'! {line}\n' for line in said['err'].splitlines()) + f'= {code}\n'
        if code != command.code:
            wrong.append(f'exit code of "{command.words}": {code}, not {command.code}')
        for name, stream, expected in (('output', 'out', command.out), ('errors', 'err', command.err)):
            if not cells.matches(expected, said[stream]):
                wrong.append(f'{name} of "{command.words}", expected:\n{cells.shown(expected)}')
    for number, check in enumerate(cell.checks):
        if (out / f'check{number}.code').read_text() != '0\n':
            wrong.append(f'check {check}\n' + (out / f'check{number}.out').read_text(errors='replace'))
    if wrong:
        test.fail(f'{cell.subject}.cells:{cell.line}\n{story}--- {len(wrong)} wrong: ' + '\n'.join(wrong))
    return any(command.tried and command.code for command in cell.commands)


def look_at_the_end(test, cell, machine, before):
    if cell.tree is not None or before is not None:
        expected = cells.expand(cell.tree) if cell.tree is not None else before
        test.assertEqual(sorted(machine.tree_listing()), sorted(expected), f'{cell.subject}.cells:{cell.line}: the tree')
    if cell.modules is not None:
        test.assertEqual(sorted(machine.module_listing()), sorted(cells.expand(cell.modules)), 'the modules')
    if cell.sources is not None:
        test.assertEqual(sorted(machine.source_listing()), sorted(cells.expand(cell.sources)), 'the sources')


def main():
    arguments = sys.argv[1:]
    if '--bus' in arguments:
        arguments.remove('--bus')
        Conformance.bus = True
    if '--oracle' in arguments:
        arguments.remove('--oracle')
        Conformance.oracle = True
    subjects = [word for word in arguments if (cells.DIRECTORY / f'{word}.cells').exists()]
    for subject in subjects or sorted(path.stem for path in cells.DIRECTORY.glob('*.cells')):
        for cell in cells.read(cells.DIRECTORY / f'{subject}.cells'):
            if not Conformance.oracle or cell.oracle:
                setattr(Conformance, f'test {subject}: {cell.title}', lambda test, cell=cell: run(test, cell))
    if not Conformance.bus or machines.missing():
        del globals()['Service']
    unittest.main(argv=[sys.argv[0], *(word for word in arguments if word not in subjects)])


if __name__ == '__main__':
    main()
