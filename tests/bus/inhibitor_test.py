# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service keeps the machine on while it must: what it asks a logind for, here one of the test's own."""

import os
import select
import unittest

from service import BusTest

from gi.repository import Gio, GLib

LOGIN = 'org.freedesktop.login1'
INTERFACE = '<node><interface name="org.freedesktop.login1.Manager"><method name="Inhibit"><arg type="s" direction="in"/>' \
            '<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>' \
            '<arg type="h" direction="out"/></method></interface></node>'


class Login:
    """Gives out inhibitors and sees when they are given back."""

    def __init__(self, bus):
        self.taken = []  # what, who, why, mode
        self.ends = []
        self.connection = bus.connect()
        interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
        self.connection.register_object('/org/freedesktop/login1', interface, self.inhibit, None, None)
        self.connection.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'RequestName',
                                  GLib.Variant('(su)', (LOGIN, 0)), None, Gio.DBusCallFlags.NONE, -1, None)

    def inhibit(self, connection, sender, path, interface, method, arguments, invocation):
        self.taken.append(arguments.unpack())
        ours, theirs = os.pipe()
        self.ends.append(ours)
        invocation.return_value_with_unix_fd_list(GLib.Variant('(h)', (0,)), Gio.UnixFDList.new_from_array([theirs]))

    def held(self):
        """How many inhibitors are held now."""
        return len(self.ends) - len(select.select(self.ends, [], [], 0)[0])

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync(None)
        for end in self.ends:
            os.close(end)


class InhibitorTest(BusTest):
    def setUp(self):
        super().setUp()
        self.login = Login(self.bus)
        self.addCleanup(self.login.close)

    def wait(self, condition, what):
        """Until something that makes no signal has happened."""
        ticks = GLib.timeout_add(20, lambda: GLib.SOURCE_CONTINUE)
        try:
            return self.client.wait_for(condition, what)
        finally:
            GLib.source_remove(ticks)

    def test_while_modules_of_the_kernel_that_boots_next_are_made(self):
        gate = self.add_gated_source()
        kernel = self.kernel()
        (self.modules / kernel / 'vmlinuz').touch()
        job, _ = self.client.change('Install', 'gated', kernels=[kernel])
        gate.wait_for_build()
        self.wait(self.login.held, 'an inhibitor is taken')
        self.assertEqual(self.login.taken, [('shutdown:sleep', 'dkmsd', 'gated/1.0 is being installed for kernel '
                                             f'{kernel}, which boots next', 'block')])
        gate.open()
        self.assertEqual(self.client.removed(job)[0], 'done')
        self.wait(lambda: not self.login.held(), 'it is given back')
        self.assertEqual(len(self.login.taken), 1)
        gate.close()

    def test_not_while_modules_of_other_kernels_are_built_but_while_they_are_installed(self):
        gate = self.add_gated_source()
        kernel = self.kernel()
        (self.modules / '99.0-newer').mkdir()
        (self.modules / '99.0-newer' / 'vmlinuz').touch()
        job, _ = self.client.change('Install', 'gated', kernels=[kernel])
        gate.wait_for_build()
        self.client.property('NRunning')
        self.assertEqual(self.login.taken, [])
        gate.open()
        self.assertEqual(self.client.removed(job)[0], 'done')
        self.wait(lambda: self.login.taken and not self.login.held(), 'it is taken and given back')
        self.assertEqual([words[2] for words in self.login.taken], [f'gated/1.0 is being installed for kernel {kernel}'])
        gate.close()

    def test_a_cancelled_job_holds_nothing(self):
        gate = self.add_gated_source()
        kernel = self.kernel()
        (self.modules / kernel / 'vmlinuz').touch()
        job, path = self.client.change('Install', 'gated', kernels=[kernel])
        gate.wait_for_build()
        self.wait(self.login.held, 'an inhibitor is taken')
        self.client.cancel(path)
        self.assertEqual(self.client.removed(job)[0], 'cancelled')
        self.wait(lambda: not self.login.held(), 'it is given back')
        gate.close()


if __name__ == '__main__':
    unittest.main()
