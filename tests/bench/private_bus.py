# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus of one's own that can start dkmsd, and what can be seen of a running process."""

import os
import pathlib
import re
import signal
import subprocess
import time

import measure
import scratch

CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={directory}/socket</listen>
  <servicedir>{directory}</servicedir>
  {limits}
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
'''


class PrivateBus:
    """Use as a context manager: the bus and the service end with it."""

    def __init__(self, directory, arguments=(), limits=None):
        """`arguments`: of dkmsd. `limits`: of the bus, name and number."""
        directory.mkdir()
        self.address = f'unix:path={directory}/socket'
        self.environment = measure.ENVIRONMENT | {'DBUS_SYSTEM_BUS_ADDRESS': self.address}
        (directory / 'config').write_text(CONFIG.format(
            directory=directory, limits=''.join(f'<limit name="{name}">{number}</limit>' for name, number in (limits or {}).items())))
        words = ' '.join(map(str, (scratch.BUILD / 'daemon' / 'dkmsd', *arguments)))
        (directory / 'org.dkms1.service').write_text(f'[D-BUS Service]\nName=org.dkms1\nExec={words}\n')
        self.bus = subprocess.Popen(['dbus-daemon', f'--config-file={directory}/config', '--nofork', '--print-address'],
                                    env=self.environment, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.bus.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop_service()
        self.bus.terminate()
        self.bus.wait()
        self.bus.stdout.close()

    def call(self, destination, path, method, *arguments):
        finished = subprocess.run(
            ['dbus-send', f'--bus={self.address}', '--print-reply=literal', f'--dest={destination}', path, method, *arguments],
            env=self.environment, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return finished.stdout

    def ping(self):
        """Seconds for a call that needs no work. Starts the service when it is not running."""
        began = time.perf_counter()
        self.call('org.dkms1', '/org/dkms1', 'org.freedesktop.DBus.Peer.Ping')
        return time.perf_counter() - began

    def service_pid(self):
        """The running service's, or None."""
        try:
            reply = self.call('org.freedesktop.DBus', '/', 'org.freedesktop.DBus.GetConnectionUnixProcessID', 'string:org.dkms1')
        except subprocess.CalledProcessError:
            return None
        return int(re.search(r'uint32 (\d+)', reply)[1])

    def start_service(self):
        self.ping()
        return self.service_pid()

    def stop_service(self):
        pid = self.service_pid()
        if not pid:
            return
        os.kill(pid, signal.SIGTERM)
        while pathlib.Path(f'/proc/{pid}/exe').exists():
            time.sleep(0.01)

    def seconds_to_first_reply(self):
        """From the start of dkmsd to its first reply: a call that starts it, less the same call when it runs."""
        self.stop_service()
        first = self.ping()
        return first - self.ping()


def private_dirty(pid):
    """Kilobytes of memory that only this process has and has written to."""
    return int(re.search(r'^Private_Dirty:\s+(\d+) kB', pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text(), re.M)[1])


def wakeups(pid, seconds):
    """How often the process was put on a processor meanwhile."""
    def switches():
        status = pathlib.Path(f'/proc/{pid}/status').read_text()
        return sum(int(number) for number in re.findall(r'ctxt_switches:\s+(\d+)', status))
    before = switches()
    time.sleep(seconds)
    return switches() - before
