#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a module brings for packaging (templates, specs, PRE_BUILD of mkkmp) tries to have root write, read or keep what it must
not. Templates and specs run as another user when root packs; an ordinary user's run as that user, with the same results."""

import pathlib
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from products import ARCH, ProductTree  # noqa: E402

# Runs ATTACK once, as early as dpkg-buildpackage runs anything; what it makes beside the template is collected.
RULES = '''#!/usr/bin/make -f
clean:
\tpython3 debian/attack.py
build build-arch build-indep binary-arch:
binary binary-indep:
\tmkdir -p debian/tmp/DEBIAN
\tdpkg-gencontrol -Pdebian/tmp
\tdpkg-deb --root-owner-group --build debian/tmp ..
'''
CONTROL = '''Source: DEBIAN_PACKAGE-dkms
Maintainer: A <a@example.org>
Rules-Requires-Root: no

Package: DEBIAN_PACKAGE-dkms
Architecture: all
Description: a
 a
'''
CHANGELOG = 'DEBIAN_PACKAGE-dkms (MODULE_VERSION) stable; urgency=low\n\n  * A.\n\n -- A <a@example.org>  DATE_STAMP\n'
ATTACK = '''import os, pathlib, subprocess
here = pathlib.Path.cwd()
products = here.parent
draft = products.parent.parent
secret = pathlib.Path('{secret}')
'''
SPEC = '''Name: hello
Version: 1.0
Release: 1
Summary: s
License: x
BuildArch: noarch
%description
d
%install
mkdir -p %{{buildroot}}/usr/share/hello
%files
%dir /usr/share/hello
%clean
{attack}
'''


