# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of the conformance suite, as text.

A file of `cells/` is a subject, a paragraph with a title is a cell, a line is one thing:

    [title]              begins a cell
    given WORDS          what is there before, see GIVEN
    conf LINE            one more line of the dkms.conf of the last source
    framework LINE       a line of /etc/dkms/framework.conf
    as WHO               root (default), user, or both: then it counts as two cells
    needs PROGRAM        the machine has to have this program
    bus no: REASON       the cell does not apply to the service
    better: WHY          what is expected is not what the old program did, and why
    oracle               dkms 3.0.10 gives the same; where it is there, it is held against this cell too
    % COMMAND            something that happens between, in sh; must succeed
    $ COMMAND            what is tried, in sh, in the machine's HERE; the lines below it are its results
    > TEXT  ! TEXT       a line of standard output, of standard error; `>~` and `!~` begin a regular expression instead
    >...  !...           any lines from here on
    = NUMBER             exit code, 0 if not said
    tree: LISTING        all that is in the DKMS tree at the end, see expand(). Left out: after an error, what was there before
    modules: LISTING     all modules in the install tree at the end, with their versions
    sources: LISTING     names in the source tree at the end
    check COMMAND        must succeed at the end, in sh

Of texts, names in braces are replaced: see PLACEHOLDERS.
"""

import dataclasses
import itertools

import pathlib
import re

import machine as machines

DIRECTORY = pathlib.Path(__file__).resolve().parent / 'cells'

PLACEHOLDERS = {
    '{tree}': machines.TREE, '{src}': machines.SOURCES, '{lib}': machines.MODULES, '{etc}': machines.ETC, '{dir}': machines.HERE,
    '{k}': machines.KERNELS[0], '{k2}': machines.KERNELS[1], '{a}': machines.ARCH, '{ka}': f'{machines.KERNELS[0]}/{machines.ARCH}',
    '{k2a}': f'{machines.KERNELS[1]}/{machines.ARCH}', '{uname}': machines.RUNNING, '{nosign}': machines.NO_SIGNING,
    '{real}': machines.newest_headers() or 'no-headers',
}


def filled(text):
    return re.sub(r'\{[a-z0-9]+\}', lambda match: PLACEHOLDERS.get(match[0], match[0]), text)


def expand(text):
    """The set that a listing means: blanks separate, `a/(b|c/(d|e))` is a/b, a/c/d and a/c/e. `nothing` is the empty set."""
    if text.strip() == 'nothing':
        return set()
    return set(itertools.chain.from_iterable(map(alternatives, text.split())))


def alternatives(word):
    open_at = word.find('(')
    if open_at < 0:
        return [word]
    depth, parts, begin = 0, [], open_at + 1
    for at in range(open_at, len(word)):
        depth += (word[at] == '(') - (word[at] == ')')
        if depth == 1 and word[at] == '|' or depth == 0:
            parts.append(word[begin:at])
            begin = at + 1
        if depth == 0:
            break
    tails = alternatives(word[begin:])
    return [word[:open_at] + middle + tail for part in parts for middle in alternatives(part) for tail in tails]


@dataclasses.dataclass
class Command:
    words: str
    tried: bool
    out: list = dataclasses.field(default_factory=list)
    err: list = dataclasses.field(default_factory=list)
    code: int = 0


@dataclasses.dataclass
class Cell:
    subject: str
    title: str
    line: int
    who: str = 'root'
    given: list = dataclasses.field(default_factory=list)
    commands: list = dataclasses.field(default_factory=list)
    checks: list = dataclasses.field(default_factory=list)
    tree: str = None
    modules: str = None
    sources: str = None
    no_bus: str = ''
    needs: str = ''
    better: str = ''
    oracle: bool = False


def read(path):
    """The cells of a file; a mistake in it is an error."""
    cells = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith('#'):
            continue
        try:
            if line.startswith('['):
                cells.append(Cell(path.stem, line.strip()[1:-1], number))
            else:
                take(cells[-1], line)
        except (AttributeError, IndexError, KeyError, ValueError) as error:
            raise ValueError(f'{path.name}:{number}: {line}: {error}') from error
    both = [cell for cell in cells if cell.who == 'both']
    for cell in both:
        cell.who = 'root'
        cells.append(dataclasses.replace(cell, who='user', title=cell.title + ', as an ordinary user'))
    titles = [cell.title for cell in cells]
    if len(set(titles)) != len(titles):
        raise ValueError(f'{path.name}: two cells of one title: {sorted(title for title in titles if titles.count(title) > 1)}')
    return cells


def take(cell, line):
    mark, _, rest = line.partition(' ')
    last = cell.commands[-1] if cell.commands else None
    if mark in ('$', '%'):
        cell.commands.append(Command(filled(rest), mark == '$'))
    elif mark in ('>', '>~', '>...'):
        last.out.append((mark[1:], filled(rest)))
    elif mark in ('!', '!~', '!...'):
        last.err.append((mark[1:], filled(rest)))
    elif mark == '=':
        last.code = int(rest)
    elif mark in ('given', 'conf', 'framework'):
        cell.given.append((mark, filled(rest)))
    elif mark == 'as':
        cell.who = {'root': 'root', 'user': 'user', 'both': 'both'}[rest]
    elif mark == 'check':
        cell.checks.append(filled(rest))
    elif mark in ('tree:', 'modules:', 'sources:'):
        setattr(cell, mark[:-1], filled(rest))
    elif mark == 'better:':
        cell.better = rest
    elif mark == 'bus' and rest.startswith('no: '):
        cell.no_bus = rest[4:]
    elif mark == 'needs':
        cell.needs = rest
    elif mark == 'oracle':
        cell.oracle = True
    else:
        raise ValueError('not understood')


def prepare(cell, machine):
    """Makes what is there before."""
    source = None
    for mark, text in cell.given:
        if mark == 'framework':
            with open(machine.etc / 'dkms' / 'framework.conf', 'a', encoding='utf-8') as file:
                file.write(text + '\n')
        elif mark == 'conf':
            with open(source / 'dkms.conf', 'a', encoding='utf-8') as file:
                file.write(text + '\n')
        else:
            word, *rest = text.split()
            source = GIVEN[word](machine, *rest) or source


def kernel(machine, *words):
    names = [word for word in words if word not in ('without-headers', 'without-index')]
    machine.kernel(*names, headers='without-headers' not in words, index='without-index' not in words)


def source_elsewhere(machine, where, *words):
    return machine.source(*words, where=machine.here / where)


def broken(machine, name='hello', version='1.0'):
    machine.added(name, version)


def every_state(machine):
    """A module in each state that status knows."""
    machine.kernel()
    for name, version in (('added', '1.0'), ('built', '2.0'), ('differs', '1'), ('missing', '1'), ('originals', '1'), ('zfs', '2.2.0')):
        machine.source(name, version)
    machine.added('added', '1.0')
    machine.added('broken', '1')
    machine.built('built', '2.0')
    for name in ('differs', 'missing', 'originals'):
        machine.installed(name, '1')
    machine.installed('zfs', '2.2.0')
    archived(machine, 'originals')
    directory = machine.modules / machines.KERNELS[0] / 'updates' / 'dkms'
    (directory / 'missing.ko').unlink()
    with open(directory / 'differs.ko', 'ab') as file:
        file.write(b'more')


def archived(machine, name='hello', version='0.9', release=machines.KERNELS[0], where='kernel/drivers/misc', origin='origin'):
    """An original module that an install has put away."""
    directory = machine.tree / name / 'original_module' / release / machines.ARCH
    directory.mkdir(parents=True)
    (directory / f'{name}.ko').write_bytes(machines.module_bytes(release, machines.ARCH, version=version, license='GPL'))
    if origin == 'origin':
        (directory / f'{name}.ko.origin').write_text(f'{machines.MODULES}/{release}/{where}/{name}.ko\n')


GIVEN = {
    'kernel': kernel,                                               # [RELEASE] [without-headers] [without-index]
    'real-kernel': lambda machine: machine.real_kernel(),
    'source': lambda machine, *words: machine.source(*words),       # [NAME VERSION]
    'source-in': source_elsewhere,                                  # DIRECTORY [NAME VERSION]
    'added': lambda machine, *words: machine.added(*words),         # [NAME VERSION]
    'built': lambda machine, *words: machine.built(*words) and None,        # [NAME VERSION RELEASE ARCH]
    'installed': lambda machine, *words: machine.installed(*words),         # [NAME VERSION RELEASE ARCH WHERE]
    'original': lambda machine, *words: machine.original(*words),           # [NAME VERSION RELEASE WHERE]
    'archived': archived,                                                   # [NAME VERSION RELEASE WHERE [unknown]]
    'every-state': every_state,
    'broken': broken,                                               # [NAME VERSION]
    'system': lambda machine, name: machine.system(name),           # a key of OS_RELEASE
}


def script_of(cell):
    """The script that runs a cell; each command leaves its output and exit code in /run/out."""
    parts = []
    for number, command in enumerate(cell.commands):
        body = f'( {command.words}\n) </dev/null >/run/out/{number}.out 2>/run/out/{number}.err; echo $? >/run/out/{number}.code'
        parts.append(body)
    for number, check in enumerate(cell.checks):
        parts.append(f'( {check}\n) </dev/null >/run/out/check{number}.out 2>&1; echo $? >/run/out/check{number}.code')
    return '\n'.join(parts) + '\n'


def one_step(text):
    """Progress dots depend on the time that something takes."""
    return re.sub(r'\.{3,}', '...', text)


def matches(expected, actual):
    """Whether the lines of an output are those of a cell."""
    lines = one_step(actual).splitlines()
    for number, (kind, text) in enumerate(expected):
        if kind == '...':
            return True
        if number >= len(lines):
            return False
        if not (re.fullmatch(text, lines[number]) if kind == '~' else one_step(text) == lines[number]):
            return False
    return len(lines) == len(expected)


def shown(expected):
    return ''.join(f'{"regex " if kind == "~" else ""}{text or kind}\n' for kind, text in expected)


