# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many real jobs of many clients at a time: whether each ends, once, and what it costs."""

import multiprocessing
import pathlib
import re
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'bus'))
import wire  # noqa: E402

SIGNAL = 4
RULE = "type='signal',interface='org.dkms1.Manager',member='JobRemoved'"


class Submitter:
    """A client that asks for a job, waits for its end, and asks for the next."""

    def __init__(self, address):
        self.line = wire.Wire(address)
        self.ends = {}  # of every job that was heard of: its results
        serial = self.line.send('AddMatch', 's', wire.text(RULE), interface='org.freedesktop.DBus', path='/org/freedesktop/DBus',
                                destination='org.freedesktop.DBus')
        self.line.read_reply(serial)

    def hear(self):
        kind, answers, error, body = self.line.read_message()
        if kind != SIGNAL:
            return answers, error, body
        if len(body) > 12:
            job, size = struct.unpack_from('<QI', body)
            at = 12 + size + 1
            at += -at % 4
            length = struct.unpack_from('<I', body, at)[0]
            self.ends.setdefault(job, []).append(body[at + 4:at + 4 + length].decode())
        return None, None, b''

    def do(self, verb, module, kernel):
        """The job's number."""
        serial = self.line.send(verb, 'ssasa{sv}', wire.request(module, '1.0', [kernel]))
        while True:
            answers, error, body = self.hear()
            if answers == serial:
                break
        if error:
            raise RuntimeError(f'{verb} {module}: {error} {body!r}')
        job = struct.unpack_from('<Q', body)[0]
        while job not in self.ends:
            self.hear()
        return job


def client(words):
    """Its jobs, and how each of all that it heard of has ended."""
    address, module, kernel, rounds = words
    submitter = Submitter(address)
    jobs = [submitter.do(verb, module, kernel) for _ in range(rounds) for verb in ('Build', 'Unbuild')]
    return {job: submitter.ends[job] for job in jobs}


def looks(words):
    """Seconds of each ListModules, one after the other, until the other side of a pipe is closed."""
    address, stop = words
    line = wire.Wire(address)
    seconds = []
    while not stop.is_set():
        began = time.perf_counter()
        line.read_reply(line.send('ListModules', *wire.EMPTY_FILTER))
        seconds.append(time.perf_counter() - began)
        time.sleep(0.05)
    return seconds


def figures_of(pid):
    """Kilobytes in memory, and open descriptors."""
    resident = int(re.search(r'^VmRSS:\s+(\d+) kB', pathlib.Path(f'/proc/{pid}/status').read_text(), re.M)[1])
    return resident, len(list(pathlib.Path(f'/proc/{pid}/fd').iterdir()))


def run(address, modules, kernel, rounds):
    """Each module by a client of its own. Results of all jobs; seconds; seconds of the looks meanwhile, sorted."""
    with multiprocessing.Manager() as manager, multiprocessing.Pool(len(modules) + 1) as pool:
        stop = manager.Event()
        looking = pool.apply_async(looks, ((address, stop),))
        began = time.perf_counter()
        results = {}
        for ends in pool.map(client, [(address, module, kernel, rounds) for module in modules], chunksize=1):
            assert not results.keys() & ends.keys(), 'a number was given out twice'
            results |= ends
        seconds = time.perf_counter() - began
        stop.set()
        return results, seconds, sorted(looking.get())