class Hostile(unittest.TestCase):

    def setUp(self):
        self.tree = ProductTree().__enter__()
        self.addCleanup(self.tree.__exit__)
        self.source = self.tree.sources / 'hello-1.0'
        # What only the caller can look into.
        self.secret = self.tree.root / 'secret'
        self.secret.mkdir(mode=0o700)
        for name in ('mok.key', 'key_1.0.deb', 'key-1.0-1.noarch.rpm'):
            (self.secret / name).write_text('the key')
            (self.secret / name).chmod(0o600)

    def put_template(self, action, attack):
        debian = self.source / f'hello-dkms-{action}' / 'debian'
        (debian / 'source').mkdir(parents=True)
        for name, text in (('rules', RULES), ('control', CONTROL), ('changelog', CHANGELOG), ('source/format', '3.0 (native)\n'),
                           ('attack.py', ATTACK.format(secret=self.secret) + attack)):
            (debian / name).write_text(text)

    def pack(self, action, *words, code=0, without=()):
        if not (self.tree.version / 'source').exists():
            self.tree.succeed('add', 'hello/1.0')
        result = self.tree.legacy(action, 'hello/1.0', *words, without=without)
        self.assertEqual(result.code, code, str(result))
        self.check_no_secret()
        return result

    def made(self, directory):
        """Names and contents of what was published."""
        place = self.tree.version / directory
        return {path.name: path for path in place.iterdir()} if place.exists() else {}

    def check_no_secret(self):
        leaked = [path for path in self.tree.dkms.rglob('*') if path.is_file() and path.read_bytes() == b'the key']
        self.assertEqual(leaked, [])

    def check_published(self, paths):
        for path in paths:
            facts = path.lstat()
            self.assertTrue(stat.S_ISREG(facts.st_mode), path)
            self.assertEqual((facts.st_mode & 0o7777, facts.st_uid), (0o644, path.parent.stat().st_uid), path)

    def test_a_link_in_the_place_of_the_products_leads_nowhere(self):
        self.put_template('mkdsc', 'products.rename(products.parent / "gone")\nproducts.symlink_to(secret)\n'
                                   '(products.parent / "here").symlink_to(here)\n')
        for without in ([], ['bwrap']):
            with self.subTest(without=without):
                result = self.pack('mkdsc', '--source-only', code=7, without=without)
                self.assertIn('symbolic link', result.err)
                self.assertEqual(self.made('dsc'), {})

    def test_products_that_are_no_plain_files_stay_where_they_are(self):
        """And the draft is deleted, whatever is in it and however deep."""
        self.put_template('mkdsc', r'''
for name, make in (('fifo.dsc', os.mkfifo), ('directory.dsc', os.mkdir), ('link.dsc', lambda path: os.symlink(secret / 'mok.key', path)),
                   ('.hidden', lambda path: path.touch()), ('bell\a', lambda path: path.touch())):
    make(products / name)
os.close(os.open(bytes(products) + b'/latin\xe9', os.O_CREAT))
try:
    os.link(secret / 'mok.key', products / 'hard.dsc')
except OSError:
    pass
(products / 'setuid.sh').touch()
(products / 'setuid.sh').chmod(0o6777)
try:
    (draft / 'input' / 'planted').touch()
    wrote = 'wrote in input'
except OSError:
    wrote = ''
(products / 'where').write_text(f'{draft}\n{wrote}\n')
os.mkdir(products / 'deep')
os.chdir(products / 'deep')
for _ in range(2000):
    os.mkdir('d')
    os.chdir('d')
os.chmod('.', 0)
os.chdir(here)
''')
        self.pack('mkdsc', '--source-only')
        made = self.made('dsc')
        ours = {'hello-dkms_1.0.dsc', 'hello-dkms_1.0.tar.xz', 'hello-dkms_1.0_source.buildinfo', 'hello-dkms_1.0_source.changes'}
        self.assertEqual(set(made) - {'hard.dsc'}, ours | {'setuid.sh', 'where'})
        self.check_published(made.values())
        draft, wrote, _ = made['where'].read_text().split('\n')
        self.assertRegex(draft, '^/var/tmp/dkms-pack-')
        self.assertFalse(pathlib.Path(draft).exists())
        self.assertEqual(wrote, '')

    def test_products_that_are_too_large_or_too_many_are_refused(self):
        # A terabyte is stopped while it is made.
        for attack, said in (('os.truncate(os.open(products / "sparse.dsc", os.O_CREAT | os.O_WRONLY), 3 << 30)', 'larger than'),
                             ('[(products / f"{i}.dsc").touch() for i in range(101)]', 'more than 100 files')):
            with self.subTest(said=said):
                shutil.rmtree(self.source / 'hello-dkms-mkdsc', ignore_errors=True)
                self.put_template('mkdsc', attack + '\n')
                result = self.pack('mkdsc', '--source-only', code=7)
                self.assertIn(said, result.err)
                self.assertEqual(self.made('dsc'), {})

    def test_what_one_kernel_leaves_is_not_there_for_the_next(self):
        target = self.tree.root / 'etc'
        target.mkdir(mode=0o777)
        kernels = self.tree.kernels[:2]
        self.tree.build(*kernels)
        # Each run plants links where the files of the other one's template would be written.
        self.put_template('mkbmdeb', f'''
for kernel in {kernels!r}:
    for place in (products.parent, draft, draft / 'input'):
        try:
            (place / f'build-{{kernel}}{ARCH}').symlink_to('{target}')
        except OSError:
            pass
(products / f'{{os.environ["KVER"]}}.deb').touch()
''')
        result = self.tree.legacy('mkbmdeb', 'hello/1.0', *[word for kernel in kernels for word in ('-k', kernel)])
        self.assertEqual(list(target.iterdir()), [])
        self.assertEqual(result.code, 0, str(result))
        self.assertEqual(set(self.made('bmdeb')), {'hello-dkms_1.0_all.deb', *(f'{kernel}.deb' for kernel in kernels)})

    @unittest.skipUnless(shutil.which('rpmbuild'), 'rpmbuild is needed')
    def test_a_link_in_the_place_of_the_rpms_leads_nowhere(self):
        (self.source / 'hello-dkms-mkrpm.spec').write_text(SPEC.format(
            attack=f'mv %{{_rpmdir}} %{{_topdir}}/gone; ln -s {self.secret} %{{_rpmdir}}'))
        result = self.pack('mkrpm', '--source-only', code=7)
        self.assertIn('symbolic link', result.err)
        self.assertEqual(self.made('rpm'), {})
        # As long as nothing is swapped, it is an ordinary spec.
        (self.source / 'hello-dkms-mkrpm.spec').write_text(SPEC.format(attack=f'ln -s {self.secret} %{{_rpmdir}}/linked.rpm'))
        self.pack('mkrpm', '--source-only')
        self.assertEqual(set(self.made('rpm')), {'hello-1.0-1.noarch.rpm', 'hello-1.0-1.src.rpm'})
        self.check_published(self.made('rpm').values())

    def kmp(self, attack, code=0):
        """Runs mkkmp with a PRE_BUILD that is `attack`, a script of python."""
        script = self.source / 'attack.py'
        script.write_text('#!/usr/bin/python3\n' + ATTACK.format(secret=self.secret) + attack)
        script.chmod(0o755)
        conf = self.source / 'dkms.conf'
        if 'PRE_BUILD' not in conf.read_text():
            conf.write_text(conf.read_text() + 'PRE_BUILD="attack.py"\n')
        if not (self.tree.modules / self.tree.kernels[0]).exists():
            self.tree.add_kernel(self.tree.kernels[0])
        result = self.pack('mkkmp', '-k', self.tree.kernels[0], code=code)
        self.assertEqual([path for path in self.tree.dkms.glob('.dkmsd/*/*') if path.is_dir()], [])  # the build directory is deleted
        return result

    @unittest.skipUnless(shutil.which('rpmbuild') and shutil.which('rpm2cpio'), 'rpmbuild is needed')
    def test_the_source_after_pre_build_is_packed_by_who_ran_it(self):
        self.kmp('os.mkfifo("fifo")\nos.symlink(secret / "mok.key", "linked")\n'
                 'os.close(os.open(b"latin\\xe9", os.O_CREAT))\n')
        package = self.made('rpm')['hello-1.0-1.src.rpm']
        with subprocess.Popen(['rpm2cpio', package], stdout=subprocess.PIPE) as members:
            archive = subprocess.run(['cpio', '-i', '--quiet', '--to-stdout', '*.tar.bz2'], stdin=members.stdout, check=True,
                                     stdout=subprocess.PIPE).stdout
        listing = subprocess.run(['tar', '-tvjf', '-'], input=archive, check=True, stdout=subprocess.PIPE).stdout
        self.assertIn(f'linked -> {self.secret}/mok.key'.encode(), listing)
        self.assertNotIn(b'fifo', listing)
        # What this user cannot read is not read with more rights.
        self.assertIn('cannot be read', self.kmp('os.close(os.open("closed", os.O_CREAT))\nos.chmod("closed", 0)\n', code=2).err)
        for attack, said, code in (('for name in "abc":\n    os.truncate(os.open(name, os.O_CREAT | os.O_WRONLY), 3 << 30)', '8 GiB', 7),
                                   ('for _ in range(250):\n    os.mkdir("d")\n    os.chdir("d")', 'nested', 1)):
            with self.subTest(said=said):
                self.assertIn(said, self.kmp(attack + '\n', code=code).err)


if __name__ == '__main__':
    unittest.main()
