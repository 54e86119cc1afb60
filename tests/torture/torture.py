#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills and failing system calls over the verbs that change something: see injector.cc for what a fault can be.

A case is VERB:WAY:PROGRAM:CALLS:NUMBER:FAULT. VERB is what is done (`VERBS`). WAY is `own` without a bus, or `bus`: then a service on
a bus of the case's own does it, is activated again when it has been killed, and has a second job. PROGRAM and CALLS say which
calls are counted, NUMBER which of them gets the FAULT: `EIO` and the like, with `+` all that follow as well, or
`kill-` and who is killed at it.

After each case

- a verb that said 0 has done all of it: files, links and the kernel's index are as they are without a fault;
- the kernel has one module or the other, and that is a module;
- `check` has the tree's lock, finds nothing wrong, or `check --repair` or the verb done once more puts it right; before that, each
  step of the verb has been done as a whole or not at all;
- the verb done once more does all that was left, and leaves nothing behind;
- with a bus each job that was accepted has ended, once, as its client was told."""

import argparse
import collections
import errno
import json
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import running  # noqa: E402
import scenes  # noqa: E402
import scratch  # noqa: E402
from scenes import AT  # noqa: E402

HELLO, ALL = 'hello/1.0', '--all'
VERBS = {  # verb: the state it begins with, its words, what may have been done of it when a later step has failed
    'install': ('built', ['install', HELLO, *AT], []),
    'build': ('added', ['install', HELLO, *AT], [['build', HELLO, *AT]]),
    'upgrade': ('two', ['install', 'hello/2.0', *AT], []),
    'uninstall': ('installed', ['uninstall', HELLO, *AT], []),
    'remove': ('installed', ['remove', HELLO, ALL], [['uninstall', HELLO, *AT], ['unbuild', HELLO, *AT]]),
    'unbuild': ('built', ['unbuild', HELLO, *AT], []),
    'rebuild': ('installed', ['rebuild', HELLO, *AT], [['build', HELLO, *AT, '--force']]),
    'load': ('loadable', ['import', '{root}/hello.dkms.tar.gz'], []),
    'reload': ('archive', ['import', '{root}/hello.dkms.tar.gz', '--force'], []),
    'add': ('bare', ['add', HELLO], []),
    'autoinstall': ('added', ['autoinstall', *AT], [['build', HELLO, *AT], ['install', HELLO, *AT]]),
    'replace': ('rivals', ['install', 'rival/1.0', *AT], []),
    'repair': ('damaged', ['check', '--repair'], []),
    'switch': ('two', ['switch', 'hello/2.0', *AT], []),
    'rollback': ('upgraded', ['rollback', 'hello', *AT], []),
    'give-back': ('taken', ['uninstall', 'rival/1.0', *AT], []),
}
TURNS_BACK = ('rollback',)  # done once more when it is done, it does the opposite
SHORT = ('install', 'upgrade', 'uninstall', 'remove', 'unbuild', 'rebuild', 'load', 'add')
SECOND = ['add', 'second/1.0']  # beside a verb on a bus
ERRORS = {
    'open': ('EIO', 'ESTALE', 'EMFILE', 'EROFS', 'ENOSPC'),
    'stat': ('EIO', 'ESTALE'),
    'read': ('EIO', 'ESTALE'),
    'list': ('EIO', 'ESTALE'),
    'write': ('EIO', 'ENOSPC', 'ENOSPC+', 'EROFS+'),
    'rename': ('EIO', 'ENOSPC', 'EROFS', 'EROFS+', 'EIO+'),
    'link': ('EIO', 'ENOSPC', 'EROFS+'),
    'unlink': ('EIO', 'EROFS', 'EROFS+'),
    'mkdir': ('EIO', 'ENOSPC', 'EROFS', 'ENOSPC+'),
    'symlink': ('EIO', 'ENOSPC', 'EROFS'),
    'sync': ('EIO', 'ENOSPC', 'EIO+'),
    'change': ('EIO', 'EROFS'),
}
CHANGES = ('write', 'rename', 'link', 'unlink', 'mkdir', 'symlink', 'sync', 'change')


class Case(collections.namedtuple('Case', 'verb way program calls number fault')):
    @staticmethod
    def of(text):
        verb, way, program, calls, number, fault = text.split(':')
        return Case(verb, way, program, calls, int(number), fault)

    def __str__(self):
        return ':'.join(map(str, self))

    @property
    def kills(self):
        return self.fault.startswith('kill-')

    def options(self):
        words = ['--program', self.program, '--calls', self.calls, '--at', self.number]
        if self.kills:
            return [*words, '--kill', self.fault.removeprefix('kill-')]
        return [*words, '--error', getattr(errno, self.fault.rstrip('+')), *(['--on'] if self.fault.endswith('+') else [])]


class Torture:
    def __init__(self, below=None, overlay=False):
        self.scenes = scenes.Scenes(below, overlay)
        self.before, self.wanted, self.between, self.counts = {}, {}, {}, {}
        self.remarks = collections.Counter()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.scenes.__exit__(*exception)

    def words(self, verb):
        return [word.format(root=self.scenes.slot) for word in VERBS[verb][1]]

    def learn(self, verb, way='own'):
        """What a verb does when nothing fails, and how often it calls what."""
        state = VERBS[verb][0]
        if verb not in self.wanted:
            place = self.scenes.fill(state)
            self.before[verb] = place.content()
            result = running.run_alone(place, self.words(verb))
            assert result.code == 0, result.err
            self.wanted[verb] = (place.content(), place.index())
            self.counts[verb, 'own'] = result.counts()
            parts = VERBS[verb][2]
            place = self.scenes.fill(state) if parts else place
            self.between[verb] = []
            for part in parts:
                assert place.dkmsctl(*part).code == 0
                self.between[verb].append(place.content())
            if 'load' in verb:  # the source comes first, and is complete then
                source = {name: what for name, what in self.wanted[verb][0].items() if name.startswith('src/')}
                self.between[verb].append(self.before[verb] | source)
        if (verb, way) not in self.counts:
            place = self.scenes.fill(state)
            result = self.run_on_bus(place, verb)
            assert result.code == 0, result.err
            self.counts[verb, way] = result.counts()

    def run_on_bus(self, place, verb, options=()):
        from on_bus import OnBus  # what a bus needs is not needed without
        return OnBus(place, lambda command: running.inject(place, options, command)).run(self.words(verb), SECOND)

    def cases(self, verbs, ways=('own',), kinds=None):
        for verb in verbs:
            for way in ways:
                self.learn(verb, way)
                for (program, calls), count in self.counts[verb, way].items():
                    for number in range(1, count + 1):
                        for fault in self.faults_of(way, program, calls):
                            case = Case(verb, way, program, calls, number, fault)
                            if kinds is None or kinds(case):
                                yield case

    @staticmethod
    def faults_of(way, program, calls):
        if program == 'dkmsctl':
            return
        if way == 'own' or program != 'dkms-worker':
            yield from ERRORS[calls]
        if calls in CHANGES + ('open',):
            if program == 'kmod':
                yield 'kill-kmod'
                yield 'kill-dkmsd,dkms-worker,kmod'
            else:
                yield 'kill-dkms-worker'
                yield 'kill-dkmsd'
                yield 'kill-dkmsd,dkms-worker'

    def run(self, case):
        """What is wrong in this case; nothing if it is as it should be."""
        self.learn(case.verb)
        place = self.scenes.fill(VERBS[case.verb][0])
        words = self.words(case.verb)
        if case.way == 'own':
            result = running.run_alone(place, words, case.options())
        else:
            result = self.run_on_bus(place, case.verb, case.options())
        wrong = []
        if result.hung:
            return ['it does not end', *result.faults]
        self.remarks['faults' if result.faults else 'never came to it'] += 1
        if result.value.get('never began'):
            self.remarks['the service never began'] += 1
            return []
        wanted, index = self.wanted[case.verb]
        if case.way == 'bus':
            wanted = wanted | self.second(place)
            wrong += result.value.get('wrong', [])
        wrong += self.at_once(place, case, result, wanted, index)
        wrong += self.afterwards(place, case, result, wanted, index)
        return wrong and [*wrong, f'exit code {result.code}: {result.err.strip()[-1500:]}', *result.faults]

    def second(self, place):
        """What the second job brings, by itself."""
        return {name: what for name, what in place.content().items() if name.startswith('dkms/second')}

    def at_once(self, place, case, result, wanted, index):
        now = place.content()
        if result.code == 0 and now != wanted:
            yield 'it said 0: ' + differences(now, wanted)
        elif result.code == 0 and place.index() != index:
            yield f'it said 0: the index has {place.index()} and not {index}'
        if result.code != 0 and now == wanted and not case.kills:
            self.remarks['done, but said to have failed'] += 1
        for blame in ('should not have happened', 'terminate called', 'Sanitizer'):
            if blame in result.err and not case.kills:
                yield 'it blames itself'
        if not place.modules_there():
            yield 'the kernel has no hello at all'
        for path in [] if case.verb == 'repair' else place.modules_there():
            if b'\x7fELF' not in (place.modules / scenes.KERNEL / path).read_bytes()[:4]:
                yield path + ' is no module'

    def afterwards(self, place, case, result, wanted, index):
        now = place.content()
        if result.code != 0 and not case.kills and now == self.before[case.verb] and not place.leftovers():
            yield from self.once_more(place, case, wanted, index)  # nothing has happened, so there is nothing to check
            return
        check = place.dkmsctl('check', '--json')  # takes the lock, and so puts in order what was left
        now = place.content()
        before = [self.before[case.verb], self.wanted[case.verb][0], *self.between[case.verb]]
        if not any(now == each or (case.way == 'bus' and now == each | self.second(place)) for each in before):
            yield 'half of it is done: ' + differences(now, before[0]) + '; or ' + differences(now, wanted)
        if check.code != 0:
            self.remarks['check: ' + ' '.join(sorted({one['problem'] for one in problems_of(check)}) or ['?'])] += 1
            repair = place.dkmsctl('check', '--repair', '--json')
            again = place.dkmsctl('check', '--json')
            if again.code != 0 and not all(one['problem'] in ('module-missing',) for one in problems_of(again)):
                yield f'check --repair left {problems_of(again) or again}; {repair.err}'
        if result.code != 0 or check.code != 0 or case.kills:
            yield from self.once_more(place, case, wanted, index)
            last = place.dkmsctl('check', '--json')
            if last.code != 0:
                yield f'at the end check says {problems_of(last) or last}'
        if place.leftovers():
            yield 'left: ' + ' '.join(place.leftovers())

    def once_more(self, place, case, wanted, index):
        if case.verb in TURNS_BACK and place.content() == wanted:
            return
        again = place.dkmsctl(*self.words(case.verb))
        if again.code != 0 and place.content() != wanted:
            yield f'again: {again}'
        elif place.content() != wanted:
            yield 'again: ' + differences(place.content(), wanted)
        elif place.index() != index:
            yield f'again: the index has {place.index()} and not {index}'


def problems_of(result):
    try:
        return [one for job in json.loads(result.out)['jobs'] for one in job.get('problems', [])]
    except (ValueError, KeyError):
        return []


def differences(is_there, wanted):
    missing, more = sorted(set(wanted) - set(is_there)), sorted(set(is_there) - set(wanted))
    other = sorted(name for name in set(wanted) & set(is_there) if wanted[name] != is_there[name])
    return f'missing {missing}, more {more}, other {other}'


def short_form(torture, randomly):
    """A kill in each verb, an error in some, and a service that is killed."""
    chosen = []
    for verb in SHORT:
        kills = list(torture.cases([verb], kinds=lambda case: case.kills and case.program == 'dkms-worker' and case.calls != 'open'))
        chosen.append(randomly.choice(kills))
    errors = list(torture.cases(SHORT[:2], kinds=lambda case: not case.kills))
    chosen += randomly.sample(errors, 3)
    # depmod ends well although it has not read all that there is.
    chosen.append(randomly.choice(list(torture.cases(['uninstall'], kinds=lambda case: case.program == 'kmod' and case.calls == 'list'))))
    # When a rollback is done and its job has not ended, it must not be done back.
    late = [case for case in torture.cases(['rollback'], ['bus']) if case.calls == 'unlink' and case.fault == 'kill-dkmsd,dkms-worker']
    chosen.append(late[-3])
    return chosen + [Case('install', 'bus', 'dkms-worker', 'rename', randomly.randint(2, 7), 'kill-dkmsd')]


def cases_wanted(torture, options, randomly):
    if options.short:
        return short_form(torture, randomly)
    if options.case:
        return [Case.of(text) for text in options.case]
    cases = list(torture.cases(options.verbs.split(','), options.ways.split(',')))
    print(f'{len(cases)} cases, seed {options.seed}', flush=True)
    randomly.shuffle(cases)
    number, of = map(int, options.shard.split('/'))
    return cases[number - 1::of][:options.n or len(cases)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('-n', type=int, default=0, help='so many cases; 0: all there are')
    parser.add_argument('--seed', type=int, default=int(time.time()))
    parser.add_argument('--at', default=None, help='a directory of the file system that is to be tried')
    parser.add_argument('--overlay', action='store_true', help='the trees are the lower layer of an overlay')
    parser.add_argument('--verbs', default=','.join(VERBS))
    parser.add_argument('--ways', default='own,bus')
    parser.add_argument('--shard', default='1/1', help='2/3: the second third of the cases')
    parser.add_argument('--seconds', type=int, default=0, help='begin no case after so long')
    parser.add_argument('--verbose', action='store_true')
    parser.add_argument('--short', action='store_true')
    parser.add_argument('--case', nargs='*', help='these cases')
    options = parser.parse_args()
    if options.overlay and 'DKMS_TEST_OWN_MOUNTS' not in os.environ:
        os.environ['DKMS_TEST_OWN_MOUNTS'] = '1'
        os.execvp('unshare', [*scratch.own_mounts(), sys.executable, *sys.argv])
    failed, done, began = [], 0, time.monotonic()
    with Torture(options.at, options.overlay) as torture:
        for case in cases_wanted(torture, options, random.Random(options.seed)):
            if options.seconds and time.monotonic() - began > options.seconds:
                break
            started = time.monotonic()
            wrong = torture.run(case)
            done += 1
            if options.verbose or time.monotonic() - started > 20:
                print(case, f'{time.monotonic() - started:.1f} s', flush=True)
            if wrong:
                failed.append(str(case))
                print('FAILED', case, *wrong, sep='\n    ', flush=True)
            elif not done % 100:
                print(f'{done} cases, {len(failed)} failed, {time.monotonic() - began:.0f} s', flush=True)
        for remark, count in torture.remarks.most_common():
            print(f'{count:6} {remark}')
    print(f'{done} cases in {time.monotonic() - began:.0f} s, {len(failed)} failed')
    if failed:
        print('again: --case ' + ' '.join(failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
