#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Twenty clients who do whatever comes to their mind, with the service and without it, for so many minutes; now and then the service is
ended or killed, a client is killed, and for a while directories are read-only:

    soak.py [MINUTES] [--seed NUMBER]

Every half a minute all of them stop, and what is there is compared with what was reported: the states of all packages for all kernels, every
file, every job. At the first difference the scene is kept, with a log of every call, and what is wrong is told."""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / 'bench'), str(HERE.parent / 'bus')]
import clients  # noqa: E402
import history  # noqa: E402
import look  # noqa: E402
import many_jobs  # noqa: E402
import private_bus  # noqa: E402
import scene  # noqa: E402
import scratch  # noqa: E402

PROGRAMS = scratch.BUILD / 'client'


class Ends(threading.Thread):
    """Hears how often each job's end is announced."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.submitter = many_jobs.Submitter(address)

    def run(self):
        try:
            while True:
                self.submitter.hear()
        except ConnectionError:
            pass

    def more_than_once(self):
        return {job: ends for job, ends in list(self.submitter.ends.items()) if len(ends) > 1}


class Soak:
    def __init__(self, root, seed, minutes):
        self.root, self.minutes = root, minutes
        self.dice = random.Random(seed)
        self.trees = scene.Scene(root)
        self.bus = private_bus.PrivateBus(root / 'bus')
        self.crowd = clients.Crowd(self.trees, PROGRAMS, self.bus.environment, seed)
        self.ends = Ends(self.bus.address.removeprefix('unix:path='))
        self.ends.start()
        self.kills, self.read_only, self.figures, self.samples = [], [], {'calls': 0, 'jobs': 0, 'kills': 0, 'killed clients': 0, 'looks': 0}, []
        self.ended = {}  # job: its result
        self.states = self.look().states()
        self.read_only_left = 60.0 if minutes >= 5 else 6.0 * minutes

    def look(self):
        return look.Look(self.trees, PROGRAMS, self.bus.environment)

    # --- what happens to the clients ---

    def run(self):
        """What is wrong, or nothing after so many minutes."""
        end = time.time() + self.minutes * 60
        faults = []
        while not faults and time.time() < end:
            self.crowd.forget()
            self.kills, self.read_only = [], []
            threads = self.crowd.run(self.dice.uniform(8, 25))
            self.disturb(threads, quietly=self.dice.random() < 0.4)
            for thread in threads:
                thread.join()
            faults = self.compare()
            self.tell()
        return faults

    def disturb(self, threads, quietly):
        """Until all have stopped."""
        make_read_only = self.read_only_left > 0 and not quietly
        while any(thread.is_alive() for thread in threads):
            time.sleep(self.dice.uniform(0.5, 4))
            if quietly:
                continue
            kind = self.dice.choices(('kill', 'client', 'read-only', 'nothing'), (4 if len(self.kills) < 4 else 0, 2, 3 if make_read_only else 0, 2))[0]
            if kind == 'kill':
                self.end_service()
            elif kind == 'client' and sum(call.killed for call in self.crowd.calls) < 2:
                self.figures['killed clients'] += self.crowd.kill_one_without_service(self.dice) is not None
            elif kind == 'read-only':
                make_read_only = False
                self.be_read_only(min(self.dice.uniform(3, 15), self.read_only_left))

    def end_service(self):
        pid = self.bus.service_pid()
        if not pid:
            return
        self.sample(pid, 'at its end')
        self.kills.append(time.time())
        self.figures['kills'] += 1
        try:
            os.kill(pid, self.dice.choice((signal.SIGTERM, signal.SIGKILL)))
        except ProcessLookupError:
            pass

    def be_read_only(self, seconds):
        places = self.dice.choice((['/var/lib/dkms'], ['/lib/modules'], ['/var/lib/dkmsd'], ['/var/lib/dkms', '/lib/modules', '/var/lib/dkmsd']))
        began = time.time()
        for place in places:  # refused while a file is open for writing there
            while not self.remount(place, 'ro') and time.time() < began + 20:
                time.sleep(0.01)
        time.sleep(seconds)
        for place in places:
            assert self.remount(place, 'rw')
        self.read_only.append((began, time.time() + 35))  # waiting jobs are tried again after half a minute at most
        self.read_only_left -= seconds

    @staticmethod
    def remount(place, how):
        return subprocess.run(['mount', '-o', f'remount,bind,{how}', place], env=scene.ENVIRONMENT, stderr=subprocess.DEVNULL, check=False).returncode == 0

    # --- what is compared ---

    def compare(self):
        calls, look_now = self.crowd.calls, self.look()
        look_now.ask('check')  # takes the lock, and so puts in order what was killed
        self.complete_what_is_noted(look_now)
        views = self.wait_for_jobs(look_now)
        self.figures['calls'] += len(calls)
        self.figures['jobs'] += len(views)
        self.figures['looks'] += 1
        look_now.faults.clear()
        told = history.History(self.trees.kernels, calls, views, self.kills, self.read_only)
        courses = told.courses(self.states)
        states = look_now.states()
        look_now.check(states)
        look_now.leftovers()
        faults = [f'{call} hangs' for call in self.crowd.hanging] + told.faults + look_now.faults + self.check_jobs(calls, views)
        for name, course in courses.items():
            if course and states[name] not in course.states():
                faults.append(f'{name} is\n  {states[name]}\nand should be one of\n  ' + '\n  '.join(map(str, course.states()))
                              + f'\nbefore: {self.states[name]}\n{told.told(name)}')
            elif course is None:
                faults.append(f'{name} was {self.states[name]}, is {states[name]}\n{told.told(name)}')
        with open(self.root / 'calls', 'a', encoding='utf-8') as log:
            for record in (*(call.record() for call in calls), *({'view': view} for view in views), {'kills': self.kills, 'read_only': self.read_only}):
                log.write(json.dumps(record) + '\n')
        self.states = states
        self.sample(self.bus.start_service(), 'at rest')
        return faults

    def complete_what_is_noted(self, look_now):
        """An autoinstall whose end could not be done leaves that to the next one for its kernel."""
        self.wait_for_jobs(look_now)
        if not self.kills and not self.read_only and not any(call.killed for call in self.crowd.calls):
            return
        for note in (scene.TREE / '.dkmsd').glob('pending-*.json'):
            kernel = note.name.removeprefix('pending-').removesuffix(f'-{scratch.ARCH}.json')
            self.crowd.perform(self.crowd.call(0, 0, 'autoinstall', ['autoinstall', '-k', kernel, '--json'], False, kernel=kernel))

    def wait_for_jobs(self, look_now):
        """Views of all jobs that have ended since the last look, when there are no others."""
        deadline = time.time() + 240
        while True:
            views = [view for view in look_now.ask('jobs', '--all').get('jobs', []) if view['id'] not in self.ended]
            if all(view['state'] == 'ended' for view in views) or time.time() > deadline:
                break
            time.sleep(0.2)
        return views

    def check_jobs(self, calls, views):
        """Each that was accepted has ended, once, and as the one who asked was told."""
        faults = [f'job {view["id"]} has not ended: {view}' for view in views if view['state'] != 'ended']
        for view in views:
            self.ended[view['id']] = view.get('result')
        for call in calls:
            if call.stdio or call.verb in ('jobs', 'wait', 'wait-kernel'):
                continue
            for job in history.History.jobs_of(call):
                if job not in self.ended:
                    faults.append(f'{call}: job {job} is lost')
            for one in call.json.get('jobs', []):
                if one.get('result') != self.ended.get(one['id']):
                    faults.append(f'{call}: told {one.get("result")}, the service says {self.ended.get(one["id"])} of job {one["id"]}')
        faults += [f'the end of job {job} was told more than once: {ends}' for job, ends in self.ends.more_than_once().items()]
        faults += [f'the end of job {job} was told as {ends[0]}, the service says {self.ended[job]}'
                   for job, ends in list(self.ends.submitter.ends.items()) if job in self.ended and ends[0] != self.ended[job]]
        return faults

    def sample(self, pid, when):
        try:
            self.samples.append((when, pid, *many_jobs.figures_of(pid)))
        except (OSError, TypeError):
            pass

    def tell(self):
        _, _, resident, descriptors = self.samples[-1]
        print(f'{time.strftime("%H:%M:%S")}  {self.figures}, dkmsd {resident / 1024:.1f} MB, {descriptors} descriptors', flush=True)

    def summary(self):
        resident = sorted(sample[2] for sample in self.samples)
        at_rest = sorted({sample[3] for sample in self.samples if sample[0] == 'at rest'})
        return f'{self.figures}; dkmsd at most {resident[-1] / 1024:.1f} MB, in the middle {resident[len(resident) // 2] / 1024:.1f} MB, ' \
               f'at rest {at_rest[0]} to {at_rest[-1]} descriptors'


def inside(root, seed, minutes):
    soak = Soak(pathlib.Path(root), seed, minutes)
    with soak.bus:
        faults = soak.run()
        for fault in faults:
            print('FAULT ' + fault, flush=True)
        print(soak.summary(), flush=True)
        if faults:
            shutil.copytree('/var/lib', pathlib.Path(root) / 'var-lib', symlinks=True)
            return 1
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('minutes', type=float, nargs='?', default=30)
    parser.add_argument('--seed', type=int, default=None)
    parser.add_argument('--inside', default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    if options.inside:
        sys.exit(inside(options.inside, seed, options.minutes))
    root = pathlib.Path(tempfile.mkdtemp(prefix='dkms-soak-', dir='/var/tmp'))
    root.chmod(0o755)
    print(f'{options.minutes:g} minutes, seed {seed}, in {root}', flush=True)
    command = [*scratch.own_mounts(), sys.executable, __file__, str(options.minutes), '--seed', str(seed), '--inside', str(root)]
    code = subprocess.run(command, check=False).returncode
    if code:
        print(f'The scene is kept: {root}')
    else:
        shutil.rmtree(root)
    return code


if __name__ == '__main__':
    sys.exit(main())
