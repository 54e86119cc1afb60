#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must be refused: each with an error name of its own, a sentence, a hint, the right exit code, and the trees as before."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()
KERNEL = KERNELS[0] if KERNELS else ''
LONG = 'x' * 300


class Refused(unittest.TestCase):
    """One test a case; `refused` does the looking."""

    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())

    def source(self, conf=None, name='hello', version='1.0', **files):
        """A copy of the sample in the source tree; `conf` are lines added to its dkms.conf, or bytes that replace it."""
        directory = self.trees.add_source()
        if (name, version) != ('hello', '1.0'):
            directory = directory.rename(directory.with_name(f'{name}-{version}'))
        if isinstance(conf, bytes):
            (directory / 'dkms.conf').write_bytes(conf)
        elif conf:
            with open(directory / 'dkms.conf', 'a') as file:
                file.write(conf + '\n')
        for file, text in files.items():
            (directory / file.replace('__', '.')).write_text(text)
        return directory

    def added(self, *arguments, **options):
        """The sample, in the tree, with a kernel that it can be built for."""
        if not KERNEL:
            self.skipTest('kernel headers are needed')
        self.trees.add_kernel(KERNEL)
        directory = self.source(*arguments, **options)
        self.succeed('add', 'hello/1.0')
        return directory

    def succeed(self, *words, **options):
        result = self.trees.dkmsctl(*words, **options)
        self.assertEqual(result.code, 0, result)
        return result

    def refused(self, name, code, *words, **options):
        """Runs dkmsctl; returns the error it gave."""
        before = self.trees.listing()
        result = self.trees.dkmsctl(*words, '--json', **options)
        self.assertEqual(result.code, code, result)
        error = error_of(result)
        self.assertEqual(error['error'], name, result)
        self.assertNotRegex(error['message'] + error['hint'], r'(^|[ /])\?([ /:.,]|$)', 'a parameter of the sentence is missing')
        self.assertTrue(error['message'])
        self.assertTrue(error['hint'], name)
        self.assertEqual(self.trees.listing(), before, 'the trees are as before')
        return error

    # the source and its configuration

    def test_tree_unreadable(self):
        self.source()
        self.succeed('add', 'hello/1.0')
        (self.trees.modules / '6.1.0-x').mkdir()
        for directory in (self.trees.dkms, self.trees.dkms / 'hello', self.trees.dkms / 'hello' / '1.0'):
            directory.chmod(0)
            try:
                for words in (('status',), ('autoinstall', '-k', '6.1.0-x')):
                    error = self.refused('ReadFailed', 1, *words, as_nobody=True)
                    self.assertIn(str(directory), error['message'])
            finally:
                directory.chmod(0o755)

    def test_source_missing(self):
        self.refused('SourceMissing', 2, 'add', 'hello/1.0')

    def test_source_unreadable(self):
        self.source().chmod(0)
        self.refused('SourceUnreadable', 2, 'add', 'hello/1.0', as_nobody=True)

    def test_conf_missing(self):
        (self.source() / 'dkms.conf').unlink()
        self.refused('ConfMissing', 4, 'add', 'hello/1.0')

    def test_conf_unreadable(self):
        (self.source() / 'dkms.conf').chmod(0)
        self.refused('ConfUnreadable', 4, 'add', 'hello/1.0', as_nobody=True)

    def test_conf_is_a_directory(self):
        conf = self.source() / 'dkms.conf'
        conf.unlink()
        conf.mkdir()
        self.refused('ConfUnreadable', 4, 'add', 'hello/1.0')

    def test_conf_is_a_pipe(self):
        conf = self.source() / 'dkms.conf'
        conf.unlink()
        os.mkfifo(conf)
        self.refused('ConfUnreadable', 4, 'add', 'hello/1.0', timeout=20)

    def test_conf_is_a_device_without_end(self):
        conf = self.source() / 'dkms.conf'
        conf.unlink()
        conf.symlink_to('/dev/zero')
        self.refused('ConfUnreadable', 4, 'add', 'hello/1.0', timeout=20)

    def test_conf_invalid(self):
        for conf in (b'PACKAGE_NAME="hello"\n', b'PACKAGE_NAME="hello\n', b'if\n', b'\0\1\2\n'):
            with self.subTest(conf=conf):
                shutil.rmtree(self.trees.sources / 'hello-1.0', ignore_errors=True)
                self.source(conf)
                self.refused('ConfInvalid', 8, 'add', 'hello/1.0')

    def test_conf_with_a_bad_value(self):
        for line in ('DEST_MODULE_LOCATION[0]="/etc"', 'BUILT_MODULE_NAME[0]="hello.ko"', 'AUTOINSTALL="perhaps"',
                     'BUILT_MODULE_NAME[1]="hello"'):
            with self.subTest(line=line):
                shutil.rmtree(self.trees.sources / 'hello-1.0', ignore_errors=True)
                self.source(line)
                self.refused('ConfInvalid', 8, 'add', 'hello/1.0')

    def test_conf_empty(self):
        self.source(b'')
        self.refused('ConfInvalid', 8, 'add', 'hello/1.0')

    def test_conf_with_a_value_that_is_not_utf8(self):
        conf = (scratch.SAMPLES / 'hello-1.0' / 'dkms.conf').read_bytes()
        self.source(conf + b'DEST_MODULE_NAME[0]="h\xe9llo"\n')
        self.refused('ConfNotUtf8', 8, 'add', 'hello/1.0')

    def test_conf_of_10_megabytes(self):
        self.source(b'#' * 10_000_000)
        self.refused('ConfTooLarge', 8, 'add', 'hello/1.0')

    def test_conf_that_never_ends(self):
        self.source('while :; do :; done')
        self.refused('ConfTimeout', 8, 'add', 'hello/1.0')

    def test_conf_that_prints_without_end(self):
        self.source('yes; yes >&2')
        self.refused('ConfTimeout', 8, 'add', 'hello/1.0')

    # names

    def test_names(self):
        for bad in ('..', '.', 'a b', 'a\tb', 'a\nb', '\x1b[2J', '-x', LONG):
            with self.subTest(name=bad):
                self.refused('InvalidName', 1, 'add', '-m', bad, '-v', '1.0')
            with self.subTest(version=bad):  # in which a blank may be, but not at its end
                self.refused('InvalidName', 1, 'add', '-m', 'hello', '-v', bad.replace('a b', 'a '))

    def test_names_with_slashes(self):
        for bad in ('../../etc/1.0', 'hello/../1.0', '/etc/nothing', 'hello/1.0/2'):
            with self.subTest(bad):
                self.refused('InvalidName', 1, 'add', bad)

    def test_file_that_is_no_archive(self):
        """A file where a module is expected is taken for something to load."""
        self.refused('ArchiveUnreadable', 3, 'add', '/etc/passwd')

    def test_kernel_names(self):
        self.source()
        for bad in ('..', '../..', 'a b', '\x07', LONG, 'K/../x'):
            with self.subTest(bad):
                self.refused('InvalidName', 1, 'build', 'hello/1.0', '-k', bad)

    # kernels

    def test_kernel_unknown(self):
        self.added()
        self.refused('NoSuchKernel', 21, 'install', 'hello/1.0', '-k', '9.9.9-nowhere')
        self.refused('NoSuchKernel', 21, 'build', 'hello/1.0', '-k', '9.9.9-nowhere')

    def test_headers_missing(self):
        self.added()
        (self.trees.modules / '9.9.9-bare').mkdir()
        self.refused('NoKernelHeaders', 21, 'build', 'hello/1.0', '-k', '9.9.9-bare')
        self.refused('NoKernelHeaders', 21, 'install', 'hello/1.0', '-k', '9.9.9-bare')

    def test_kernel_directory_dangling(self):
        self.added()
        directory = self.trees.modules / '9.9.9-gone'
        directory.mkdir()
        (directory / 'build').symlink_to('/usr/src/linux-headers-9.9.9-gone')
        self.refused('KernelDirectoryDangling', 21, 'build', 'hello/1.0', '-k', '9.9.9-gone')

    # building

    def test_disk_full(self):
        self.added('PRE_BUILD="fill.sh"', fill__sh='#!/bin/sh\nexec head -c 50000000 /dev/zero >filler\n')
        (self.trees.sources / 'hello-1.0' / 'fill.sh').chmod(0o755)
        tree = shutil.copytree(self.trees.dkms, self.trees.root / 'copy', symlinks=True)
        self.refused('DiskFull', 10, 'build', 'hello/1.0', '-k', KERNEL, namespace=(
            f'mount -t tmpfs -o size=4m,mode=755 none {self.trees.dkms}; cp -a {tree}/. {self.trees.dkms}'))

    def test_make_missing(self):
        self.added()
        self.refused('MakeMissing', 10, 'build', 'hello/1.0', '-k', KERNEL, namespace=hide('/usr/bin/make'))

    def test_compiler_missing(self):
        self.added()
        compilers = {str(path.resolve()) for path in pathlib.Path('/usr/bin').glob('*gcc*-[0-9]*')}
        self.refused('CompilerMissing', 10, 'build', 'hello/1.0', '-k', KERNEL, namespace=hide(*compilers))

    def test_make_failing(self):
        self.added(hello__c='#include <linux/module.h>\nint nowhere(void) { return missing; }\n')
        error = self.refused('BuildFailed', 10, 'build', 'hello/1.0', '-k', KERNEL)
        self.assertRegex(error['message'], "hello.c:2.*error: .*missing")

    def test_module_not_produced(self):
        self.added('BUILT_MODULE_NAME[0]="other"')
        self.refused('ModuleNotProduced', 7, 'build', 'hello/1.0', '-k', KERNEL)

    def patched(self, patch, text=None):
        directory = self.added(f'PATCH[0]="{patch}"')
        (directory / 'patches').mkdir()
        if text:
            (directory / 'patches' / patch).write_text(text)

    def test_patch_missing(self):
        self.patched('fix.patch')
        self.refused('PatchMissing', 5, 'build', 'hello/1.0', '-k', KERNEL)

    def test_patch_outside(self):
        self.patched('../fix.patch')
        self.refused('PatchOutside', 5, 'build', 'hello/1.0', '-k', KERNEL)

    def test_patch_that_does_not_apply(self):
        self.patched('fix.patch', '--- a/hello.c\n+++ b/hello.c\n@@ -1,1 +1,1 @@\n-nothing like it\n+something\n')
        self.refused('PatchFailed', 6, 'build', 'hello/1.0', '-k', KERNEL)

    # the tree

    def test_second_add(self):
        self.added()
        self.refused('AlreadyAdded', 3, 'add', 'hello/1.0')

    def test_module_that_is_not_there(self):
        for verb in ('uninstall', 'unbuild', 'remove', 'rebuild'):
            with self.subTest(verb):
                self.refused('NoSuchModule', 3, verb, 'hello/1.0', *(['--all'] if verb == 'remove' else ['-k', '6.1']))
        for verb in ('build', 'install'):
            with self.subTest(verb):
                self.refused('SourceMissing', 2, verb, 'hello/1.0', '-k', '6.1')

    def test_source_link_broken(self):
        shutil.rmtree(self.added())
        for verb in ('build', 'install', 'rebuild'):
            with self.subTest(verb):
                self.refused('BrokenModule', 4, verb, 'hello/1.0', '-k', KERNEL)
        self.succeed('remove', 'hello/1.0', '--all')

    def test_build_directory_left_over(self):
        self.added()
        build = self.trees.dkms / 'hello' / '1.0' / 'build'
        build.mkdir(exist_ok=True)
        (build / 'hello.c').write_text('#error left over\n')
        self.succeed('build', 'hello/1.0', '-k', KERNEL)

    def test_build_directory_left_broken(self):
        self.added()
        build = self.trees.dkms / 'hello' / '1.0' / 'build'
        if build.is_dir():
            build.rmdir()
        build.symlink_to('/nowhere')
        self.succeed('build', 'hello/1.0', '-k', KERNEL)

    def test_tree_read_only(self):
        self.source()
        tree = self.trees.dkms
        self.refused('TreeNotWritable', 1, 'add', 'hello/1.0', namespace=f'mount --bind {tree} {tree}; mount -o remount,ro,bind {tree}')

    def test_tree_of_somebody_else(self):
        self.source()
        self.trees.dkms.chmod(0o555)
        self.refused('TreeNotWritable', 1, 'add', 'hello/1.0', as_nobody=True)

    # words

    def test_words_that_are_not_understood(self):
        for words in (['frobnicate'], ['add', '--frobnicate', 'hello/1.0'], ['add'], ['build', 'a/1', 'b/1'], ['add', '-m', ''], []):
            with self.subTest(words):
                result = self.trees.dkmsctl(*words)
                self.assertEqual(result.code, 2, result)
                self.assertTrue(result.err, result)
                self.assertEqual(result.out, '')

    def test_what_is_wrong_is_named_in_json_too(self):
        result = self.trees.dkmsctl('instal', 'hello', '--json')
        self.assertEqual((result.code, result.json['error'], result.json['hint']), (2, 'InvalidArgs', "Did you mean 'install'?"), result)

    def test_a_tree_that_does_not_exist(self):
        missing = self.trees.root / 'missing'
        for words in (('status',), ('history',), ('plan',), ('check',), ('log',), ('export', 'hello/1.0'), ('wait', '-k', '6.1.0')):
            self.trees.dkms = missing
            result = self.trees.dkmsctl(*words)
            self.assertEqual((result.code, result.out), (1, ''), result)
            self.assertEqual(result.err, f'dkmsctl: {missing} cannot be read: No such file or directory.\n'
                             '  Name a directory that exists with --dkmstree.\n')
        for words in (('status',), ('add', 'hello/1.0'), ('autoinstall',)):
            said = subprocess.run([scratch.BUILD / 'client' / 'dkmsctl', *words, '--root', missing], text=True, capture_output=True)
            self.assertEqual(said.returncode, 1, said)
            self.assertIn(f'dkmsctl: {missing} cannot be read', said.stderr)
        self.assertFalse(missing.exists())
        self.source()
        self.succeed('add', 'hello/1.0')
        self.assertTrue((missing / 'hello' / '1.0' / 'source').is_dir(), 'a command that changes a tree makes it')

    def test_what_is_asked_of_a_service_that_does_not_run(self):
        environment = {'PATH': '/usr/bin:/bin', 'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={self.trees.root}/none'}
        for words in (['cancel', '3'], ['wait', '3'], ['log', '3'], ['log', '-f', '3'], ['monitor']):
            said = subprocess.run([scratch.BUILD / 'client' / 'dkmsctl', *words], env=environment, text=True, capture_output=True)
            self.assertEqual((said.returncode, said.stdout), (1, ''), said)
            self.assertRegex(said.stderr, r'dkmsd\.service, which does not run\.\n  Check it: systemctl status dkmsd\..* dkmsctl log MODULE\n$')
        said = subprocess.run([scratch.BUILD / 'client' / 'dkmsctl', 'jobs'], env=environment, text=True, capture_output=True)
        self.assertEqual((said.returncode, said.stdout, said.stderr), (0, '', 'There are no jobs: dkmsd.service does not run.\n'))

    def test_help(self):
        def dkmsctl(*words):
            return subprocess.run([scratch.BUILD / 'client' / 'dkmsctl', *words], text=True, capture_output=True)
        self.assertEqual(dkmsctl('help').stdout, dkmsctl('--help').stdout)
        self.assertEqual(dkmsctl('help', 'install').stdout, dkmsctl('install', '-h').stdout)
        said = dkmsctl('help', 'mkdeb')
        self.assertEqual((said.returncode, said.stdout), (2, ''))
        self.assertIn("\n  Did you mean 'export --format deb'?\n", said.stderr)
        for line in [*dkmsctl('help').stdout.splitlines(), *dkmsctl('help', 'export').stdout.splitlines()]:
            self.assertLessEqual(len(line), 100, line)


def hide(*files):
    """Commands that make files vanish as programs."""
    return '; '.join(f'mount --bind /dev/null {file}' for file in files)


def error_of(result):
    """The error in what --json printed: of the request, or of the job that was made of it."""
    answer = result.json
    if 'jobs' in answer:
        answer = next((job['error'] for job in answer['jobs'] if 'error' in job), {})
    return answer


if __name__ == '__main__':
    unittest.main()
