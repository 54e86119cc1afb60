#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""mkdriverdisk: the disks are read by the tools of their formats, and taken by installers' rules (installer_rules.py)."""

import hashlib
import io
import os
import pathlib
import re
import sys
import tarfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
for directory in ('cli/dkms', 'real'):
    sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent / directory))
import elf  # noqa: E402
import installer_rules as rules  # noqa: E402
from products import ARCH, ProductTree, files_below, output_of  # noqa: E402
from real_modules_test import unpack  # noqa: E402

DEBIAN_ARCH = {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(ARCH, ARCH)
OTHER = 'aarch64' if ARCH == 'x86_64' else 'x86_64'
FIXED = {'SOURCE_DATE_EPOCH': '1000000000'}
MTOOLS = {**os.environ, 'MTOOLS_SKIP_CHECK': '1', 'TZ': 'UTC', 'LC_ALL': 'C.UTF-8'}


def digest(content):
    return hashlib.sha256(content).hexdigest()


def digests(files):
    return {name: digest(content) for name, content in files.items()}


class Disks(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.tree = ProductTree().__enter__()
        cls.addClassCleanup(cls.tree.__exit__)
        cls.tree.build(*cls.tree.kernels)
        cls.kernel = cls.tree.kernels[0]
        cls.all = [word for kernel in cls.tree.kernels for word in ('-k', kernel)]

    def built(self, kernel=None, arch=ARCH):
        """The digest of a built module."""
        return digest((self.tree.version / (kernel or self.kernel) / arch / 'module' / 'hello.ko').read_bytes())

    def make(self, *words, **how):
        disk, = self.tree.made('mkdriverdisk', 'hello/1.0', *words, **how)
        return disk

    def label_of(self, disk):
        said = output_of('blkid', '-p', '-o', 'export', disk)
        return (re.findall('^TYPE=(.*)$', said, re.MULTILINE) + re.findall('^LABEL=(.*)$', said, re.MULTILINE) + [''])[:2]

    def unpack(self, disk):
        """What an installer sees when it has mounted or unpacked the disk."""
        top = self.tree.unpacked()
        if disk.suffix == '.iso':
            output_of('xorriso', '-osirrox', 'on', '-indev', disk, '-extract', '/', top)
        elif disk.suffix == '.tar':
            output_of('tar', '-xf', disk, '-C', top)
        elif disk.suffix == '.gz':
            output_of('sh', '-c', f'gzip -dc {disk} | cpio -idm --quiet', cwd=top)
        elif self.label_of(disk)[0] == 'vfat':
            output_of('mcopy', '-s', '-m', '-i', disk, '::/', top, env=MTOOLS)
        else:
            said = output_of('debugfs', '-R', f'rdump / {top}', disk)
            self.assertNotIn('error', said)
            output_of('e2fsck', '-f', '-n', disk)
        output_of('chmod', '-R', 'u+rwX', top)
        return top

    def other_arch(self, release='6.1.0-9-other'):
        """A build for another machine; returns the kernel's words."""
        directory = self.tree.version / release / OTHER / 'module'
        if not directory.exists():
            directory.mkdir(parents=True)
            (directory / 'hello.ko').write_bytes(elf.module_bytes(release, OTHER, license='GPL', description='other'))
        return ['-k', f'{release}/{OTHER}']

    # --- Red Hat, the first stage of old ---

    def test_redhat1(self):
        disk = self.make('-d', 'redhat1', *self.all)
        kernels = '-'.join(f'kernel{kernel}-{ARCH}' for kernel in self.tree.kernels)
        self.assertEqual(disk.name, f'hello-1.0-{kernels}-dd.img')
        self.assertEqual(self.label_of(disk), ['vfat', ''])
        self.assertEqual(disk.stat().st_size, 1440 * 1024)
        top = self.unpack(disk)
        self.assertEqual((top / 'rhdd-6.1').read_text(), 'hello-1.0 driver disk\n')
        for kernel in self.tree.kernels:
            for needs_pcitable in (False, True):
                self.assertEqual(digests(rules.redhat_loader(top, kernel, ARCH, needs_pcitable)), {'hello': self.built(kernel)})
        with self.assertRaises(rules.Refused):
            rules.redhat_loader(top, '2.6.18-8.el5', ARCH)
        listing = output_of('sh', '-c', 'gzip -dc modules.cgz | cpio -itv', cwd=top)
        self.assertIn(f'{self.kernel}/hello.ko', listing)

    def test_redhat2_for_several_architectures(self):
        for distribution in ('redhat2', 'redhat'):
            top = self.unpack(self.make('-d', distribution, '-k', f'{self.kernel}/{ARCH}', *self.other_arch()))
            self.assertTrue((top / 'rhdd').exists())
            self.assertFalse((top / 'rhdd-6.1').exists())
            self.assertEqual(digests(rules.redhat_loader(top, self.kernel, ARCH)), {'hello': self.built()})
            self.assertIn('hello', rules.redhat_loader(top, '6.1.0-9-other', OTHER))
        result = self.tree.legacy('mkdriverdisk', 'hello/1.0', '-d', 'redhat1', '-k', f'{self.kernel}/{ARCH}', *self.other_arch())
        self.assertEqual(result.code, 3)

    def test_files_of_the_source_go_before_those_that_are_made(self):
        own = self.tree.sources / 'hello-1.0' / 'redhat_driver_disk'
        own.mkdir()
        self.addCleanup(output_of, 'rm', '-r', own)
        (own / 'modinfo').write_text('Version 0\nhello\n\teth\n\t"Mine"\n')
        (own / 'pci.ids').write_text('x\n')
        (own / 'else').write_text('x\n')
        top = self.unpack(self.make('-d', 'redhat1', '-k', self.kernel))
        self.assertEqual(rules.loader_modinfo((top / 'modinfo').read_text()), {'hello': ('eth', 'Mine')})
        self.assertIn('pci.ids', files_below(top))
        self.assertNotIn('else', files_below(top))
        self.assertIn('hello', rules.redhat_loader(top, self.kernel, ARCH, True))

    # --- Anaconda ---

    def test_anaconda_takes_the_package_for_its_kernel_only(self):
        disk = self.make('-d', 'redhat3', *self.all)
        self.assertEqual(disk.name, 'hello-1.0-dd.img')
        self.assertEqual(self.label_of(disk), ['vfat', 'OEMDRV'])
        top = self.unpack(disk)
        for kernel in self.tree.kernels:
            found = digests(rules.anaconda(top, kernel, ARCH))
            self.assertIn(self.built(kernel), found.values())
        with self.assertRaises(rules.Refused):
            rules.anaconda(top, '4.18.0-1', ARCH)
        with self.assertRaises(rules.Refused):
            rules.anaconda(top, self.kernel, OTHER)
        index = (top / 'rpms' / ARCH / 'repodata' / 'repomd.xml').read_text()
        for path in re.findall('href="([^"]*)"', index):
            self.assertTrue((top / 'rpms' / ARCH / path).exists())
        packages = output_of('sh', '-c', 'zcat repodata/*primary.xml.gz', cwd=top / 'rpms' / ARCH)
        self.assertEqual(packages.count('<package type="rpm">'), len(self.tree.kernels))

    def test_without_createrepo_the_disk_is_made_all_the_same(self):
        made = self.tree.legacy('mkdriverdisk', 'hello/1.0', '-d', 'redhat3', '-k', self.kernel, without=['createrepo_c'])
        self.assertEqual(made.code, 0, str(made))
        self.assertIn('createrepo-c', made.err)
        top = self.unpack(self.tree.version / 'driver_disk' / 'hello-1.0-dd.img')
        self.assertTrue(rules.anaconda(top, self.kernel, ARCH))
        self.assertFalse((top / 'rpms' / ARCH / 'repodata').exists())

    # --- SUSE ---

    def test_linuxrc_and_yast(self):
        disk = self.make('-d', 'suse', '-r', 'sles15', *self.all)
        self.assertEqual(disk.name, 'hello-1.0-suse-sles15-dd.img')
        self.assertEqual(self.label_of(disk), ['ext2', 'OEMDRV'])
        top = self.unpack(disk)
        update, = rules.linuxrc(top, f'{ARCH}-sles15')
        self.assertEqual(update.order, ['hello'])
        self.assertIn(digest(update.module('hello').read_bytes()), [self.built(kernel) for kernel in self.tree.kernels])
        self.assertEqual(update.config['updatename'], ['hello-1.0: hello'])
        self.assertEqual(digests(rules.yast_installs(update)),
                         {f'lib/modules/{kernel}/updates/hello.ko': self.built(kernel) for kernel in self.tree.kernels})
        post = update.directory / 'install' / 'update.post'
        self.assertEqual(post.stat().st_mode & 0o777, 0o755)
        output_of('sh', '-n', post)
        for kernel in self.tree.kernels:
            self.assertIn(kernel, post.read_text())
        with self.assertRaises(rules.Refused):
            rules.linuxrc(top, f'{ARCH}-sles12')
        with self.assertRaises(rules.Refused):
            rules.linuxrc(top, f'{OTHER}-sles15')

    def test_the_kernel_of_the_installer_is_the_default_one(self):
        for release in ('6.4.0-1-default', '6.4.0-2-default', '6.9.0-1-kvm'):
            directory = self.tree.version / release / ARCH / 'module'
            directory.mkdir(parents=True)
            self.addCleanup(output_of, 'rm', '-r', directory.parent.parent)
            (directory / 'hello.ko').write_bytes(elf.module_bytes(release, ARCH, depends='crc8'))
        top = self.unpack(self.make('-d', 'suse', '-r', 'sles16.0', '-k', '6.4.0-1-default', '-k', '6.4.0-2-default', '-k', '6.9.0-1-kvm'))
        needed, update = rules.linuxrc(top, f'{ARCH}-sles16.0')
        self.assertEqual(needed.order, ['crc8'])
        self.assertEqual(elf.modinfo(update.module('hello').read_bytes(), 'vermagic').split()[0], '6.4.0-2-default')
        self.assertEqual(len(rules.yast_installs(update)), 3)
        files, order = rules.agama(top, ARCH, 'sles16.0')
        self.assertEqual((list(files), order), (['hello.ko'], ['crc8', 'hello']))

    def test_modules_are_loaded_after_those_they_need(self):
        directory = self.tree.version / '6.4.0-5-default' / ARCH / 'module'
        directory.mkdir(parents=True)
        self.addCleanup(output_of, 'rm', '-r', directory.parent.parent)
        for name, depends in (('a', 'b-part,crc8'), ('b_part', 'c'), ('c', '')):
            (directory / f'{name}.ko').write_bytes(elf.module_bytes('6.4.0-5-default', ARCH, depends=depends, name=name))
        top = self.unpack(self.make('-d', 'suse', '-r', 'tw', '-d', 'UnitedLinux', '-k', '6.4.0-5-default'))
        orders = [update.order for update in rules.linuxrc(top, f'{ARCH}-tw')]
        self.assertEqual(orders, [['crc8'], ['c'], ['b_part'], ['a']])
        self.assertEqual(rules.agama(top, ARCH, 'tw')[1], ['crc8', 'c', 'b_part', 'a'])
        self.assertTrue((top / '04' / 'linux' / 'UnitedLinux' / f'{ARCH}-tw' / 'modules' / 'a.ko').exists())

    # --- the Debian installer ---

    def test_the_debian_installer(self):
        disk = self.make('-d', 'debian', '-r', 'bookworm', *self.all)
        self.assertEqual(disk.name, 'hello-1.0-debian-bookworm-dd.img')
        self.assertEqual(self.label_of(disk), ['vfat', 'OEMDRV'])
        top = self.unpack(disk)
        self.assertEqual(digests(rules.debian_installer(top, 'Debian', 'bookworm', DEBIAN_ARCH)),
                         {f'lib/modules/{kernel}/updates/dkms/hello.ko': self.built(kernel) for kernel in self.tree.kernels})
        for codename, arch in (('trixie', DEBIAN_ARCH), ('bookworm', 'mips')):
            with self.assertRaises(rules.Refused):
                rules.debian_installer(top, 'Debian', codename, arch)

    def test_ubuntu_of_old(self):
        disk = self.make('-d', 'ubuntu', '-k', self.kernel)
        self.assertEqual(disk.name, 'hello-1.0-ubuntu-dd.img')
        self.assertEqual(self.label_of(disk)[0], 'ext2')
        top = self.unpack(disk)
        package, = (top / 'ubuntu-drivers' / re.split('[-_]', self.kernel)[0]).iterdir()
        self.assertEqual(package.name, f'hello_1.0-{self.kernel}_{DEBIAN_ARCH}.deb')
        self.assertEqual(output_of('dpkg-deb', '-f', package, 'Version').strip(), '1.0-1')
        self.assertIn('uname -r', output_of('dpkg-deb', '-I', package, 'preinst'))
        self.assertEqual((top / 'ubuntu' / 'hello-1.0' / 'hello.c').read_bytes(),
                         (self.tree.sources / 'hello-1.0' / 'hello.c').read_bytes())

    # --- one disk for all, and every medium ---

    def test_one_disk_serves_every_installer(self):
        for media in ('img', 'iso'):
            disk = self.make('-d', 'all', '-r', 'sles15', '-r', 'bookworm', '-r', 'jammy', '--media', media, *self.all)
            self.assertEqual(self.label_of(disk), ['vfat' if media == 'img' else 'iso9660', 'OEMDRV'])
            top = self.unpack(disk)
            self.assertIn(self.built(), digests(rules.anaconda(top, self.kernel, ARCH)).values())
            self.assertEqual(rules.linuxrc(top, f'{ARCH}-sles15')[0].order, ['hello'])
            for distribution, codename in (('Debian', 'bookworm'), ('Ubuntu', 'jammy')):
                self.assertTrue(rules.debian_installer(top, distribution, codename, DEBIAN_ARCH))
            self.assertIn(rules.linuxrc_archive_kind(disk.read_bytes()), ('vfat', 'iso9660'))

    def test_several_architectures_are_on_one_disk(self):
        top = self.unpack(self.make('-d', 'redhat3', '-d', 'suse', '-d', 'debian', '-r', '', '-r', 'sles15', '-r', 'bookworm',
                                    '-k', f'{self.kernel}/{ARCH}', *self.other_arch()))
        for arch in (ARCH, OTHER):
            self.assertEqual(rules.linuxrc(top, f'{arch}-sles15')[0].order, ['hello'])
        self.assertIn(self.built(), digests(rules.anaconda(top, self.kernel, ARCH)).values())
        self.assertTrue(rules.anaconda(top, '6.1.0-9-other', OTHER))
        other = {'aarch64': 'arm64', 'x86_64': 'amd64'}[OTHER]
        self.assertEqual(list(rules.debian_installer(top, 'Debian', 'bookworm', other)), ['lib/modules/6.1.0-9-other/updates/dkms/hello.ko'])

    def test_archives_have_the_formats_that_linuxrc_knows(self):
        for media, kind in (('tar', 'tar'), ('cpio.gz', 'cpio')):
            disk = self.make('-d', 'suse', '-r', 'sles15', '--media', media, '-k', self.kernel)
            self.assertEqual(disk.name, f'hello-1.0-suse-sles15-dd.{media}')
            self.assertEqual(rules.linuxrc_archive_kind(disk.read_bytes()), kind)
            module = rules.linuxrc(self.unpack(disk), f'{ARCH}-sles15')[0].module('hello')
            self.assertEqual(digest(module.read_bytes()), self.built())
        with tarfile.open(fileobj=io.BytesIO((self.tree.version / 'driver_disk' / 'hello-1.0-suse-sles15-dd.tar').read_bytes())) as archive:
            self.assertEqual({(member.uid, member.gid) for member in archive}, {(0, 0)})

    def test_the_same_tree_gives_the_same_bytes(self):
        everything = ['-d', 'all', '-r', 'sles15', '-r', 'bookworm']
        kinds = [[*everything, '--media', media] for media in ('img', 'iso', 'tar', 'cpio.gz')]
        kinds += [['-d', 'suse', '-r', 'sles15'], ['-d', 'redhat1'], ['-d', 'ubuntu']]
        # The second of a kind is made after all others, so that their clocks differ.
        first, second = ([digest(self.make(*words, '-k', self.kernel, env=FIXED).read_bytes()) for words in kinds] for _ in range(2))
        self.assertEqual(first, second)

    def test_times_and_owners_in_file_systems_are_not_those_of_today(self):
        disk = self.make('-d', 'redhat1', '-k', self.kernel, env=FIXED)
        listing = output_of('mdir', '-i', disk, '::/', env=MTOOLS)
        self.assertEqual(set(re.findall(r'\d{4}-\d\d-\d\d', listing)), {'2001-09-09'})
        disk = self.make('-d', 'suse', '-r', 'sles15', '-k', self.kernel, env=FIXED)
        entries = [line.split('/') for line in output_of('debugfs', '-R', 'ls -p /01/linux', disk).splitlines() if line.startswith('/')]
        self.assertEqual({(uid, gid) for _, _, _, uid, gid, *_ in entries}, {('0', '0')})
        self.assertNotIn('lost+found', output_of('debugfs', '-R', 'ls -p /', disk))
        facts = output_of('debugfs', '-R', 'stat /01/linux/suse', disk)
        self.assertEqual(set(re.findall(r'[acm]time: 0x([0-9a-f]+)', facts)), {'3b9aca00'})

    # --- what does not work ---

    def check_refused(self, code, text, *words, **how):
        before = self.tree.listing()
        result = self.tree.legacy('mkdriverdisk', 'hello/1.0', *words, **how)
        self.assertEqual(result.code, code, str(result))
        self.assertIn(text, result.err)
        self.assertEqual(self.tree.listing(), before)

    def test_what_does_not_fit_says_how_much_is_needed(self):
        big = self.tree.sources / 'hello-1.0' / 'big'
        big.write_bytes(os.urandom(2_000_000))
        self.addCleanup(big.unlink)
        said = self.tree.legacy('mkdriverdisk', 'hello/1.0', '-d', 'ubuntu', '--media', 'floppy', '-k', self.kernel)
        self.assertEqual(said.code, 5)
        needed = int(re.search('it needs ([0-9]+) KiB, and 1440 are there', said.err).group(1))
        disk = self.make('-d', 'ubuntu', '--media', 'floppy', '--size', str(needed), '-k', self.kernel)
        self.assertEqual(disk.stat().st_size, needed * 1024)
        # Both file systems grow until everything is in them.
        for words in (['-d', 'ubuntu'], ['-d', 'ubuntu', '-d', 'redhat1']):
            top = self.unpack(self.make(*words, '-k', self.kernel))
            self.assertEqual((top / 'ubuntu' / 'hello-1.0' / 'big').read_bytes(), big.read_bytes())
        for words in (['-d', 'redhat1'], ['-d', 'suse', '-r', 'x']):
            for size in ('1', '30'):
                self.check_refused(5, 'does not fit', *words, '--media', 'floppy', '--size', size, *self.all)

    def test_names_that_fat_does_not_know_are_refused(self):
        source = self.tree.sources / 'hello-1.0'
        for name in ('HELLO.C', 'a:b'):
            (source / name).write_text('')
            self.check_refused(7, 'FAT', '-d', 'ubuntu', '-d', 'redhat1', '-k', self.kernel)
            self.make('-d', 'ubuntu', '-k', self.kernel)
            (source / name).unlink()
        (source / 'link.h').symlink_to('hello.c')
        self.addCleanup((source / 'link.h').unlink)
        top = self.unpack(self.make('-d', 'ubuntu', '-d', 'redhat1', '-k', self.kernel))
        self.assertEqual((top / 'ubuntu/hello-1.0/link.h').read_bytes(), (source / 'hello.c').read_bytes())

    def test_what_is_not_understood(self):
        kernel = ['-k', self.kernel]
        self.check_refused(1, '-d', *kernel)
        self.check_refused(1, 'usb', '-d', 'redhat3', '--media', 'usb', *kernel)
        self.check_refused(3, 'gentoo', '-d', 'gentoo', *kernel)
        self.check_refused(3, 'release', '-d', 'suse', *kernel)
        self.check_refused(3, 'release', '-d', 'debian', *kernel)
        self.check_refused(3, 'etch', '-d', 'all', '-r', 'etch', *kernel)
        self.check_refused(3, 'directory', '-d', 'suse', '-r', '../../x', *kernel)
        self.check_refused(3, 'label', '-d', 'redhat3', '--label', 'MUCH-TOO-LONG', *kernel)
        self.check_refused(5, 'not built', '-d', 'redhat3', '-k', '1.2.3')
        self.assertEqual(self.tree.legacy('mkdriverdisk', 'other/1.0', '-d', 'redhat3', *kernel).code, 2)

    def test_programs_that_are_missing_are_named_before_anything_is_made(self):
        for words, program, package in ((['-d', 'redhat1'], 'mkfs.vfat', 'dosfstools'), (['-d', 'redhat1'], 'mcopy', 'mtools'),
                                        (['-d', 'suse', '-r', 'x'], 'mke2fs', 'e2fsprogs'), (['-d', 'suse', '-r', 'x'], 'debugfs', 'e2fsprogs'),
                                        (['-d', 'redhat3'], 'rpmbuild', 'rpm'), (['-d', 'debian', '-r', 'x'], 'dpkg-deb', 'dpkg'),
                                        (['-d', 'redhat1', '--media', 'iso'], 'xorriso', 'xorriso')):
            self.check_refused(1, f'Install the package {package}', *words, '-k', self.kernel, without=[program])
        self.make('-d', 'suse', '-r', 'x', '--media', 'tar', '-k', self.kernel)

    def test_labels_can_be_chosen(self):
        self.assertEqual(self.label_of(self.make('-d', 'redhat3', '--label', 'MINE', '-k', self.kernel))[1], 'MINE')
        self.assertEqual(self.label_of(self.make('-d', 'redhat1', '--label', 'OEMDRV', '-k', self.kernel))[1], 'OEMDRV')

    def test_a_changed_module_does_not_go_out(self):
        module = self.tree.version / self.kernel / ARCH / 'module' / 'hello.ko'
        content = module.read_bytes()
        self.addCleanup(module.write_bytes, content)
        module.write_bytes(content + b'x')
        self.check_refused(7, 'not as it was when it was built', '-d', 'suse', '-r', 'x', '-k', self.kernel)


class RealModule(unittest.TestCase):
    """One of Debian's packages, whose module needs one of the kernel's."""

    def test_every_installer_takes_it(self):
        with ProductTree() as tree:
            name, version = unpack('v4l2loopback-dkms', tree)
            kernel = tree.kernels[0]
            tree.add_kernel(kernel)
            tree.succeed('add', f'{name}/{version}')
            tree.succeed('build', f'{name}/{version}', '-k', kernel)
            disk, = tree.made('mkdriverdisk', f'{name}/{version}', '-k', kernel, '-d', 'all', '-r', 'sles15', '-r', 'bookworm')
            top = tree.unpacked('seen')
            output_of('mcopy', '-s', '-m', '-i', disk, '::/', top, env=MTOOLS)
            built = digest((tree.dkms / name / version / kernel / ARCH / 'module' / f'{name}.ko').read_bytes())
            for taken in (rules.anaconda(top, kernel, ARCH), rules.debian_installer(top, 'Debian', 'bookworm', DEBIAN_ARCH)):
                self.assertEqual(list(digests(taken).values()), [built])
            self.assertEqual([update.order for update in rules.linuxrc(top, f'{ARCH}-sles15')], [['videodev'], [name]])
            disk, = tree.made('mkdriverdisk', f'{name}/{version}', '-k', kernel, '-d', 'redhat2')
            top = tree.unpacked('seen')
            output_of('mcopy', '-s', '-m', '-i', disk, '::/', top, env=MTOOLS)
            self.assertEqual(digests(rules.redhat_loader(top, kernel, ARCH)), {name: built})
            self.assertEqual((top / 'modules.dep').read_text(), f'{name}: videodev\n')
            description = rules.loader_modinfo((top / 'modinfo').read_text())[name][1]
            self.assertIn('V4L2 loopback', description)


if __name__ == '__main__':
    unittest.main()
