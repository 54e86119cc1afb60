# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the service answers and works while others call it without a pause."""

import pathlib
import re
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'bus'))
import callers  # noqa: E402
import wire  # noqa: E402


class Floods:
    """On a private bus with a service. Use as a context manager: the callers end with it."""

    def __init__(self, bus):
        self.socket = bus.address.removeprefix('unix:path=')
        self.line = wire.Wire(self.socket)
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in self.processes:
            process.end()
        self.line.close()

    def begin(self, work, steps):
        process = wire.Process(work)
        self.processes.append(process)
        process.wait_for_steps(steps)

    def flood(self):
        self.begin(callers.flood(self.socket), 20)

    def never_read(self, connections):
        """One call each of many connections, and very many calls of three."""
        self.begin(callers.deaf(self.socket, connections, 1, 1), 1)
        self.begin(callers.deaf(self.socket), 1)

    def seconds_to_read_a_property(self, times):
        """Median and maximum."""
        took = []
        for _ in range(times):
            began = time.perf_counter()
            serial = self.line.send('Get', 'ss', wire.text('org.dkms1.Manager') + wire.text('Version'),
                                    interface='org.freedesktop.DBus.Properties')
            error, _ = self.line.read_reply(serial)
            took.append(time.perf_counter() - began)
            if error:
                raise RuntimeError(error)
        return statistics.median(took), max(took)


def resident(pid):
    """Megabytes."""
    return int(re.search(r'VmRSS:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text())[1]) / 1024
