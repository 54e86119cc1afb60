#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is reported is what is there: replaced sources, kernels that nobody knows or that are gone, scripts that fail."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()
KERNEL = KERNELS[-1] if KERNELS else ''


class TruthTest(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.module = 'hello/1.0'

    def ask(self, *words, code=0):
        result = self.trees.dkmsctl(*words)
        self.assertEqual(result.code, code, result)
        return result

    def kernel_row(self, release=KERNEL):
        """What status says of the module for a kernel; nothing if it has no row."""
        return next((row for module in self.trees.status('hello') for row in module['kernels'] if row['release'] == release), None)

    def releases(self):
        return {row['release'] for module in self.trees.status() for row in module['kernels']}

    def installed_version(self):
        file, = (self.trees.modules / KERNEL / 'updates').rglob('hello.ko*')
        return subprocess.run(['modinfo', '-F', 'version', file], text=True, check=True, stdout=subprocess.PIPE).stdout.strip()

    def source_elsewhere(self, version):
        """A directory with the module, whose C file says `version`; its dkms.conf always says 1.0."""
        here = self.trees.root / 'work'
        if not here.exists():
            shutil.copytree(scratch.SAMPLES / 'hello-1.0', here)
        code = here / 'hello.c'
        text = re.sub(r'MODULE_VERSION\(.*\);\n', '', code.read_text())
        code.write_text(text + f'MODULE_VERSION("{version}");\n')
        return str(here)


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class ReplacedSourceTest(TruthTest):
    def test_a_source_that_is_replaced_under_its_version(self):
        self.trees.add_kernel(KERNEL)
        self.ask('add', self.source_elsewhere('first'))
        self.ask('install', self.module, '-k', KERNEL)
        self.assertEqual(self.installed_version(), 'first')

        # the same source once more changes nothing
        self.ask('import', self.source_elsewhere('first'), '--force')
        self.assertNotIn('stale', self.kernel_row())

        result = self.ask('import', self.source_elsewhere('changed'), '--force')
        self.assertIn(f'{self.module} for kernel {KERNEL} was built from the source that is replaced', result.err + result.out)
        self.assertEqual((self.kernel_row()['state'], self.kernel_row()['stale']), ('installed', True))
        self.assertIn('built from a source that was replaced since', self.ask('status', 'hello').out)
        need, = (m for m in self.ask('plan', '-k', KERNEL, '--json').json['kernels'][0]['modules'] if m['name'] == 'hello')
        self.assertEqual(need['action'], 'rebuild')
        self.ask('install', self.module, '-k', KERNEL)
        self.assertEqual(self.installed_version(), 'changed')
        self.assertNotIn('stale', self.kernel_row())

        # and so does an autoinstall, also of what has no record
        (self.trees.dkms / 'hello' / '1.0' / KERNEL / scratch.ARCH / '.dkmsd.json').unlink()
        self.ask('import', self.source_elsewhere('third'), '--force')
        self.ask('autoinstall', '-k', KERNEL)
        self.assertEqual(self.installed_version(), 'third')
        self.assertNotIn('stale', self.kernel_row())

        # nothing is left of it where the build goes
        self.ask('import', self.source_elsewhere('fourth'), '--force')
        self.ask('unbuild', self.module, '-k', KERNEL)
        self.ask('install', self.module, '-k', KERNEL)
        self.assertEqual(self.installed_version(), 'fourth')
        self.assertNotIn('stale', self.kernel_row())

        # also where it lies in its place already, by either name of the program
        note = '(Source was replaced since it was built)'
        place = self.trees.sources / 'hello-1.0'
        self.ask('import', str(place), '--force')
        self.assertNotIn('stale', self.kernel_row())
        (place / 'hello.c').write_text((place / 'hello.c').read_text().replace('"fourth"', '"fifth"'))
        self.ask('import', str(place), '--force')
        self.assertIn(note, self.dkms('status').stdout)
        self.assertEqual(self.dkms('install', '.', '-k', KERNEL, '--force', cwd=place).returncode, 0)
        self.assertEqual(self.installed_version(), 'fifth')
        self.assertNotIn(note, self.dkms('status').stdout)

    def dkms(self, *words, cwd='/'):
        return subprocess.run([scratch.BUILD / 'client' / 'dkms', *words, *self.trees.words()], cwd=cwd, text=True, capture_output=True, check=False)


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class ScriptsTest(TruthTest):
    def test_scripts_that_fail(self):
        self.trees.add_kernel(KERNEL)
        source = self.trees.add_source()
        for name, code in (('post.sh', 3), ('gone.sh', 4)):
            (source / name).write_text(f'#!/bin/sh\nexit {code}\n')
            (source / name).chmod(0o755)
        with open(source / 'dkms.conf', 'a') as conf:
            conf.write('POST_INSTALL="post.sh"\nPOST_REMOVE="gone.sh"\n')
        self.ask('add', self.module)
        result = self.ask('install', self.module, '-k', KERNEL)
        self.assertIn('POST_INSTALL (exit code 3)', result.out + result.err)
        self.assertEqual(self.kernel_row()['failed_scripts'], ['POST_INSTALL (exit code 3)'])
        self.assertIn('POST_INSTALL (exit code 3) failed', self.ask('status', 'hello').out)
        result = self.ask('uninstall', self.module, '-k', KERNEL)
        self.assertIn('POST_REMOVE (exit code 4)', result.out + result.err)
        self.assertEqual((self.kernel_row()['state'], self.kernel_row()['note']),
                         ('built', 'POST_REMOVE (exit code 4) failed when it was uninstalled'))
        (source / 'post.sh').write_text('#!/bin/sh\nexit 0\n')
        self.ask('install', self.module, '-k', KERNEL)
        self.assertNotIn('failed_scripts', self.kernel_row())


    @unittest.skipUnless(len(KERNELS) > 1, 'headers of two kernels are needed')
    def test_a_script_that_builds_what_is_being_removed(self):
        """What was built too late for the plan is removed as well."""
        one, other = KERNELS[:2]
        for release in (one, other):
            self.trees.add_kernel(release)
        source = self.trees.add_source()
        build = ' '.join(map(str, (scratch.BUILD / 'client' / 'dkmsctl', 'build', self.module, *self.trees.words())))
        (source / 'again.sh').write_text(
            f'#!/bin/sh\ncase $kernelver in {one}) k={other} ;; *) k={one} ;; esac\n'
            f'[ -d {self.trees.dkms}/hello/1.0/$k ] || {build} -k $k && echo built >> {self.trees.root}/told\n')
        (source / 'again.sh').chmod(0o755)
        with open(source / 'dkms.conf', 'a') as conf:
            conf.write('POST_REMOVE="again.sh"\n')
        self.ask('install', self.module, '-k', one, '-k', other)
        self.ask('remove', self.module, '--all')
        self.assertIn('built', (self.trees.root / 'told').read_text())
        self.assertEqual(self.trees.status('hello'), [])


class KernelsTest(TruthTest):
    def test_a_kernel_that_nobody_knows(self):
        self.trees.add_source()
        self.ask('add', self.module)
        before = self.trees.listing()
        for words in (('build', self.module), ('install', self.module), ('autoinstall',)):
            with self.subTest(words[0]):
                result = self.ask(*words, '-k', '9.9.9-typo', '--json', code=21)
                self.assertEqual(result.json['error'], 'NoSuchKernel')
                self.assertNotIn('jobs', result.json, 'refused before a job')
        self.assertEqual(self.releases(), set())
        self.assertEqual(self.trees.listing(), before)
        self.assertEqual(list(self.trees.dkms.rglob('.trouble-*')), [])

    @unittest.skipUnless(KERNELS, 'kernel headers are needed')
    def test_kernels_that_are_gone(self):
        for release in ('6.1.0-here', '6.1.0-gone'):
            directory = self.trees.modules / release
            (directory / 'kernel').mkdir(parents=True)
        headers = pathlib.Path('/lib/modules', KERNEL, 'build').resolve()
        self.trees.add_source()
        self.ask('add', self.module)
        # a build host's: known by headers that are given
        self.ask('build', self.module, '-k', KERNEL, '--kernelsourcedir', str(headers))
        # rows of what could not be built
        for release in ('6.1.0-here', '6.1.0-gone'):
            self.ask('install', self.module, '-k', release, code=21)
        self.assertEqual(self.releases(), {KERNEL, '6.1.0-here', '6.1.0-gone'})
        # a build of the kernel that goes
        build = self.trees.dkms / 'hello' / '1.0' / '6.1.0-old' / scratch.ARCH
        shutil.copytree(self.trees.dkms / 'hello' / '1.0' / KERNEL / scratch.ARCH, build)
        (build / '.dkmsd.json').unlink()
        shutil.rmtree(self.trees.modules / '6.1.0-gone')

        said = self.ask('prune', '--json').json
        self.assertEqual(said['exit_code'], 0)
        self.assertIn('6.1.0-old', json.dumps(said['jobs']))
        self.assertEqual(self.releases(), {KERNEL, '6.1.0-here'})
        self.assertFalse(build.parent.exists())
        self.ask('prune')
        self.assertEqual(self.releases(), {KERNEL, '6.1.0-here'})

        # a directory that is not mounted is no reason to delete everything
        self.trees.modules.rename(self.trees.root / 'aside')
        self.trees.modules.mkdir()
        self.assertIn('cannot be told', self.ask('prune', code=2).err)
        self.assertEqual(self.releases(), {KERNEL, '6.1.0-here'})

    @unittest.skipUnless(KERNELS, 'kernel headers are needed')
    def test_what_is_removed_from_a_kernel_stays_in_the_tree(self):
        self.trees.add_kernel(KERNEL)
        self.trees.add_source()
        self.ask('install', self.module, '-k', KERNEL)
        self.assertIn('stays in the tree', self.ask('remove', self.module, '-k', KERNEL).out)
        self.assertEqual([(m['version'], m['kernels']) for m in self.trees.status('hello')], [('1.0', [])])
        self.ask('remove', self.module, '--all')
        self.assertEqual(self.trees.status('hello'), [])

    def test_waiting_for_a_kernel_of_which_nothing_can_be_said(self):
        (self.trees.modules / '6.1.0-headers' / 'build').mkdir(parents=True)
        for release in ('6.1.0-headers', '6.1.0-none'):
            said = json.loads(self.ask('wait', '-k', release, '--json', code=6).out)
            self.assertEqual(said['error'], 'NoSuchKernel')
        (self.trees.modules / '6.1.0-other' / 'kernel').mkdir(parents=True)
        self.ask('wait', '-k', '6.1.0-other')
        self.assertEqual(json.loads(self.ask('wait', '-k', '6.1.0-other/unheard-of', '--json', code=1).out)['error'], 'NotSupported')


if __name__ == '__main__':
    unittest.main()
