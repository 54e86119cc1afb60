# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service knows of the kernels of a machine: which of them lack modules."""

import json
import unittest

from service import MANAGER, BusTest

GAPS = 'KernelsMissingModules'


class GapsTest(BusTest):
    def bootable_kernel(self):
        release = self.kernel()
        (self.modules / release / 'vmlinuz').touch()
        return release

    def told_gaps(self):
        """What PropertiesChanged has said of the gaps, in order."""
        return [s[2][1][GAPS] for s in self.client.signals
                if s[1] == 'PropertiesChanged' and s[2][0] == MANAGER and GAPS in s[2][1]]

    def test_a_kernel_that_lacks_a_module_is_told_of_until_it_has_it(self):
        self.add_source()
        kernel = self.bootable_kernel()
        self.assertEqual(self.client.property(GAPS), [])
        self.client.removed(self.client.change('Add')[0])
        told = self.client.wait_for(self.told_gaps, 'that hello is missing')[0]
        self.assertEqual(self.client.property(GAPS), told)
        self.assertEqual([(gap['kernel'], gap['boots_next'], gap['sentence']) for gap in told],
                         [(kernel, True, f'{kernel} boots next and lacks hello.')])
        self.assertEqual([(m['name'], m['version'], m['state']) for m in told[0]['missing']], [('hello', '1.0', 'missing')])

        self.client.removed(self.client.change('Install', kernels=[kernel])[0])
        self.client.wait_for(lambda: self.told_gaps()[-1] == [], 'that nothing is missing')
        self.assertEqual(self.client.property(GAPS), [])
        self.assertEqual(len(self.told_gaps()), 2, 'what has not changed is not told')

    def test_a_failed_build_is_the_reason(self):
        source = self.add_source()
        (source / 'hello.c').write_text('this is not C\n')
        kernel = self.bootable_kernel()
        self.client.removed(self.client.change('Install', kernels=[kernel])[0])
        missing = self.client.property(GAPS)[0]['missing'][0]
        self.assertEqual((missing['state'], missing['reason']), ('failed', "build: unknown type name 'this'"))

    def test_status_says_it_with_a_service_and_without(self):
        self.add_source()
        kernel = self.bootable_kernel()
        self.client.removed(self.client.change('Add')[0])
        sentence = f'{kernel} boots next and lacks hello.\n'
        trees = ['--dkmstree', self.tree, '--sourcetree', self.sources, '--installtree', self.modules]
        for words in ([], trees):
            self.assertIn(sentence, self.status(*words))
            self.assertIn(sentence, self.status('-k', kernel, *words))
            self.assertNotIn(sentence, self.status('-k', '0.*', *words))
            self.assertNotIn(sentence, self.status('hello', *words))
            gaps = json.loads(self.status('--json', *words))['kernels_missing_modules']
            self.assertEqual([(gap['kernel'], gap['missing'][0]['name']) for gap in gaps], [(kernel, 'hello')])
            self.assertNotIn('kernels_missing_modules', json.loads(self.status('--json', 'hello', *words)))

    def status(self, *words):
        return self.finish(self.dkmsctl('status', *words))


if __name__ == '__main__':
    unittest.main()
