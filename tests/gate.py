# SPDX-License-Identifier: LGPL-2.1-or-later
"""A module whose build waits until the test lets it go on."""

import os
import signal

PATIENCE = 120  # seconds after which something that should happen counts as never happening


def directive(name, fifo):
    """Text for the dkms.conf of module `name`, version 1.0: its build waits at `fifo`, as builds see it."""
    return f'MAKE[0]="read line < {fifo}; make -C $kernel_source_dir M=$dkms_tree/{name}/1.0/build modules"\n'


class Gate:
    """The fifo at `path`, which is made. Not below /tmp: builds have a /tmp of their own."""

    def __init__(self, path):
        self.path = path
        self.ends = []
        os.mkfifo(path)

    def wait_for_build(self):
        """Returns when a build stands at the gate. The next one will find a fifo of its own: while this one is being killed, it
        must not take what is meant for its successor."""
        def give_up(*_):
            raise AssertionError('no build has come to the gate')
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(PATIENCE)
        self.ends.append(os.open(self.path, os.O_WRONLY | os.O_CLOEXEC))
        signal.alarm(0)
        following = self.path.with_name(self.path.name + '.next')
        os.mkfifo(following)
        following.rename(self.path)

    def open(self):
        """Lets the build pass that came last."""
        os.write(self.ends[-1], b'go\n')

    def close(self):
        while self.ends:
            os.close(self.ends.pop())
