#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where images are made: without /proc, and on another root than that of the machine."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()
NO_PROC = 'mount -t tmpfs none /proc'
# Only bash can read it, and its line ends make it another text than the file's.
CONF = 'if true; then POST_INSTALL="post_install"; fi\r\n'
# What is asked from inside a step must not wait for the lock of that step.
POST_INSTALL = """#!/bin/sh
exec {dkmsctl} add other/1.0 {words} >{said} 2>&1
"""

NOTE = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
    char here[4096];
    FILE *note = fopen("/note", "w");
    return note && getcwd(here, sizeof here) && fprintf(note, "%s %s\\n", here, getenv("dkms_tree")) > 0 ? fclose(note) : 1;
}
"""


def trees_of(words):
    return ' '.join(map(str, words))


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class InAnImage(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.trees.add_kernel(KERNELS[-1])
        source = self.trees.add_source()
        with open(source / 'dkms.conf', 'a', encoding='ascii', newline='') as conf:
            conf.write(CONF)
        script = source / 'post_install'
        script.write_text(POST_INSTALL.format(dkmsctl=scratch.BUILD / 'client' / 'dkmsctl', words=trees_of(self.trees.words()), said=self.trees.root / 'said'))
        script.chmod(0o755)
        self.trees.add_source('other', sample=scratch.SAMPLES / 'hello-1.0')
        conf = self.trees.sources / 'other-1.0' / 'dkms.conf'
        conf.write_text(conf.read_text().replace('"hello"', '"other"', 1))

    def run_without(self, *words):
        result = self.trees.dkmsctl(*words, namespace=NO_PROC)
        self.assertEqual(result.code, 0, result)
        return result

    def test_root_who_may_not_look_at_the_first_process_is_in_an_image(self):
        """As in a user namespace, in which images are made without being root. No key is made, and the build says why it is unsigned."""
        namespace = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-ec', 'mount -t tmpfs none /run\nexec "$@"', 'sh']
        if subprocess.run([*namespace, 'true'], stderr=subprocess.DEVNULL).returncode:
            self.skipTest('this system does not permit user namespaces')
        built = subprocess.run([*namespace, scratch.BUILD / 'client' / 'dkms', 'build', 'hello/1.0', '-k', KERNELS[-1], *self.trees.words()],
                               text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(built.returncode, 0, built.stdout)
        self.assertIn('Running in chroot', built.stdout)
        record = self.trees.dkms / 'hello/1.0' / KERNELS[-1] / scratch.ARCH / '.dkmsd.json'
        self.assertIn('"signature"', record.read_text())

    @unittest.skipIf(os.geteuid(), 'others than root are told something else')
    def test_a_system_that_comes_as_an_image(self):
        """Where /usr cannot be changed, the image has to be built with the module; nothing that root could do is asked for."""
        words = self.trees.words()[:4]  # the install tree is the system's own
        read_only = [*scratch.own_mounts(), 'sh', '-ec', 'mount --bind /usr /usr\nmount -o remount,bind,ro /usr\nexec "$@"', 'sh']
        said = subprocess.run([*read_only, scratch.BUILD / 'client' / 'dkmsctl', 'install', 'hello/1.0', '-k', KERNELS[-1], *words], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(said.returncode, 1, said.stdout)
        self.assertIn('howto-image.md', said.stdout)
        self.assertNotIn('as root', said.stdout)

    def test_all_verbs_work(self):
        kernel = KERNELS[-1]
        source = self.trees.sources / 'hello-1.0'
        self.run_without('status')
        self.run_without('add', f'{source}/')
        result = self.run_without('install', 'hello/1.0', '-k', kernel)
        self.assertIn('/proc is not mounted', result.out + result.err)
        said = (self.trees.root / 'said').read_text()
        self.assertRegex(said, r'other/1\.0', said)
        states = {module['name']: [one['state'] for one in module['kernels']] for module in self.trees.status()}
        self.assertEqual(states, {'hello': ['installed'], 'other': []})
        self.run_without('export', 'hello/1.0', '-k', kernel, '-o', self.trees.root / 'exported')
        self.run_without('remove', 'hello/1.0', '--all')
        archive, = (self.trees.root / 'exported').iterdir()
        self.run_without('import', archive)
        self.assertEqual([one['state'] for one in self.trees.status('hello')[0]['kernels']], ['built'])


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class OtherRoot(unittest.TestCase):
    """The headers of this root name places that this machine does not have: only a build that sees the root's own finds them."""

    @classmethod
    def setUpClass(cls):
        trees = scratch.Scratch().__enter__()
        cls.addClassCleanup(trees.__exit__)
        cls.root = trees.root / 'image'
        cls.kernel = KERNELS[-1]
        (cls.root / 'usr/src').mkdir(parents=True)
        (cls.root / 'usr/lib/modules').mkdir(parents=True)
        (cls.root / 'lib').symlink_to('usr/lib')
        cls.bring_headers()

    def setUp(self):
        modules = self.root / 'lib/modules' / self.kernel
        for directory in (modules, self.root / 'etc', self.root / 'var', self.root / 'usr/src/hello-1.0'):
            shutil.rmtree(directory, ignore_errors=True)
        for directory in (modules, self.root / 'etc/dkms', self.root / 'var/lib/dkms'):
            directory.mkdir(parents=True)
        for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo', 'modules.dep'):
            (modules / name).touch()
        (modules / 'build').symlink_to('/usr/src/headers-of-image')
        shutil.copytree(scratch.SAMPLES / 'hello-1.0', self.root / 'usr/src/hello-1.0')

    @classmethod
    def bring_headers(cls):
        """This machine's, each part under a name of the root's own."""
        headers = (pathlib.Path('/lib/modules') / cls.kernel / 'build').resolve()
        named = set(re.findall(r'/usr/src/[\w.-]+', (headers / 'Makefile').read_text()))
        if not named or not (headers / 'scripts').is_symlink():
            raise unittest.SkipTest("the headers are not Debian's")
        common = pathlib.Path(named.pop())
        programs = (headers / 'scripts').resolve().parent
        for source, to in ((headers, 'usr/src/headers-of-image'), (common, 'usr/src/common-of-image'), (programs, 'usr/lib/linux-kbuild-of-image')):
            subprocess.run(['cp', '-a', source, cls.root / to], check=True)
        (cls.root / 'usr/src/headers-of-image/Makefile').write_text('include /usr/src/common-of-image/Makefile\n')
        for directory in ('headers-of-image', 'common-of-image'):
            for link in (cls.root / 'usr/src' / directory).iterdir():
                if link.is_symlink() and programs.name in os.readlink(link):
                    text = os.readlink(link)
                    link.unlink()
                    link.symlink_to(text.replace(programs.name, 'linux-kbuild-of-image'))

    def run_on_root(self, *words, code=0, before=()):
        done = subprocess.run([*before, scratch.BUILD / 'client' / 'dkmsctl', *words, '--root', self.root], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def test_what_is_built_is_as_the_root_sees_it(self):
        conf = self.root / 'usr/src/hello-1.0/dkms.conf'
        # Evaluated by bash, which has to see the root's headers, too.
        conf.write_text(conf.read_text() + 'if [ -e "$kernel_source_dir/Makefile" ]; then BUILT_MODULE_LOCATION[0]="."; fi\n'
                        'MAKE[0]="make -C $kernel_source_dir M=$dkms_tree/hello/1.0/build"\n')
        self.run_on_root('add', 'hello/1.0')
        self.assertEqual(os.readlink(self.root / 'var/lib/dkms/hello/1.0/source'), '/usr/src/hello-1.0')
        self.run_on_root('autoinstall', '--all-kernels')
        self.assertRegex(self.run_on_root('status'), r'hello +1\.0 .* installed')
        self.assertEqual(len(list((self.root / 'lib/modules' / self.kernel).rglob('hello.ko*'))), 1)
        log = (self.root / f'var/lib/dkms/hello/1.0/{self.kernel}/{scratch.ARCH}/log/make.log').read_text()
        self.assertIn(f' -C /lib/modules/{self.kernel}/build M=/var/lib/dkms/hello/1.0/build', log)
        found = subprocess.run(['grep', '-rlF', self.root, self.root / 'var/lib/dkms', self.root / 'lib/modules'], text=True, stdout=subprocess.PIPE)
        self.assertEqual(found.stdout, '')
        self.assertRegex(self.run_on_root('plan', '-k', self.kernel), r'nothing')

    def test_a_module_can_be_a_link(self):
        self.run_on_root('add', 'hello/1.0')
        (self.root / 'etc/dkms/framework.conf').write_text('symlink_modules="yes"\n')
        self.run_on_root('install', 'hello/1.0', '-k', self.kernel)
        link, = (self.root / 'lib/modules' / self.kernel).rglob('hello.ko*')
        self.assertTrue(link.is_symlink() and link.exists())
        self.assertNotIn(str(self.root), os.readlink(link))

    def test_without_a_sandbox_nothing_is_built(self):
        (self.root / 'etc/dkms/policy.conf').write_text('hello sandbox off\n')
        build = ('build', 'hello/1.0', '-k', self.kernel)
        self.assertIn('--root', self.run_on_root(*build, code=10))
        (self.root / 'etc/dkms/policy.conf').unlink()
        without_proc = [*scratch.own_mounts(), 'sh', '-ec', f'{NO_PROC}\nexec "$@"', 'sh']
        self.assertIn('/proc is not mounted', self.run_on_root(*build, code=10, before=without_proc))

    @unittest.skipIf(os.geteuid(), 'only root may change the root directory of a script')
    def test_scripts_run_in_it(self):
        source = self.root / 'usr/src/hello-1.0'
        subprocess.run(['gcc', '-static', '-x', 'c', '-o', source / 'note', '-'], input=NOTE, text=True, check=True)
        (self.root / 'bin').mkdir()  # a root that has a shell is one in which scripts can run
        self.addCleanup(shutil.rmtree, self.root / 'bin')
        shutil.copy(source / 'note', self.root / 'bin/sh')
        (source / 'dkms.conf').write_text((source / 'dkms.conf').read_text() + 'POST_ADD="note"\n')
        self.run_on_root('add', 'hello/1.0')
        self.assertEqual((self.root / 'note').read_text(), '/usr/src/hello-1.0 /var/lib/dkms\n')


if __name__ == '__main__':
    unittest.main()
