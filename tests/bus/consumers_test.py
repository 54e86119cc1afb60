# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two consumers that are not ours: code generated from the interface's XML, within a software centre's limits."""

import subprocess
import unittest

from service import BUILD, PATIENCE, BusTest

LIMIT = '1'  # seconds for what lists something, the service's start included


class ConsumersTest(BusTest):
    def run_consumer(self, name, *words):
        program = BUILD / 'tests' / 'bus' / name
        if not program.exists():
            self.skipTest(f'{name} was not built: its library is missing')
        ran = subprocess.run([program, '--limit', LIMIT, *words], env=self.bus.environment, text=True, capture_output=True,
                             timeout=PATIENCE, check=False)
        self.assertEqual(ran.returncode, 0, f'stdout: {ran.stdout}\nstderr: {ran.stderr}')
        return ran.stdout.splitlines()

    def install(self, name):
        self.add_source()
        said = self.run_consumer(name, 'hello', '1.0', self.kernel())
        self.assertEqual((said[0], said[-1]), ('activatable', 'result done'))

    def cancel(self, name):
        gate = self.add_gated_source()
        said = self.run_consumer(name, '--cancel', 'gated', '1.0', self.kernel())
        self.assertIn('asked to cancel', said)
        self.assertEqual(said[-1], 'result cancelled')
        gate.path.unlink()

    def test_gdbus_installs(self):
        self.install('gdbus-consumer')

    def test_gdbus_cancels(self):
        self.cancel('gdbus-consumer')

    def test_qt_installs(self):
        self.install('qt-consumer')

    def test_qt_cancels(self):
        self.cancel('qt-consumer')


if __name__ == '__main__':
    unittest.main()
