# SPDX-License-Identifier: LGPL-2.1-or-later
"""A verb done by a service on a bus of its own, below the injector: bus, service and workers, not the clients."""

import json
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'bus'))
import running  # noqa: E402
import service  # noqa: E402


class OnBus:
    def __init__(self, place, inject):
        self.place = place
        self.inject = inject

    def run(self, words, second):
        """Two clients, of which the second waits in the queue or runs beside the first; what the first one was told."""
        log = None

        def wrap(command):
            nonlocal log
            wrapped, log = self.inject(command)
            return wrapped

        directory = self.place.root / 'bus'
        directory.mkdir()
        bus = service.Bus(directory, self.place.words(), wrap=wrap)
        try:
            clients = [self.start(bus, words), self.start(bus, second)]
            said = [self.end_of(client) for client in clients]
            if None in said:
                return running.Ended(None, str(said), log)
            wrong = self.jobs_that_went_wrong(bus, said)
        finally:
            self.stop(bus)
        # Then dkmsctl goes on without it, as is right where there is no service.
        never_began = 'Activated service' in (directory / 'log').read_text(errors='replace')
        return running.Ended(clients[0].returncode, said[0][1] + said[0][0], log, {'wrong': wrong, 'never began': never_began})

    def start(self, bus, words):
        """A client that cannot do without the service, when this dies before it has said which its trees are: this machine's own
        trees are none of a test's."""
        command = [service.BUILD / 'client' / 'dkmsctl', *words, '--json']
        if os.geteuid() == 0:
            command = ['unshare', '--mount', 'sh', '-ec', 'mount --bind /bin/false "$0"; exec "$@"', service.BUILD / 'daemon' / 'dkmsd', *command]
        return subprocess.Popen(command, env=bus.environment, text=True, errors='replace',
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @staticmethod
    def end_of(client):
        try:
            return client.communicate(timeout=running.PATIENCE)
        except subprocess.TimeoutExpired:
            client.kill()
            client.communicate()
            return None

    def jobs_that_went_wrong(self, bus, said):
        """Every job that a client was told of has ended, as it was told."""
        wrong = []
        for _ in range(200):  # a client may have been told to go away, and this may be when the fault comes
            listed = subprocess.run([service.BUILD / 'client' / 'dkmsctl', 'jobs', '--all', '--json'], env=bus.environment, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            if listed.returncode == 0 and all(job['state'] == 'ended' for job in json.loads(listed.stdout)['jobs']):
                break
        else:
            return [f'jobs do not end, or cannot be listed: {listed.stdout} {listed.stderr}']
        ended = {}
        for job in json.loads(listed.stdout)['jobs']:
            if job['id'] in ended:
                wrong.append(f'job {job["id"]} is listed twice')
            ended[job['id']] = job
            if job['state'] != 'ended':
                wrong.append(f'job {job["id"]} has not ended: {job["state"]}')
        for out, err in said:
            for told in json.loads(out).get('jobs', []) if out.startswith('{') else []:
                known = ended.get(told.get('id'))
                if known is None:
                    wrong.append(f'job {told.get("id")} is not known any more')
                elif known.get('result') != told.get('result'):
                    wrong.append(f'job {told["id"]} was said to be {told.get("result")}, and is {known.get("result")}')
        return wrong

    def stop(self, bus):
        """The service ends as when a system is shut down, then the bus; the injector ends after them and writes what it has seen."""
        service.stop_service(bus)
        bus.daemon.send_signal(signal.SIGTERM)
        try:
            bus.daemon.wait(running.PATIENCE)
        except subprocess.TimeoutExpired:
            bus.daemon.kill()
            bus.daemon.wait()
        bus.daemon.stdout.close()
        subprocess.run(['rm', '-rf', self.place.root / 'bus' / 'state'], check=True)
        assert os.path.isdir(self.place.root)
