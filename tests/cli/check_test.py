# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is wrong in the trees is found, and what is certain is repaired; a sound tree stays as it is."""

import io
import json
import os
import pathlib
import shutil
import sys
import tarfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / 'dkms'))
import elf  # noqa: E402
import scratch  # noqa: E402

KERNEL, GONE = '6.6.6-1-test', '6.6.6-0-gone'
ARCH = scratch.ARCH
CONF = 'PACKAGE_NAME="hello"\nPACKAGE_VERSION="1.0"\nBUILT_MODULE_NAME[0]="hello"\nDEST_MODULE_LOCATION[0]="/kernel/extra"\n'


class Check(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        kernel = self.trees.modules / KERNEL
        (kernel / 'kernel' / 'misc').mkdir(parents=True)
        for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo', 'modules.dep'):
            (kernel / name).touch()
        self.original = kernel / 'kernel' / 'misc' / 'hello.ko'
        self.original.write_bytes(elf.module_bytes(KERNEL, ARCH, version='0.5'))
        self.module = self.trees.dkms / 'hello'
        self.version = self.module / '1.0'

    def install(self, release=KERNEL):
        path = self.trees.root / 'hello.dkms.tar.gz'
        with tarfile.open(path, 'w:gz') as archive:
            for name, data in (('dkms_source_tree/dkms.conf', CONF.encode()),
                               (f'dkms_main_tree/{release}/{ARCH}/module/hello.ko', elf.module_bytes(release, ARCH, version='1.0')),
                               (f'dkms_main_tree/{release}/{ARCH}/log/make.log', b'')):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        self.succeed('import', path, '--force')
        if release == KERNEL:
            self.succeed('install', 'hello/1.0', '-k', f'{KERNEL}/{ARCH}')

    def succeed(self, *words):
        result = self.trees.dkmsctl(*words)
        self.assertEqual(result.code, 0, str(result))
        return result

    def check(self, *options):
        """The problems as {path below the trees: problem}, and the exit code."""
        result = self.trees.dkmsctl('check', '--json', *options)
        value = json.loads(result.out)
        self.assertEqual(value['exit_code'], result.code)
        job, = value['jobs']
        self.assertIn(job['result'], ('done', 'skipped'), str(result))
        problems = job.get('problems', [])
        return {str(pathlib.Path(one['path']).relative_to(self.trees.root)): one for one in problems}, result.code

    def test_a_sound_tree(self):
        self.install()
        before = self.trees.listing()
        self.assertEqual(self.check(), ({}, 0))
        self.assertEqual(self.check('--repair'), ({}, 0))
        self.assertEqual(self.trees.listing(), before)
        self.assertIn('found nothing wrong', self.trees.dkmsctl('check').out)
        self.succeed('remove', 'hello/1.0', '--all')
        shutil.rmtree(self.trees.dkms)
        self.assertEqual(self.trees.dkmsctl('check').code, 1, 'a tree that was named and does not exist is not sound')
        self.trees.dkms.mkdir()
        self.assertEqual(self.check(), ({}, 0))

    def test_what_is_certain_is_repaired(self):
        self.install()
        kernel = self.trees.modules / KERNEL
        half_built = self.version / '6.6.6-9-test' / ARCH / 'log'
        half_built.mkdir(parents=True)
        (half_built / 'make.log').touch()
        (self.module / '0.9' / '6.6.6-9-test').mkdir(parents=True)
        (self.version / 'build').mkdir(exist_ok=True)
        (self.version / 'build' / 'hello.o').touch()
        (self.version / '.trouble-6.6.6-9-test-x86_64.json').write_text('{')
        (self.module / f'kernel-6.6.6-8-test-{ARCH}').symlink_to(f'1.0/6.6.6-8-test/{ARCH}')
        (self.module / f'.kernel-6.6.6-7-test-{ARCH}.json').write_text('nonsense')
        archive = self.trees.dkms / 'other' / 'original_module' / KERNEL / ARCH
        archive.mkdir(parents=True)
        (archive / 'other.ko').write_bytes(elf.module_bytes(KERNEL, ARCH))
        (archive / 'other.ko.origin').write_text(f'/lib/modules/{KERNEL}/kernel/misc/other.ko\n')
        (kernel / 'kernel' / 'misc' / '.dkmsd-1234-0.new').touch()
        (kernel / 'modules.dep').write_text('')
        expected = {
            f'dkms/hello/1.0/6.6.6-9-test/{ARCH}': 'half-built',
            'dkms/hello/0.9': 'half-added',
            'dkms/hello/1.0/build': 'leftover',
            'dkms/hello/1.0/.trouble-6.6.6-9-test-x86_64.json': 'bad-record',
            f'dkms/hello/kernel-6.6.6-8-test-{ARCH}': 'bad-link',
            f'dkms/hello/.kernel-6.6.6-7-test-{ARCH}.json': 'bad-record',
            f'dkms/other/original_module/{KERNEL}/{ARCH}': 'orphaned-original',
            f'lib/modules/{KERNEL}/kernel/misc/.dkmsd-1234-0.new': 'leftover',
            f'lib/modules/{KERNEL}/modules.dep': 'index-outdated',
        }
        before = self.trees.listing()
        found, code = self.check()
        self.assertEqual({path: one['problem'] for path, one in found.items()}, expected)
        self.assertEqual(code, 1)
        self.assertEqual({one['certain'] for one in found.values()}, {True})
        self.assertEqual(self.trees.listing(), before, 'a check changes nothing')
        repaired, code = self.check('--repair')
        left = {path for path, one in repaired.items() if not one['repaired']}
        self.assertEqual((left, code), (set(), 0), repaired)
        self.assertEqual(self.check(), ({}, 0))
        self.assertTrue((kernel / 'kernel' / 'misc' / 'other.ko').exists())
        self.assertIn('updates/dkms/hello.ko', (kernel / 'modules.dep').read_text())
        self.assertFalse((self.module / '0.9').exists())
        self.assertEqual(self.trees.status('hello/1.0')[0]['kernels'][0]['state'], 'installed')

    def test_what_cannot_be_a_record_hides_nothing_and_makes_room_for_one(self):
        def huge(path):
            with open(path, 'wb') as file:
                file.truncate(9 << 30)

        def directory(path):
            path.mkdir()
            (path / 'inside').touch()

        record = self.module / f'.kernel-{KERNEL}-{ARCH}.json'
        for make in (os.mkfifo, directory, huge):
            with self.subTest(make.__name__):
                self.install()
                sound = self.trees.listing()
                record.unlink()
                make(record)
                self.assertTrue(self.trees.status('hello/1.0')[0]['kernels'][0]['bad_record'])
                self.assertEqual(self.trees.dkmsctl('wait', '-k', KERNEL).code, 11)
                if make == huge:  # what it says may still matter: nothing is changed until somebody has looked at it
                    self.assertEqual(self.trees.dkmsctl('remove', 'hello/1.0', '--all').code, 1)
                    break
                self.succeed('autoinstall', '-k', KERNEL)
                self.assertTrue(record.is_file())
                self.assertEqual(self.trees.listing(), sound)
                self.succeed('wait', '-k', KERNEL)
                record.unlink()
                make(record)
                self.succeed('remove', 'hello/1.0', '--all')
                self.assertFalse(self.module.exists())
                self.assertEqual([path for path in (self.trees.modules / KERNEL).rglob('hello.ko')], [self.original])

    def placed(self):
        placed, = (path for path in (self.trees.modules / KERNEL).rglob('hello.ko') if path != self.original)
        return placed

    def test_damaged_modules(self):
        """One copy is repaired from the other where that is what was built, and nothing of worth is lost by it."""
        self.install()
        placed, built = self.placed(), self.version / KERNEL / ARCH / 'module' / 'hello.ko'
        good = built.read_bytes()
        index = self.trees.modules / KERNEL / 'modules.dep'

        def damaged(path, change, kind):
            with self.subTest(path=path, kind=kind, change=change):
                path.unlink()
                change(path)
                before = self.trees.listing()
                found, code = self.check()
                self.assertEqual((found[str(path.relative_to(self.trees.root))]['problem'], code), (kind, 1))
                self.assertEqual(self.trees.listing(), before)
                problems, code = self.check('--repair')
                return problems[str(path.relative_to(self.trees.root))], code

        def repaired(path, change, kind):
            problem, code = damaged(path, change, kind)
            self.assertEqual((problem['repaired'], code), (True, 0), problem)
            self.assertEqual((placed.read_bytes(), built.read_bytes()), (good, good))
            self.assertIn('updates/dkms/hello.ko', index.read_text())
            self.assertEqual(self.check(), ({}, 0))

        repaired(placed, lambda path: None, 'module-missing')
        repaired(placed, lambda path: path.touch(), 'module-differs')
        repaired(placed, lambda path: path.write_bytes(good[:len(good) // 2]), 'module-differs')
        for change in (lambda path: None, lambda path: path.touch(), lambda path: path.write_bytes(good[:len(good) // 2])):
            repaired(built, change, 'build-damaged')
        # Another module, a link and a FIFO are someone's; a build that is damaged itself repairs nothing.
        left = [lambda path: path.write_bytes(elf.module_bytes(KERNEL, ARCH, version='3.0')), lambda path: path.symlink_to('/etc/passwd'), os.mkfifo]
        for change in left:
            problem, code = damaged(placed, change, 'module-differs')
            self.assertEqual((problem['certain'], problem['repaired'], code), (False, False, 1))
        built.unlink()
        os.mkfifo(built)
        self.assertFalse(self.check('--repair')[0][str(built.relative_to(self.trees.root))]['repaired'])
        built.unlink()
        placed.unlink()
        built.write_bytes(elf.module_bytes(KERNEL, ARCH, version='1.0', signer='me'))
        problems, code = self.check('--repair')
        self.assertEqual({(one['problem'], one['repaired']) for one in problems.values() if one['problem'] != 'index-outdated'},
                         {('module-missing', False), ('build-damaged', False)})
        self.assertIn(f'dkmsctl build hello/1.0 -k {KERNEL}/{ARCH} --force', self.trees.dkmsctl('check').out)

    def test_modules_that_have_replaced_others(self):
        """A module below another one, which has taken its place, is where it belongs: that is not repaired."""
        self.install()
        source = self.trees.root / 'rival'
        source.mkdir()
        (source / 'dkms.conf').write_text(CONF.replace('="hello"\nPACKAGE_V', '="rival"\nPACKAGE_V'))
        path = self.trees.root / 'rival.dkms.tar.gz'
        with tarfile.open(path, 'w:gz') as archive:
            archive.add(source / 'dkms.conf', 'dkms_source_tree/dkms.conf')
            data = elf.module_bytes(KERNEL, ARCH, version='9.9')
            member = tarfile.TarInfo(f'dkms_main_tree/{KERNEL}/{ARCH}/module/hello.ko')
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        self.succeed('import', path)
        self.succeed('install', 'rival/1.0', '-k', f'{KERNEL}/{ARCH}')
        before = self.trees.listing()
        self.assertEqual(self.check('--repair'), ({}, 0))
        self.assertEqual(self.trees.listing(), before)

    def test_what_is_in_the_place_of_an_original(self):
        """An original that nothing replaces is not dropped because something else lies there now."""
        archive = self.trees.dkms / 'other' / 'original_module' / KERNEL / ARCH
        archive.mkdir(parents=True)
        (archive / 'other.ko').write_bytes(elf.module_bytes(KERNEL, ARCH))
        (archive / 'other.ko.origin').write_text(f'/lib/modules/{KERNEL}/kernel/misc/other.ko\n')
        (self.original.parent / 'other.ko').write_bytes(b'something else')
        found, code = self.check('--repair')
        self.assertEqual([(one['problem'], one['repaired']) for one in found.values()], [('orphaned-original', False)])
        self.assertTrue((archive / 'other.ko').exists())

    def test_leftovers_of_others(self):
        """A temporary of a process that runs is left, and what a killed dkms has left is not: a build without modules, drafts."""
        self.install()
        kernel = self.trees.modules / KERNEL
        (kernel / 'kernel' / 'misc' / f'.dkmsd-{os.getpid()}-0123456789abcdef-0.new').touch()
        empty = self.version / '6.6.6-9-test' / ARCH / 'module'
        empty.mkdir(parents=True)
        (self.version / f'..make-{KERNEL}-{ARCH}.log.new').touch()
        (self.module / f'..kernel-{KERNEL}-{ARCH}.json.Xy12zA').touch()
        (self.trees.dkms / 'nothing').mkdir()
        found, code = self.check('--repair')
        self.assertEqual({(one['problem'], one['repaired']) for one in found.values()},
                         {('leftover', False), ('leftover', True), ('half-built', True), ('half-added', True)}, found)
        self.assertEqual((len(found), code), (5, 1))

    def test_what_is_not_certain_is_told_and_left(self):
        self.install()
        self.install(GONE)
        placed = self.placed()
        unknown = placed.parent / 'mystery.ko'
        unknown.write_bytes(b'?')
        ours = self.trees.modules / KERNEL / 'updates' / 'dkms'
        ours.mkdir(parents=True, exist_ok=True)
        (ours / 'mystery.ko').write_bytes(b'?')
        if unknown.parent != ours:
            unknown.unlink()
        placed.write_bytes(elf.module_bytes(KERNEL, ARCH, version='3.0'))
        notes = self.module / '0.9'
        notes.mkdir()
        (notes / 'notes').write_text('mine')
        (self.version / 'source').unlink()
        shutil.rmtree(self.trees.sources / 'hello-1.0')
        before = self.trees.listing()
        for option in ((), ('--repair',)):
            found, code = self.check(*option)
            self.assertEqual({path: one['problem'] for path, one in found.items()}, {
                'dkms/hello/0.9': 'half-added',
                'dkms/hello/1.0/source': 'source-missing',
                f'dkms/hello/1.0/{GONE}/{ARCH}': 'kernel-gone',
                f'lib/modules/{KERNEL}/updates/dkms/hello.ko': 'module-differs',
                f'lib/modules/{KERNEL}/updates/dkms/mystery.ko': 'unknown-module',
            })
            self.assertEqual({(one['certain'], one['repaired']) for one in found.values()}, {(False, False)})
            self.assertEqual(code, 1)
            self.assertEqual(self.trees.listing(), before)
        said = self.trees.dkmsctl('check')
        self.assertIn('check  5 problems', said.out)
        self.assertIn(f'dkmsctl install hello/1.0 -k {KERNEL}/{ARCH}', said.out)
        self.assertEqual(self.trees.dkmsctl('check', '-q').out, '')

    def test_what_cannot_be_read_is_no_clean_bill(self):
        self.install()
        self.version.chmod(0)
        self.addCleanup(self.version.chmod, 0o755)
        self.assertNotEqual(self.trees.dkmsctl('check', as_nobody=True).code, 0)


if __name__ == '__main__':
    unittest.main()
