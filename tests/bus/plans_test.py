# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is asked for while others change the same module: done with what is there then, never with what was seen before."""

import subprocess
import unittest

from service import BUILD, BusTest, Client, GLib


class PlansTest(BusTest):
    def modules_of(self, name):
        """Of each version of a module its states by kernel."""
        return {m['version']: {k['release']: k['state'] for k in m['kernels']}
                for m in self.client.call('ListModules', '(a{sv})', ({},))[0] if m['name'] == name}

    def installed_files(self, kernel):
        return list((self.modules / kernel / 'updates').rglob('hello.ko*'))

    def dkms_beside(self, *words):
        """dkmsctl with trees that are named, so that it works without the service, beside it."""
        trees = ('--dkmstree', self.tree, '--sourcetree', self.sources, '--installtree', self.modules)
        return subprocess.Popen([BUILD / 'client' / 'dkmsctl', *words, *trees], env=self.bus.environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_until_it_waits(self, process):
        """For the tree's lock."""
        for line in process.stderr:
            if 'waiting for dkmsd' in line:
                return
        self.fail('it does not wait')

    def test_what_is_taken_away_while_it_is_being_built(self):
        kernel = self.kernel()
        other = Client(self.bus)
        self.addCleanup(other.close)
        for verb, options, left in (('Uninstall', {}, 'built'), ('Unbuild', {'all': True}, None), ('Remove', {'all': True}, None)):
            with self.subTest(verb):
                name = f'gated-{verb.lower()}'
                gate = self.add_gated_source(name)
                # Nobody waits for the first, so what somebody waits for would go before it.
                first = self.client.call('Install', '(ssasa{sv})', (name, '1.0', [kernel], {}))[0]
                gate.wait_for_build()
                words = {key: GLib.Variant('b', value) for key, value in options.items()}
                away = other.change(verb, name, kernels=[] if options else [kernel], options=words)[0]
                # and once more: what a package's script asks for beside it
                again = self.client.change(verb, name, kernels=[] if options else [kernel], options=words)[0]
                self.assertEqual(again, away, 'joined: nothing else came between')
                gate.open()
                self.assertEqual(self.client.removed(first)[0], 'done')
                self.assertEqual(self.client.removed(away)[0], 'done', 'it had something to do')
                self.assertEqual(self.installed_files(kernel), [])
                self.assertEqual(self.modules_of(name),
                                 {} if verb == 'Remove' else {'1.0': {kernel: left} if left else {}})
                gate.close()

    def test_an_install_that_comes_after_a_removal(self):
        kernel = self.kernel()
        gate = self.add_gated_source()
        build = self.client.change('Build', 'gated', kernels=[kernel])[0]
        gate.wait_for_build()
        away = self.client.change('Remove', 'gated', options={'all': GLib.Variant('b', True)})[0]
        back = self.client.change('Install', 'gated', kernels=[kernel])[0]
        gate.open()
        gate.wait_for_build()  # it was removed, and is added and built once more
        self.assertEqual(self.client.removed(build)[0], 'done')
        self.assertEqual(self.client.removed(away)[0], 'done')
        gate.open()
        self.assertEqual(self.client.removed(back)[0], 'done')
        self.assertEqual(self.modules_of('gated'), {'1.0': {kernel: 'installed'}})
        gate.close()

    def test_a_kernel_that_is_cleared_while_a_module_is_built_for_it(self):
        kernel = self.kernel()
        gate = self.add_gated_source()
        build = self.client.change('Install', 'gated', kernels=[kernel])[0]
        gate.wait_for_build()
        clear = self.client.call('KernelPrerm', '(asa{sv})', ([kernel], {}))[0]
        complete = self.client.call('Autoinstall', '(asa{sv})', ([kernel], {}))[0]
        gate.open()
        gate.wait_for_build()  # for the autoinstall, which saw the kernel when it had been cleared
        self.assertEqual(self.client.removed(build)[0], 'done')
        self.assertEqual(self.client.removed(clear)[0], 'done')
        self.assertEqual(self.installed_files(kernel), [])
        gate.open()
        self.assertEqual(self.client.removed(complete)[0], 'done')
        self.assertEqual(len(self.installed_files(kernel)), 1)
        gate.close()

    def test_without_the_service_beside_its_lock(self):
        kernel = self.kernel()
        for words in (('unbuild', 'gated/1.0', '--all'), ('remove', 'gated/1.0', '--all')):
            with self.subTest(words[0]):
                gate = self.add_gated_source() if words[0] == 'unbuild' else gate
                job = self.client.change('Install', 'gated', kernels=[kernel])[0]
                gate.wait_for_build()
                beside = self.dkms_beside(*words)
                self.wait_until_it_waits(beside)
                gate.open()
                self.assertEqual(self.client.removed(job)[0], 'done')
                self.finish(beside)
                self.assertEqual(self.installed_files(kernel), [])
        self.assertEqual(self.modules_of('gated'), {})
        gate.close()


if __name__ == '__main__':
    unittest.main()
