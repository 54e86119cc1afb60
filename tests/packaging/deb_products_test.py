#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""mkdeb, mkdsc and mkbmdeb: what they make is read, checked, unpacked and built by Debian's own tools."""

import json
import os
import pathlib
import re
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from products import ARCH, SAMPLES, ProductTree, files_below, output_of  # noqa: E402

DEBIAN_ARCH = {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(ARCH, ARCH)
SOURCE = ['usr/src/hello-1.0/Makefile', 'usr/src/hello-1.0/dkms.conf', 'usr/src/hello-1.0/hello.c']
# A template of somebody's own that needs no more than dpkg-dev.
RULES = '''#!/usr/bin/make -f
build binary-arch:
clean:
\trm -rf debian/tmp
binary binary-indep: clean
\ttest ! -x debian/control
\tmkdir -p debian/tmp/DEBIAN debian/tmp/usr/share/mine
\tcp -r common.postinst MODULE_NAME-MODULE_VERSION debian/tmp/usr/share/mine/
\techo "$(KVER) $(KARCH) KERNEL_VERSION DEBIAN_BUILD_ARCH DATE_STAMP" >debian/tmp/usr/share/mine/words
\tdpkg-gencontrol -pDEBIAN_PACKAGE-mine -Pdebian/tmp
\tdpkg-deb --root-owner-group --build debian/tmp ..
'''
CONTROL = '''Source: DEBIAN_PACKAGE-mine
Maintainer: Me <me@example.org>
Rules-Requires-Root: no

Package: DEBIAN_PACKAGE-mine
Architecture: all
Description: mine
'''
CHANGELOG = 'DEBIAN_PACKAGE-mine (MODULE_VERSION) stable; urgency=low\n\n  * New.\n\n -- Me <me@example.org>  DATE_STAMP\n'


def field(package, name):
    return output_of('dpkg-deb', '-f', package, name).strip()


def put_template(directory):
    (directory / 'debian').mkdir(parents=True)
    for name, text in (('rules', RULES), ('control', CONTROL), ('changelog', CHANGELOG)):
        (directory / 'debian' / name).write_text(text)


class Debs(unittest.TestCase):

    def setUp(self):
        self.tree = ProductTree().__enter__()
        self.addCleanup(self.tree.__exit__)
        self.kernel = self.tree.kernels[0]

    def unpack(self, package):
        directory = self.tree.unpacked()
        output_of('dpkg-deb', '-x', package, directory)
        return directory

    def check_lint(self, *files):
        """Nothing that Debian's checker calls an error; but that modules lie below /lib, which is where those Debians look for
        them that have it apart from /usr, and which is the same in all others."""
        said = output_of('lintian', '--allow-root', '--fail-on', 'none', *files)
        self.assertEqual([line for line in said.splitlines() if line.startswith('E:') and ' aliased-location ' not in line], [])

    def test_mkdeb_without_kernels_brings_the_source(self):
        self.tree.build()
        package, = self.tree.made('mkdeb', 'hello/1.0')
        self.assertEqual(package, (self.tree.version / 'deb' / 'hello-dkms_1.0_all.deb').resolve())
        self.assertEqual(field(package, 'Package'), 'hello-dkms')
        self.assertEqual(field(package, 'Provides'), 'hello-modules (= 1.0)')
        self.assertEqual(field(package, 'Depends'), 'dkms (>= 1.95)')
        found = files_below(self.unpack(package))
        self.assertEqual([name for name in found if name.startswith('usr/src')], SOURCE)
        self.assertEqual([name for name in found if name.startswith('usr/share/hello-dkms')],
                         ['usr/share/hello-dkms/dkms_manifest.json', 'usr/share/hello-dkms/postinst'])
        self.check_lint(package)

    def test_mkdeb_with_kernels_brings_their_builds_too(self):
        self.tree.build(*self.tree.kernels)
        package, = self.tree.made('mkdeb', 'hello/1.0', *[word for kernel in self.tree.kernels for word in ('-k', kernel)])
        self.assertEqual(package.name, f'hello-dkms_1.0_{DEBIAN_ARCH}.deb')
        self.check_lint(package)
        top = self.unpack(package)
        self.assertIn('usr/src/hello-1.0/dkms.conf', files_below(top))
        archive = top / 'usr/share/hello-dkms/hello-1.0.dkms.tar.gz'
        self.assertEqual(archive.stat().st_mode & 0o777, 0o644)
        with ProductTree() as elsewhere:
            elsewhere.succeed('ldtarball', archive)
            self.assertEqual({module['kernel'] for module in json.loads((top / 'usr/share/hello-dkms/dkms_manifest.json')
                                                                          .read_text())['builds']}, set(self.tree.kernels))
            self.assertEqual(elsewhere.legacy('status').out.count(': built'), len(self.tree.kernels))

    def test_owner_modes_and_scripts_are_as_a_package_has_them(self):
        self.tree.build()
        script = self.tree.sources / 'hello-1.0' / 'run me.sh'
        script.write_text('#!/bin/sh\n')
        script.chmod(0o700)
        (self.tree.sources / 'hello-1.0' / 'link').symlink_to('hello.c')
        package, = self.tree.made('mkdeb', 'hello/1.0', '--legacy-postinst', '0')
        listing = output_of('dpkg-deb', '-c', package)
        self.assertEqual({line.split()[1] for line in listing.splitlines()}, {'root/root'})
        self.assertRegex(listing, r'-rwxr-xr-x .*/run me\.sh')
        self.assertRegex(listing, r'lrwxrwxrwx .*/link -> hello\.c')
        self.assertNotIn('/postinst', listing)
        control = self.tree.unpacked('control')
        output_of('dpkg-deb', '-e', package, control)
        for name in ('postinst', 'prerm'):
            output_of('sh', '-n', control / name)
            self.assertEqual((control / name).stat().st_mode & 0o777, 0o755)
        for line in (control / 'md5sums').read_text().splitlines():
            self.assertRegex(line, '^[0-9a-f]{32}  usr/')
        output_of('md5sum', '--check', '--quiet', control / 'md5sums', cwd=self.unpack(package))

    def test_dpkg_unpacks_them_in_a_root_of_their_own(self):
        self.tree.build(self.kernel)
        root = self.tree.unpacked('root')
        (root / 'var/lib/dpkg/info').mkdir(parents=True)
        (root / 'var/lib/dpkg/updates').mkdir()
        (root / 'var/lib/dpkg/status').touch()
        dpkg = ['dpkg', f'--root={root}', '--force-not-root', '--force-depends', '--force-bad-path', '--log=/dev/null']
        packages = self.tree.made('mkdeb', 'hello/1.0', '-k', self.kernel) + self.tree.made('mkbmdeb', 'hello/1.0', '-k', self.kernel)
        if os.geteuid() == 0:
            output_of(*dpkg, '--unpack', *packages)
            self.assertTrue((root / 'usr/src/hello-1.0/hello.c').exists())
            self.assertTrue((root / 'lib/modules' / self.kernel / 'updates/dkms/hello.ko').exists())
        said = output_of(*dpkg, '--simulate', '--unpack', *packages)
        self.assertNotIn('error', said)

    def test_the_same_tree_gives_the_same_bytes(self):
        self.tree.build(self.kernel)
        seen = []
        for _ in range(2):
            seen.append({})
            for action in ('mkdeb', 'mkbmdeb', 'mkdsc'):
                for file in self.tree.made(action, 'hello/1.0', '-k', self.kernel, env={'SOURCE_DATE_EPOCH': '1000000000'}):
                    seen[-1][file.name] = file.read_bytes()
            for path in (self.tree.sources / 'hello-1.0').iterdir():
                os.utime(path, (1, 1))
                path.chmod(0o640)
        self.assertEqual(len(seen[0]), 5)
        self.assertEqual(seen[0], seen[1])

    def test_names_are_made_such_as_dpkg_takes(self):
        self.tree.add_source('Odd_Name', 'v1_2', SAMPLES / 'hello-1.0')
        conf = self.tree.sources / 'Odd_Name-v1_2' / 'dkms.conf'
        conf.write_text(conf.read_text().replace('"hello"', '"Odd_Name"', 1).replace('1.0', 'v1_2'))
        self.tree.succeed('add', 'Odd_Name/v1_2')
        package, = self.tree.made('mkdeb', 'Odd_Name/v1_2')
        self.assertEqual(package.name, 'odd-name-dkms_0+v1.2_all.deb')
        self.assertIn('usr/src/Odd_Name-v1_2/dkms.conf', files_below(self.unpack(package)))
        self.assertEqual(len(self.tree.made('mkdsc', 'Odd_Name/v1_2')), 3)

    def test_mkbmdeb_makes_a_package_for_each_kernel(self):
        self.tree.build(*self.tree.kernels)
        packages = self.tree.made('mkbmdeb', 'hello/1.0', *[word for kernel in self.tree.kernels for word in ('-k', kernel)])
        self.assertEqual([package.name for package in packages],
                         [f'hello-modules-{kernel}_1.0_{DEBIAN_ARCH}.deb' for kernel in self.tree.kernels])
        self.check_lint(*packages)
        for kernel, package in zip(self.tree.kernels, packages):
            self.assertEqual(field(package, 'Depends'), f'linux-image-{kernel}, kmod')
            self.assertEqual(field(package, 'Source'), 'hello-dkms-bin')
            top = self.unpack(package)
            self.assertEqual(files_below(top / 'lib'), [f'modules/{kernel}/updates/dkms/hello.ko'])
            built = self.tree.version / kernel / ARCH / 'module' / 'hello.ko'
            self.assertEqual((top / 'lib/modules' / kernel / 'updates/dkms/hello.ko').read_bytes(), built.read_bytes())
            manifest = json.loads((top / f'usr/share/hello-modules-{kernel}/dkms_manifest.json').read_text())
            self.assertEqual([build['kernel'] for build in manifest['builds']], [kernel])
            self.assertNotIn('source', manifest)

    def test_what_is_changed_after_its_build_does_not_go_out(self):
        self.tree.build(self.kernel)
        module = self.tree.version / self.kernel / ARCH / 'module' / 'hello.ko'
        module.write_bytes(module.read_bytes() + b'x')
        result = self.tree.legacy('mkbmdeb', 'hello/1.0', '-k', self.kernel)
        self.assertEqual(result.code, 7)
        self.assertIn('not as it was when it was built', result.err)
        self.assertFalse((self.tree.version / 'bmdeb').exists())

    def test_exit_codes_are_those_of_the_old_program(self):
        self.tree.build()
        self.assertEqual(self.tree.legacy('mkdeb').code, 1)
        self.assertEqual(self.tree.legacy('mkdeb', 'other/1.0').code, 2)
        self.assertEqual(self.tree.legacy('mkbmdeb', 'hello/1.0', '-k', self.kernel).code, 6)
        result = self.tree.legacy('mkdeb', 'hello/1.0', without=['dpkg-deb'])
        self.assertEqual(result.code, 4)
        self.assertIn('dpkg-deb', result.err)
        self.assertEqual(self.tree.legacy('mkdsc', 'hello/1.0', without=['dpkg-deb', 'dpkg-source', 'dpkg-buildpackage']).code, 0)
        put_template(self.tree.sources / 'hello-1.0' / 'hello-dkms-mkdeb')
        result = self.tree.legacy('mkdeb', 'hello/1.0', without=['dpkg-buildpackage'])
        self.assertEqual(result.code, 4)
        self.assertIn('Install the package dpkg-dev', result.err)
        (self.tree.sources / 'hello-1.0' / 'hello-dkms-mkdeb' / 'debian' / 'rules').write_text('#!/bin/sh\necho no rules >&2; exit 1\n')
        result = self.tree.legacy('mkdeb', 'hello/1.0')
        self.assertEqual(result.code, 7)
        self.assertIn('dpkg-buildpackage', result.err)

    def test_a_template_of_the_source_is_used(self):
        self.tree.build(self.kernel)
        for action in ('mkdeb', 'mkbmdeb'):
            put_template(self.tree.sources / 'hello-1.0' / f'hello-dkms-{action}')
            package, = self.tree.made(action, 'hello/1.0', '-k', self.kernel, env={'SOURCE_DATE_EPOCH': '1000000000'})
            self.assertEqual(package.name, 'hello-mine_1.0_all.deb')
            mine = self.unpack(package) / 'usr/share/mine'
            self.assertTrue((mine / 'hello-1.0' / 'hello.c').exists())
            self.assertTrue((mine / 'common.postinst').exists())
            of_kernel = f'{self.kernel} {ARCH}' if action == 'mkbmdeb' else ' '
            self.assertEqual((mine / 'words').read_text(),
                             f'{of_kernel} {self.kernel} {DEBIAN_ARCH} Sun, 09 Sep 2001 01:46:40 +0000\n')

    def test_dpkg_source_unpacks_what_mkdsc_makes_and_dpkg_buildpackage_builds_it(self):
        self.tree.build()
        files = self.tree.made('mkdsc', 'hello/1.0')
        self.assertEqual([file.name for file in files],
                         ['hello-dkms_1.0.dsc', 'hello-dkms_1.0.tar.gz', 'hello-dkms_1.0_source.changes'])
        self.check_lint(files[0], files[2])
        work = self.tree.unpacked('work')
        output_of('dpkg-source', '--require-strong-checksums', '-x', files[0], cwd=work)
        output_of('dpkg-buildpackage', '-b', '-us', '-uc', cwd=work / 'hello-dkms-1.0')
        built = work / 'hello-dkms_1.0_all.deb'
        self.check_lint(built)
        direct, = self.tree.made('mkdeb', 'hello/1.0')
        self.assertEqual(self.listing_of(built), self.listing_of(direct))
        # What was built and cleaned is the same source again.
        output_of('dpkg-buildpackage', '-T', 'clean', cwd=work / 'hello-dkms-1.0')
        output_of('dpkg-source', '-b', 'hello-dkms-1.0', cwd=work)

    def listing_of(self, package):
        """Names, modes and contents."""
        top = self.unpack(package)
        return {name: ((top / name).stat().st_mode, (top / name).read_bytes()) for name in files_below(top)
                if not name.endswith('dkms_manifest.json')}

    def test_a_working_directory_is_packaged_without_being_in_a_tree(self):
        for directory in ('above/hello', 'above/hello/.git'):
            (self.tree.root / directory).mkdir(parents=True)
        here = self.tree.root / 'above' / 'hello'
        shutil.copytree(SAMPLES / 'hello-1.0', here, dirs_exist_ok=True)
        before = self.tree.listing()
        made = self.tree.made('mkdeb', directory=here, trees=False) + self.tree.made('mkdsc', directory=here, trees=False)
        made += self.tree.made('mkbmdeb', '-k', self.kernel, directory=here, trees=False)
        self.assertEqual([file.parent for file in made], [here.parent] * 5)
        said = self.tree.succeed('mkdeb', directory=here, trees=False).out
        link, = re.findall(r'^Creating symlink (\S+) ->', said, re.MULTILINE)
        self.assertFalse(pathlib.Path(link).parents[3].exists())
        self.assertEqual([name for name in files_below(self.unpack(made[0])) if name.startswith('usr/src')], SOURCE)
        self.assertEqual(self.tree.listing(), before)
        self.assertEqual(self.tree.legacy('mkdeb', directory=self.tree.root, trees=False).code, 1)


if __name__ == '__main__':
    unittest.main()
