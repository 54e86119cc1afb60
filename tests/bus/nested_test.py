# SPDX-License-Identifier: LGPL-2.1-or-later
"""A script of a step asks for another job, by whatever way: the lock that the step holds is held for it, too."""

import unittest

from service import BUILD, BusTest


class NestedTest(BusTest):
    def setUp(self):
        super().setUp()
        self.release = self.kernel()
        self.trees = [f'--dkmstree={self.tree}', f'--sourcetree={self.sources}', f'--installtree={self.modules}']

    def add_script(self, name, text):
        """A module whose POST_INSTALL does something; what it prints lies in <name>.said."""
        script = self.add_source(name, more=f'POST_INSTALL="nested.sh"\nDEST_MODULE_NAME[0]="{name}"\n') / 'nested.sh'
        script.write_text(f'#!/bin/sh\nexport DBUS_SYSTEM_BUS_ADDRESS={self.bus.address}\n'
                          f'( {text} ) > {self.directory}/{name}.said 2>&1\necho "exit code $?" >> {self.directory}/{name}.said\n')
        script.chmod(0o755)

    def said(self, name):
        return (self.directory / f'{name}.said').read_text()

    def check_installed(self, *names):
        found = {m['name']: [k['state'] for k in m['kernels']] for m in self.client.call('ListModules', '(a{sv})', ({},))[0]}
        self.assertEqual(found, {name: ['installed'] for name in names}, [self.said(n) for n in names[:1]])

    def test_bus_within_bus_less_within_bus_less(self):
        """Three deep: the outermost names the trees, the others would go over the bus; one of them by its old name."""
        programs = BUILD / 'client'
        self.add_script('outer', f'{programs}/dkmsctl install middle/1.0 -k {self.release}')
        self.add_script('middle', f'{programs}/dkms install inner/1.0 -k {self.release}')
        self.add_source('inner', more='DEST_MODULE_NAME[0]="inner"\n')
        self.client.properties()
        self.finish(self.dkmsctl('install', 'outer/1.0', '-k', self.release, *self.trees))
        for name in ('outer', 'middle'):
            self.assertIn('exit code 0', self.said(name))
        self.check_installed('outer', 'middle', 'inner')
        self.assertEqual(self.client.call('ListJobs', '(t)', (0,))[0], [], 'the service had nothing to do with it')

    def test_bus_less_within_bus(self):
        self.add_script('outer', f'{BUILD}/client/dkmsctl install inner/1.0 -k {self.release} {" ".join(self.trees)}')
        self.add_source('inner', more='DEST_MODULE_NAME[0]="inner"\n')
        self.finish(self.dkmsctl('install', 'outer/1.0', '-k', self.release))
        self.assertIn('exit code 0', self.said('outer'))
        self.check_installed('outer', 'inner')

    def test_bus_within_bus(self):
        self.add_script('outer', f'{BUILD}/client/dkmsctl install inner/1.0 -k {self.release}')
        self.add_source('inner', more='DEST_MODULE_NAME[0]="inner"\n')
        self.finish(self.dkmsctl('install', 'outer/1.0', '-k', self.release))
        self.assertIn('exit code 0', self.said('outer'))
        self.check_installed('outer', 'inner')

    def test_another_program_within_bus_less(self):
        """It cannot be helped, but does not wait for ever."""
        self.add_script('outer', 'gdbus call --address "$DBUS_SYSTEM_BUS_ADDRESS" --dest org.dkms1 --object-path /org/dkms1 '
                                 '--method org.dkms1.Manager.Add inner 1.0 "{}"')
        self.add_source('inner')
        self.add_source('beside')
        self.client.properties()
        self.finish(self.dkmsctl('install', 'outer/1.0', '-k', self.release, *self.trees))
        self.assertIn('org.dkms1.Error.Interrupted', self.said('outer'))
        self.assertIn('from inside a step of dkmsd', self.said('outer'))
        self.assertEqual(self.client.removed(self.client.change('Add', 'beside')[0])[0], 'done')


if __name__ == '__main__':
    unittest.main()
