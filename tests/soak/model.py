# SPDX-License-Identifier: LGPL-2.1-or-later
"""What may be there of a package, given what has been reported about it.

A package, all its versions for all kernels, is one State. An Act is what one job has done to it: its steps, and how it
ended. Acts in the order of their ends give every state in which the package can be. Jobs that are in each other's way
do not overlap, so that order is the one in which they took effect."""

import typing

DONE, SKIPPED, PARTLY = 'done', 'skipped', 'partly'


class State(typing.NamedTuple):
    """Tuples of pairs, sorted, so that equal states compare equal."""
    tree: frozenset = frozenset()       # versions that are in the tree
    source: tuple = ()                  # of each version the number of the source's change
    built: tuple = ()                   # (version, kernel): (change, whether it is stale)
    installed: tuple = ()               # kernel: (version, change)

    def of(self, field):
        return dict(getattr(self, field))

    def but(self, **changed):
        return self._replace(**{field: tuple(sorted(value.items())) if isinstance(value, dict) else value for field, value in changed.items()})

    def newest(self):
        return max(self.tree, default=None)

    def is_complete(self, kernel):
        """Whether an autoinstall for the kernel finds nothing to do about the package."""
        version = self.newest()
        if version is None:
            return True
        return self.has(kernel) and not self.of('built')[version, kernel][1]

    def has(self, kernel):
        """Whether the kernel has what was built of the newest version, be it from the source that is there now or from an earlier one."""
        version = self.newest()
        built, installed = self.of('built').get((version, kernel)), self.of('installed').get(kernel)
        return version is None or (built is not None and installed == (version, built[0]))


# --- steps: each makes a state of a state ---

def add(state, version):
    return state.but(tree=state.tree | {version})


def build(state, version, kernel, force=False):
    built = state.of('built')
    if version not in state.tree:
        return state  # an autoinstall leaves out what has been removed meanwhile
    if (version, kernel) not in built or built[version, kernel][1] or force:
        built[version, kernel] = (state.of('source')[version], False)
    return state.but(built=built)


def install(state, version, kernel):
    built = state.of('built').get((version, kernel))
    return state.but(installed=state.of('installed') | {kernel: (version, built[0])}) if built else state


def uninstall(state, version, kernel):
    installed = state.of('installed')
    if installed.get(kernel, ('',))[0] == version:
        del installed[kernel]
    return state.but(installed=installed)


def unbuild(state, version, kernel):
    built = state.of('built')
    built.pop((version, kernel), None)
    return state.but(built=built)


def remove(state, version):
    """Out of the tree, if no build is left."""
    return state if any(one == version for (one, _), _ in state.built) else state.but(tree=state.tree - {version})


def adopt(state, version, change):
    source, built = state.of('source'), state.of('built')
    if source[version] != change:
        built = {key: (value[0], value[1] or key[0] == version) for key, value in built.items()}
    return state.but(source=source | {version: change}, built=built, tree=state.tree | {version})


def install_newest(state, kernel):
    version = state.newest()
    return install(state, version, kernel) if version else state


def build_newest(state, kernel):
    version = state.newest()
    return build(state, version, kernel) if version else state


def steps_of(verb, version, kernel, kernels, options):
    """Steps in groups: the groups in any order, those of one in theirs; and the step after all of them."""
    everywhere = options.get('all')
    each = [kernel] if not everywhere else kernels
    force = options.get('force', False)
    if verb == 'add':
        return [[(add, version)]], []
    if verb == 'build':
        return [[(add, version), (build, version, kernel, force)]], []
    if options.get('batch'):
        return [[(build, version, kernel), (install, version, kernel)]], []
    if verb == 'install':
        return [[(add, version), (build, version, kernel), (install, version, kernel)]], []
    if verb == 'uninstall':
        return [[(uninstall, version, one)] for one in each], []
    if verb in ('unbuild', 'remove'):
        return [[(uninstall, version, one), (unbuild, version, one)] for one in each], [(remove, version)] if verb == 'remove' else []
    raise ValueError(verb)


class Act(typing.NamedTuple):
    at: float                 # when it ended; of one that nothing was heard of any more: when it may have begun
    groups: list
    last: list
    how: str                  # DONE, SKIPPED, PARTLY
    what: str                 # for people
    floats: bool = False      # its steps may have been done at any time since `at`, or not at all
    began: float = 0.0        # since when these may have been done: adding the module is seen by jobs for other kernels before the rest ends,
    early: tuple = ()         # and so is everything, if the service ended in the middle and did it again
    restarted: bool = False   # what was done twice was "skipped" the second time

    def all_steps(self):
        return [step for group in self.groups for step in group] + self.last


def apply(state, steps):
    for step, *words in steps:
        state = step(state, *words)
    return state


def some_of(state, groups):
    """Every state after the first steps of each group."""
    states = {state}
    for group in groups:
        after = set()
        for one in states:
            after.add(one)
            for step, *words in group:
                one = step(one, *words)
                after.add(one)
        states = after
    return states


def outcomes(state, act):
    whole = apply(state, act.all_steps())
    if act.how == DONE or (act.how == SKIPPED and act.restarted):
        return {whole}
    if act.how == SKIPPED:
        return {state} if whole == state else set()
    return some_of(state, act.groups) | {whole}


class Contradiction(Exception):
    """Something was reported that cannot be so."""


class Course:
    """What a package went through between two looks at it."""

    def __init__(self, state):
        self.moments = [(0.0, frozenset([state]))]  # since when: the states
        self.floating = []  # acts of which a step may be done at any time now, in whatever order

    def run(self, acts):
        events = [(act.at, 1, act) for act in acts] + [(act.began, 0, act) for act in acts if act.began]
        for at, is_end, act in sorted(events, key=lambda event: event[:2]):
            now = self.moments[-1][1]
            if act.floats or not is_end:
                self.floating.append(act)
                now = self.closure(now)
            else:
                self.floating = [one for one in self.floating if one is not act]
                now = self.closure(after for state in now for after in outcomes(state, act))
            if not now:
                before = '\n  '.join(str(state) for state in self.states())
                raise Contradiction(f'{act.what} cannot have ended as it says ({act.how}) in any of\n  {before}')
            self.moments.append((at, now))

    def closure(self, now):
        steps = {step for act in self.floating for step in (act.all_steps() if act.floats else act.early)}
        found = set(now)
        new = list(found)
        while new:
            state = new.pop()
            for step, *words in steps:
                after = step(state, *words)
                if after not in found:
                    found.add(after)
                    new.append(after)
        return frozenset(found)

    def states(self):
        return self.moments[-1][1]

    def between(self, begin, end):
        """Every state in which it may have been at some time between two."""
        for number, (since, states) in enumerate(self.moments):
            until = self.moments[number + 1][0] if number + 1 < len(self.moments) else end
            if since <= end and until >= begin:
                yield from states
