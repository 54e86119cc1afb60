# SPDX-License-Identifier: LGPL-2.1-or-later
"""A command below the injector, and what has come of it."""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

INJECTOR = scratch.BUILD / 'tests' / 'torture' / 'injector'
PATIENCE = 120  # seconds, after which a command is said to hang


class Ended:
    """What a verb has come to, and what the injector has seen."""

    def __init__(self, code, err, log, value=None):
        self.code, self.err, self.log, self.value = code, err, log, value or {}
        self.lines = [line.split(' ', 1) for line in log.read_text(errors='replace').splitlines()] if log.exists() else []
        self.hung = code is None
        self.faults = [text for kind, text in self.lines if kind == 'fault']

    def counts(self):
        return {tuple(text.split()[:2]): int(text.split()[2]) for kind, text in self.lines if kind == 'count'}


def inject(place, options, command):
    """The words and the log of a command below the injector."""
    log = place.root.parent / 'log'
    log.unlink(missing_ok=True)
    return [*map(str, [INJECTOR, '--below', place.root, '--log', log, *options, '--']), *map(str, command)], log


def environment(place):
    result = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(place.root), 'LANG': 'C.UTF-8'}
    result |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
    result['ASAN_OPTIONS'] = result.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
    return result


def run_alone(place, words, options=()):
    """Without a bus."""
    command, log = inject(place, options, [scratch.BUILD / 'client' / 'dkmsctl', *words, *place.words()])
    with subprocess.Popen(command, env=environment(place), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors='replace') as process:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return Ended(None, 'it does not end', log)
    return Ended(process.returncode, err + out, log)
