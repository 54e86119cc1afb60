#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills at the N-th system call, and errors at the N-th call of each kind, over the verbs that change something.

    torture.py [-n CASES] [--seed NUMBER] [--at DIRECTORY]     (0 cases: all there are)

A verb that said 0 has done all of it. One that failed has done each of its steps as a whole or not at all.
After a kill it is the same once the verb has been run again, and the modules of the kernel's own are intact at every moment."""

import argparse
import os
import pathlib
import random
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import faults  # noqa: E402
from faults import KERNEL  # noqa: E402

AT = ['-k', KERNEL]
VERBS = {  # verb: (its arguments, the state that it begins with)
    'install': (['install', 'hello/1.0', *AT], 'built'),
    'uninstall': (['uninstall', 'hello/1.0', *AT], 'installed'),
    'remove': (['remove', 'hello/1.0', '--all'], 'installed'),
    'unbuild': (['unbuild', 'hello/1.0', *AT], 'built'),
}
KINDS = {  # what fails: with what
    'openat': ('EIO', 'ESTALE', 'EMFILE', 'EACCES'),
    'newfstatat,statx,stat,lstat,fstat': ('EIO', 'ESTALE'),
    'read,pread64': ('EIO',),
    'getdents64': ('EIO', 'ESTALE'),
    'rename,renameat,renameat2': ('EIO', 'ENOSPC', 'EROFS'),
    'link,linkat': ('EIO', 'ENOSPC'),
    'unlink,unlinkat,rmdir': ('EIO', 'EROFS'),
    'mkdir,mkdirat': ('EIO', 'ENOSPC', 'EROFS'),
    'symlink,symlinkat': ('EIO', 'ENOSPC'),
    'fsync,fdatasync': ('EIO', 'ENOSPC'),
    'write': ('ENOSPC', 'EIO'),
}
KILLS = ('openat', 'rename,renameat,renameat2', 'link,linkat', 'unlink,unlinkat,rmdir', 'mkdir,mkdirat', 'fsync,fdatasync', 'write')


class Torture:
    def __init__(self, below=None):
        self.below = below
        built = faults.make_scene(below)
        installed = faults.Place(built, below)
        assert installed.dkmsctl(*VERBS['install'][0]).code == 0
        self.scenes = {'built': built, 'installed': installed}
        self.wanted, self.before, self.between, self.counts = {}, {}, {}, {}
        for verb, (words, state) in VERBS.items():
            self.before[verb] = self.content(self.scenes[state])
            with faults.Place(self.scenes[state], below) as place:
                result = place.dkmsctl(*words)
                assert result.code == 0, str(result)
                self.wanted[verb] = self.content(place)
            self.between[verb] = [self.before[verb], self.wanted[verb], *self.after_each_step(verb)]
            self.count(verb)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for scene in self.scenes.values():
            scene.__exit__(*exception)

    def after_each_step(self, verb):
        """What may be there when a later step of the job fails: each step is done or not."""
        if verb != 'remove':
            return
        with faults.Place(self.scenes[VERBS[verb][1]], self.below) as place:
            for step in ('uninstall', 'unbuild'):
                assert place.dkmsctl(*VERBS[step][0]).code == 0
                yield self.content(place)

    def count(self, verb):
        """How often one process calls each of a kind: strace counts that way, too."""
        words, state = VERBS[verb]
        kinds = {*KINDS, *KILLS}
        with faults.Place(self.scenes[state], self.below) as place:
            trace = place.straced(words, ','.join(kinds) + ':delay_enter=0').trace
        each = {}
        for process, call in re.findall(r'^(\d+) +(\w+)\(', trace, re.MULTILINE):
            each[process, call] = each.get((process, call), 0) + 1
        for kind in kinds:
            self.counts[verb, kind] = max((each[one] for one in each if one[1] in kind.split(',')), default=0)

    @staticmethod
    def content(place):
        return faults.Place.content(place)

    def cases(self):
        for verb in VERBS:
            for kind, errors in KINDS.items():
                for number in range(1, self.counts[verb, kind] + 1):
                    for error in errors:
                        yield verb, kind, number, 'error=' + error
            for kind in KILLS:
                for number in range(1, self.counts[verb, kind] + 1):
                    yield verb, kind, number, 'signal=SIGKILL'

    def run(self, verb, kind, number, fault):
        """What is wrong in this case; nothing if it is as it should be."""
        words, state = VERBS[verb]
        with faults.Place(self.scenes[state], self.below) as place:
            result = place.straced(words, f'{kind}:{fault}:when={number}')
            wrong = []
            now = self.content(place)
            killed = 'SIGKILL' in fault
            if result.code == 0 and now != self.wanted[verb]:
                wrong.append('it said 0: ' + differences(now, self.wanted[verb]))
            if result.code != 0 and not killed and now not in self.between[verb]:
                wrong.append('it failed half-way: ' + differences(now, self.before[verb]))
            if 'should not have happened' in result.err and not killed:
                wrong.append('it blames itself')
            if not [path for path in place.modules.rglob('hello.ko*') if not path.name.startswith('.')]:
                wrong.append('the kernel has no hello at all')
            again = place.dkmsctl(*words)
            done = verb in ('remove', 'uninstall') and again.code in (0, 3)
            if again.code != 0 and not done:
                wrong.append(f'again: {again}')
            if self.content(place) != self.wanted[verb]:
                wrong.append('again: ' + differences(self.content(place), self.wanted[verb]))
            if verb == 'remove':
                place.dkmsctl('add', 'hello/1.0')  # takes the lock, and so puts in order what the first run has left
            if place.leftovers():
                wrong.append('left: ' + ' '.join(place.leftovers()))
            return wrong and [*wrong, f'exit code {result.code}: {result.err.strip()}']


def differences(is_there, wanted):
    missing, more = sorted(set(wanted) - set(is_there)), sorted(set(is_there) - set(wanted))
    other = sorted(name for name in set(wanted) & set(is_there) if wanted[name] != is_there[name])
    return f'missing {missing}, more {more}, other {other}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('-n', type=int, default=0)
    parser.add_argument('--seed', type=int, default=None)
    parser.add_argument('--at', default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    failed = 0
    with Torture(options.at) as torture:
        cases = list(torture.cases())
        print(f'{len(cases)} cases, seed {seed}', flush=True)
        random.Random(seed).shuffle(cases)
        cases = cases[:options.n or len(cases)]
        for case in cases:
            wrong = torture.run(*case)
            if wrong:
                failed += 1
                print('FAILED', *case, *wrong, sep='\n    ', flush=True)
    print(f'{len(cases)} cases, {failed} failed', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
