# SPDX-License-Identifier: LGPL-2.1-or-later
"""What came in an archive is not installed unless the kernel will load it; and what it says has no hold on a terminal."""

import io
import pathlib
import sys
import tarfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / 'dkms'))
import elf  # noqa: E402
import scratch  # noqa: E402

KERNEL, OTHER = '6.6.6-1-test', '6.6.6-2-test'
CONF = '''PACKAGE_NAME="hello"
PACKAGE_VERSION="1.0"
BUILT_MODULE_NAME[0]="hello"
DEST_MODULE_LOCATION[0]="/kernel/extra"
POST_INSTALL="after.sh"
'''
AFTER = '#!/bin/sh\nprintf "\\033]0;title\\007\\033[2Jharmless\\n"\n'


class Verification(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        for release in (KERNEL, OTHER):
            (self.trees.modules / release).mkdir()

    def archive(self, content):
        """As dkms mktarball writes one, with these bytes as hello.ko."""
        path = self.trees.root / 'hello.dkms.tar.gz'
        with tarfile.open(path, 'w:gz') as archive:
            def put(name, data, mode=0o644):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), mode
                archive.addfile(member, io.BytesIO(data))
            put('dkms_source_tree/dkms.conf', CONF.encode())
            put('dkms_source_tree/after.sh', AFTER.encode(), 0o755)
            put(f'dkms_main_tree/{KERNEL}/{scratch.ARCH}/module/hello.ko', content)
            put(f'dkms_main_tree/{KERNEL}/{scratch.ARCH}/log/make.log', b'')
        return path

    def load(self, content):
        result = self.trees.dkmsctl('import', self.archive(content))
        self.assertEqual(result.code, 0, str(result))

    def install(self, *options):
        return self.trees.dkmsctl('install', 'hello/1.0', '-k', f'{KERNEL}/{scratch.ARCH}', *options)

    def installed(self):
        return sorted(str(path.relative_to(self.trees.modules)) for path in self.trees.modules.rglob('*') if not path.is_dir())

    def state(self):
        return self.trees.status('hello/1.0')[0]['kernels'][0]['state']

    def refuse(self, reason, *options):
        result = self.install(*options)
        self.assertEqual(result.code, 7, str(result))
        self.assertIn(reason, result.err)
        self.assertEqual(self.installed(), [])
        self.assertEqual(self.state(), 'built')

    def test_a_program_under_a_modules_name(self):
        self.load(pathlib.Path('/bin/true').read_bytes())
        self.refuse('it is not a kernel module')
        self.refuse('it is not a kernel module', '--force')

    def test_another_kernels_module(self):
        self.load(elf.module_bytes(OTHER, scratch.ARCH))
        self.refuse(f'it was built for kernel {OTHER}')
        result = self.install('--force')
        self.assertEqual(result.code, 0, str(result))
        self.assertIn('It is installed because of --force.', result.err)
        self.assertEqual(self.state(), 'installed')

    def test_one_that_was_swapped_afterwards(self):
        self.load(elf.module_bytes(KERNEL, scratch.ARCH))
        record = next(self.trees.dkms.rglob(f'{KERNEL}/{scratch.ARCH}')) / '.dkmsd.json'
        record.write_text('{"modules": [{"file": "hello.ko", "sha256": "%s"}]}' % ('0' * 64))
        self.refuse('is not as it was when it was built')

    def test_a_good_one_and_what_its_scripts_say(self):
        self.load(elf.module_bytes(KERNEL, scratch.ARCH))
        result = self.install()
        self.assertEqual(result.code, 0, str(result))
        self.assertEqual(self.state(), 'installed')
        self.assertNotIn('\033', result.out + result.err)


if __name__ == '__main__':
    unittest.main()
