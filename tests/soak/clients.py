# SPDX-License-Identifier: LGPL-2.1-or-later
"""Twenty who ask for whatever comes to their mind, by the service or without it."""

import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import scene

CLIENTS = 20
PATIENCE = 400  # seconds after which a command counts as hanging
VERBS = {'install': 22, 'build': 8, 'uninstall': 12, 'unbuild': 6, 'uninstall-all': 2, 'unbuild-all': 2, 'remove-all': 6, 'remove': 4, 'dkms-remove': 2,
         'rebuild-force': 2, 'add': 4, 'import': 8, 'autoinstall': 8, 'check': 2, 'prune': 1, 'cancel': 5, 'status': 5, 'jobs': 3, 'wait': 2,
         'wait-kernel': 1}


class Call:
    """One command and what became of it."""

    def __init__(self, number, client, verb, words, stdio, **about):
        self.number, self.client, self.verb, self.words, self.stdio = number, client, verb, [str(word) for word in words], stdio
        self.about = about  # module, version, kernel, change
        self.began = self.ended = 0.0
        self.code, self.out, self.err = None, '', ''
        self.killed, self.process = False, None

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            return {}

    def record(self):
        return {'number': self.number, 'client': self.client, 'words': self.words, 'stdio': self.stdio, 'began': self.began, 'ended': self.ended,
                'code': self.code, 'killed': self.killed, 'out': self.out, 'err': self.err}

    def __str__(self):
        return (f'[{self.number}] dkmsctl {" ".join(self.words)}{" (without the service)" if self.stdio else ""} {self.began:.3f}–{self.ended:.3f}: '
                f'exit code {self.code}{", killed" if self.killed else ""}')


class Crowd:
    """`program`: the directory of the client's programs. Calls of all clients since forget() are in `calls`."""

    def __init__(self, trees, programs, environment, seed):
        self.trees, self.programs, self.environment = trees, programs, environment
        self.dice = [random.Random(f'{seed}-{number}') for number in range(CLIENTS)]
        self.lock = threading.Lock()
        self.calls, self.known_jobs, self.count, self.changes = [], [], 0, 0
        self.hanging = []

    def forget(self):
        self.calls, self.known_jobs = [], []

    def run(self, seconds):
        """Starts all of them; they begin nothing new after so many seconds. Returns threads to join."""
        end = time.time() + seconds
        threads = [threading.Thread(target=self.client, args=(number, end)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def client(self, number, end):
        dice = self.dice[number]
        time.sleep(dice.random())
        while time.time() < end:
            self.perform(self.think_of(number, dice))
            time.sleep(dice.random() * 0.3)

    def think_of(self, client, dice):
        verb = dice.choices(list(VERBS), list(VERBS.values()))[0]
        package = scene.PACKAGES[dice.choice(list(scene.PACKAGES))]
        version, kernel = dice.choice(package.versions), dice.choice(self.trees.kernels)
        stdio, no_wait, chance = dice.random() < 0.35, dice.random() < 0.2, dice.random()
        module = f'{package.name}/{version}'
        about = {'module': package.name, 'version': version, 'kernel': kernel}
        with self.lock:
            self.count += 1
            count = self.count
        if verb in ('install', 'build', 'uninstall', 'unbuild', 'remove'):
            words = [verb, module, '-k', kernel]
        elif verb == 'rebuild-force':
            words = ['build', module, '-k', kernel, '--force']
        elif verb in ('uninstall-all', 'unbuild-all', 'remove-all'):
            words = [verb.removesuffix('-all'), module, '--all']
        elif verb == 'dkms-remove':
            words, stdio, no_wait = ['remove', module, '-k', kernel], False, False
        elif verb == 'add':
            words = ['add', module]
        elif verb == 'import':
            with self.lock:
                self.changes += 1
                about['change'] = self.changes
            words = ['import', self.trees.changed_source(package.name, version, about['change']), '--force']
        elif verb == 'autoinstall':
            words = ['autoinstall', '-k', kernel]
        elif verb == 'check':
            words = ['check', '--repair']
        elif verb in ('cancel', 'wait'):
            with self.lock:
                recent = self.known_jobs[-8:]
            if not recent:
                return self.call(count, client, 'status', ['status', '--json'], stdio)
            return self.call(count, client, verb, [verb, recent[int(chance * len(recent))]], False)
        elif verb == 'wait-kernel':
            words, no_wait = ['wait', '-k', kernel], False
        else:
            words, no_wait = [verb], False
        if verb not in ('dkms-remove', 'wait-kernel'):
            words.append('--json')
        if no_wait and not stdio and verb not in ('wait', 'status', 'jobs'):
            words.append('--no-wait')
        return self.call(count, client, verb, words, stdio and verb not in ('jobs', 'wait-kernel'), **about)

    def call(self, number, client, verb, words, stdio, **about):
        return Call(number, client, verb, words, stdio, **about)

    def perform(self, call):
        """Runs it to its end."""
        program = self.programs / ('dkms' if call.verb == 'dkms-remove' else 'dkmsctl')
        words = [program, *call.words, *(['--dkmstree', scene.TREE] if call.stdio else [])]
        call.began = time.time()
        call.process = subprocess.Popen(words, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, errors='replace')
        with self.lock:
            self.calls.append(call)
        try:
            call.out, call.err = call.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.hanging.append(call)
            call.process.send_signal(signal.SIGABRT)
            call.out, call.err = call.process.communicate()
        call.ended, call.code = time.time(), call.process.returncode
        job = call.json.get('job') or next((one['id'] for one in call.json.get('jobs', []) if not call.stdio and one.get('id')), None)
        if job and call.verb not in ('jobs', 'status', 'wait'):
            with self.lock:
                self.known_jobs.append(job)
        return call

    def kill_one_without_service(self, dice):
        """The client, or the dkmsd that it has started."""
        with self.lock:
            running = [one for one in self.calls if one.stdio and one.code is None and one.process and one.process.poll() is None]
        if not running:
            return None
        call = dice.choice(running)
        victim = call.process.pid
        if dice.random() < 0.5:
            children = pathlib.Path(f'/proc/{victim}/task/{victim}/children')
            try:
                victim = int((children.read_text().split() or [victim])[0])
            except (OSError, ValueError):
                return None
        call.killed = True
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return call
