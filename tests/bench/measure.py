# SPDX-License-Identifier: LGPL-2.1-or-later
"""Timing of commands, and the table that results go into."""

import os
import statistics
import subprocess
import time

ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LANG': 'C.UTF-8'}


def seconds(command, **environment):
    """How long a command takes. It must succeed."""
    began = time.perf_counter()
    finished = subprocess.run(command, env=ENVIRONMENT | environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    took = time.perf_counter() - began
    if finished.returncode:
        raise RuntimeError(f'{command}: exit code {finished.returncode}\n{finished.stdout}')
    return took


def medians(runs, **contenders):
    """Runs functions that return seconds in turn, `runs` times each; the median of each. What happens to the machine
    meanwhile happens to all of them."""
    results = {name: [] for name in contenders}
    for _ in range(runs):
        for name, contender in contenders.items():
            results[name].append(contender())
    return {name: statistics.median(values) for name, values in results.items()}


class Table:
    """Lines of: what, ours, the other's, ratio, what we aim at."""

    @staticmethod
    def header():
        processors = len(os.sched_getaffinity(0))
        print(f'{"":52} {"dkmsd":>11} {"other":>11} {"ratio":>7}  aim            ({processors} processors)')

    def line(self, what, ours, other=None, aim=''):
        """Both in seconds."""
        ratio = f'{ours / other:7.3g}' if other else '       '
        print(f'{what:52} {self.time(ours)} {self.time(other)} {ratio}  {aim}', flush=True)

    def plain(self, what, value, aim=''):
        print(f'{what:52} {value:>11} {"":11} {"":7}  {aim}', flush=True)

    @staticmethod
    def time(value):
        if value is None:
            return ' ' * 11
        return f'{value * 1000:8.1f} ms' if value < 1 else f'{value:9.2f} s'
