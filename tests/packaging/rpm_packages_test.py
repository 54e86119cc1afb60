#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPMs that are made of modules: what is in them, and that real rpm installs, replaces and removes them."""

import hashlib
import json
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'cli' / 'dkms')]
import anaconda_rules  # noqa: E402
import elf  # noqa: E402
import rpm_system  # noqa: E402
import scratch  # noqa: E402
from rpm_system import KERNELS  # noqa: E402

REASON = rpm_system.reason_to_skip()
ARCH = os.uname().machine
HELLO = 'hello-1.0-1dkms.noarch.rpm'
# What has to be said by whoever gives packages away.
UNSAID = ('no-signature', 'no-packager-tag', 'no-changelogname-tag')
KERNEL_WORDS = [word for kernel in KERNELS for word in ('-k', kernel)]
# As specs for dkms mkrpm are: the macros, a call of dkms mktarball, what lies in SOURCES.
OLD_SPEC = '''
%{?!module_name: %{error: no module_name}}
%{?!version: %{error: no version}}
Name: %{module_name}
Version: %{version}
Release: 1dkms
Summary: by %{module_name}'s own spec, for %{kernel_versions}
License: Unknown
BuildArch: noarch
BuildRequires: dkms
%description
old
%prep
if [ "%mktarball_line" != "none" ]; then
    dkms mktarball -m %module_name -v %version %mktarball_line --archive %{module_name}-%{version}.dkms.tar.gz
    cp %{_dkmsdir}/%{module_name}/%{version}/tarball/%{module_name}-%{version}.dkms.tar.gz .
fi
%install
mkdir -p %{buildroot}/usr/src %{buildroot}/usr/share/%{module_name}
[ ! -d %{_sourcedir}/%{module_name}-%{version} ] || cp -r %{_sourcedir}/%{module_name}-%{version} %{buildroot}/usr/src/
[ ! -e %{module_name}-%{version}.dkms.tar.gz ] || cp *.dkms.tar.gz %{buildroot}/usr/share/%{module_name}/
[ ! -e %{_sourcedir}/common.postinst ] || cp %{_sourcedir}/common.postinst %{buildroot}/usr/share/%{module_name}/postinst
%files
/usr/src/*
/usr/share/%{module_name}
'''


def query(package, *words):
    return subprocess.run(['rpm', '-qp', *words, package], check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def member(package, name):
    """The content of a file in a package."""
    with subprocess.Popen(['rpm2cpio', package], stdout=subprocess.PIPE) as archive:
        return subprocess.run(['cpio', '-i', '--quiet', '--to-stdout', name], stdin=archive.stdout, check=True,
                              stdout=subprocess.PIPE).stdout


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Maker:
    """A system in which modules have been built, once for all."""

    system = None

    @classmethod
    def get(cls):
        if cls.system is None:
            cls.system = rpm_system.RpmSystem()
            for name, version in (('hello', '1.0'), ('edu', '1.0'), ('greeting', '2.1')):
                cls.system.add_source(name, version, f'{name}-{version}')
                cls.system.dkms('build', '-m', f'{name}/{version}', *KERNEL_WORDS)
            cls.system.dkms('mkrpm', '-m', 'hello/1.0', *KERNEL_WORDS)
        return cls.system

    @classmethod
    def delete(cls):
        if cls.system is not None:
            cls.system.__exit__()


def tearDownModule():
    Maker.delete()


def fresh_system(test, **how):
    return test.enterContext(rpm_system.RpmSystem(**how))


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if REASON:
            self.skipTest(REASON)
        self.maker = Maker.get()

    def no_lint(self, package):
        if not shutil.which('rpmlint'):
            self.skipTest('rpmlint is needed')
        said = subprocess.run(['rpmlint', package], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        errors = [line for line in said.splitlines() if ': E: ' in line and not any(word in line for word in UNSAID)]
        # Where DKMS has its script is not for us to say; and macros would put the place where it is made into a source package.
        errors = [line for line in errors if not re.search('hardcoded-library-path in /usr/lib/dkms|use-of-RPM_SOURCE_DIR', line)]
        self.assertEqual(errors, [])
        self.assertIn('badness', said)


class DkmsPackage(Case):
    """dkms mkrpm."""

    def make(self, *words, name='hello', version='1.0', code=0, system=None):
        result = (system or self.maker).run('dkms', 'mkrpm', '-m', f'{name}/{version}', *words)
        self.assertEqual(result.returncode, code, result.stdout)
        return result.stdout

    def source_made_elsewhere(self, **how):
        """A system with a source of its own that has been added and is not built."""
        system = fresh_system(self)
        source = system.add_source(**how)
        conf = (source / 'dkms.conf').read_text()
        name, version = (re.search(f'PACKAGE_{what}="(.*)"', conf)[1] for what in ('NAME', 'VERSION'))
        system.dkms('add', '-m', f'{name}/{version}')
        return system, source

    def test_what_is_in_it(self):
        package = self.maker.products()[HELLO]
        self.assertEqual(query(package, '-l').split(), [
            '/usr/share/hello', '/usr/share/hello/1.0', '/usr/share/hello/1.0/dkms_manifest.json',
            '/usr/share/hello/hello-1.0.dkms.tar.gz', '/usr/share/hello/postinst', '/usr/src/hello-1.0',
            '/usr/src/hello-1.0/Makefile', '/usr/src/hello-1.0/dkms.conf', '/usr/src/hello-1.0/hello.c'])
        owners = query(package, '--qf', '[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]').split()
        self.assertEqual(set(owners), {'root:root'})
        self.assertIn('dkms >= ', query(package, '--requires'))
        manifest = json.loads(member(package, './usr/share/hello/1.0/dkms_manifest.json'))
        self.assertEqual([build['kernel'] for build in manifest['builds']], KERNELS)
        self.no_lint(package)
        self.no_lint(self.maker.products()['hello-1.0-1dkms.src.rpm'])

    def test_devices_that_it_is_for(self):
        self.make(*KERNEL_WORDS, name='edu')
        provided = query(self.maker.products('edu')['edu-1.0-1dkms.noarch.rpm'], '--provides')
        self.assertIn('modalias(pci:v00001234d000011E8sv*sd*bc*sc*i*) = 1.0\n', provided)

    def test_the_same_tree_gives_the_same_bytes(self):
        products = self.maker.products()
        before = {name: digest(products[name]) for name in (HELLO, 'hello-1.0-1dkms.src.rpm')}
        self.assertIn('Wrote: /var/lib/dkms/hello/1.0/rpm/', self.make(*KERNEL_WORDS))
        self.assertEqual({name: digest(products[name]) for name in before}, before)
        self.assertEqual(query(products[HELLO], '--qf', '%{BUILDHOST}'), 'localhost')

    def test_source_only(self):
        system, _ = self.source_made_elsewhere()
        self.make('--source-only', system=system)
        files = query(system.products()[HELLO], '-l')
        self.assertIn('/usr/src/hello-1.0/hello.c', files)
        self.assertNotIn('.dkms.tar.gz', files)

    def test_binaries_only(self):
        system = fresh_system(self)
        system.add_source()
        system.dkms('build', '-m', 'hello/1.0', '-k', KERNELS[0])
        self.make('--binaries-only', '-k', KERNELS[0], '--legacy-postinst=0', system=system)
        files = query(system.products()[HELLO], '-l').split()
        self.assertIn('/usr/share/hello/hello-1.0.dkms.tar.gz', files)
        self.assertNotIn('/usr/src/hello-1.0', files)
        self.assertNotIn('/usr/share/hello/postinst', files)

    def test_version_with_a_dash(self):
        system, _ = self.source_made_elsewhere(version='1.0-rc1')
        self.make('--source-only', version='1.0-rc1', system=system)
        package = system.products(version='1.0-rc1')['hello-1.0~rc1-1dkms.noarch.rpm']
        self.assertIn('/usr/src/hello-1.0-rc1/dkms.conf\n', query(package, '-l'))
        target = fresh_system(self, running=KERNELS[:1])
        target.rpm('-i', package)
        self.assertEqual(target.states()['hello/1.0-rc1', KERNELS[0]], 'installed')

    def test_name_that_no_rpm_can_have(self):
        system, _ = self.source_made_elsewhere(name='hello,x')
        said = self.make('--source-only', name='hello,x', code=7, system=system)
        self.assertIn("cannot be 'hello,x'", said)
        self.assertFalse((system.root / 'var/lib/dkms/hello,x/1.0/rpm').exists())

    def test_exit_codes(self):
        self.make(version='9.9', code=2)
        self.make('-k', '9.9.9', code=5)
        self.make('-k', KERNELS[0], '--spec', 'missing.spec', code=5)
        result = self.maker.run('dkms', 'mkrpm')
        self.assertEqual(result.returncode, 1, result.stdout)

    def test_no_rpmbuild(self):
        system = fresh_system(self, without=['rpmbuild'])
        system.add_source()
        system.dkms('add', '-m', 'hello/1.0')
        self.assertIn('rpmbuild', self.make('--source-only', code=1, system=system))

    def test_foreign_specs_under_their_names(self):
        for name in ('hello-dkms-mkrpm.spec', 'hello-dkms-rpm.spec', 'chosen.spec', 'etc/template-dkms-mkrpm.spec',
                     'etc/template-dkms-rpm.spec'):
            with self.subTest(name=name):
                system, source = self.source_made_elsewhere()
                spec = system.root / 'etc/dkms' / name[4:] if name.startswith('etc/') else source / name
                spec.write_text(OLD_SPEC)
                self.make('--source-only', *(['--spec', name] if name == 'chosen.spec' else []), system=system)
                self.assertIn("by hello's own spec", query(system.products()[HELLO], '--qf', '%{SUMMARY}'))

    def test_foreign_spec_with_builds(self):
        system = fresh_system(self)
        source = system.add_source('edu', '1.0', 'edu-1.0')
        system.dkms('build', '-m', 'edu/1.0', *KERNEL_WORDS)
        (source / 'edu-dkms-mkrpm.spec').write_text(OLD_SPEC)
        self.make(*KERNEL_WORDS, name='edu', system=system)
        package = system.products('edu')['edu-1.0-1dkms.noarch.rpm']
        files = query(package, '-l').split()
        self.assertIn('/usr/share/edu/postinst', files)
        archive = system.root / 'archive.tar.gz'
        archive.write_bytes(member(package, './usr/share/edu/edu-1.0.dkms.tar.gz'))
        listed = subprocess.run(['tar', 'tzf', archive], check=True, text=True, stdout=subprocess.PIPE).stdout.split()
        for kernel in KERNELS:
            self.assertIn(f'./dkms_main_tree/{kernel}/{ARCH}/module/edu.ko', listed)
        self.assertIn('modalias(pci:v00001234', query(package, '--provides'))
        self.assertIn(f'for {" ".join(KERNELS)}', query(package, '--qf', '%{SUMMARY}'))

    def test_foreign_spec_that_is_wrong(self):
        system, source = self.source_made_elsewhere()
        (source / 'hello-dkms-mkrpm.spec').write_text(OLD_SPEC.replace('%install', '%install\nexit 3'))
        self.assertIn('rpmbuild', self.make('--source-only', code=7, system=system))
        self.assertFalse((system.root / 'var/lib/dkms/hello/1.0/rpm').exists())
        self.assertEqual(list((system.root / 'var/tmp').iterdir()), [])  # where it was put together

    def test_source_package_can_be_built_again(self):
        source_package = self.maker.products()['hello-1.0-1dkms.src.rpm']
        system = fresh_system(self)
        (system.root / 'var/tmp' / source_package.name).write_bytes(source_package.read_bytes())
        system.succeed('rpmbuild', '--rebuild', '--nodeps', '--define', '_topdir /var/tmp/top', f'/var/tmp/{source_package.name}')
        again, = (system.root / 'var/tmp/top/RPMS').rglob('*.rpm')
        for words in (['-l'], ['--scripts'], ['--provides']):
            self.assertEqual(query(again, *words), query(self.maker.products()[HELLO], *words))


class Installed(Case):
    """What the scripts of a package of dkms mkrpm do."""

    def setUp(self):
        super().setUp()
        self.package = self.maker.products()[HELLO]
        self.system = fresh_system(self)  # the last of the kernels runs

    def other_package(self, *words, version='1.0', kernels=()):
        maker = fresh_system(self)
        maker.add_source(version=version)
        maker.dkms('add', '-m', f'hello/{version}')
        for kernel in kernels:
            maker.dkms('build', '-m', f'hello/{version}', '-k', kernel)
        maker.dkms('mkrpm', '-m', f'hello/{version}', *words, *(word for kernel in kernels for word in ('-k', kernel)))
        return maker.products(version=version)[f'hello-{version}-1dkms.noarch.rpm']

    def everywhere(self, version, kernels=KERNELS):
        self.assertEqual(self.system.states(), {(f'hello/{version}', kernel): 'installed' for kernel in kernels})
        self.assertEqual(self.system.module_files(), [f'{kernel}/updates/dkms/hello.ko' for kernel in kernels])

    def test_ready_built_modules_for_all_kernels_that_are_there(self):
        before = self.system.listing()
        said = self.system.rpm('-i', self.package)
        self.assertNotIn('scriptlet failed', said)
        self.assertNotIn('Building module', said)
        self.everywhere('1.0')
        self.assertIn('hello-1.0-1dkms', self.system.succeed('rpm', '-qa'))
        self.system.rpm('-e', 'hello')
        self.assertEqual(self.system.states(), {})
        self.assertEqual(self.system.listing(), before)

    def test_kernel_that_is_not_there(self):
        system = fresh_system(self, kernels=KERNELS[-1:])
        system.rpm('-i', self.package)
        self.assertEqual(system.states()['hello/1.0', KERNELS[-1]], 'installed')
        self.assertEqual(system.states()['hello/1.0', KERNELS[0]], 'built')

    def test_kernel_without_headers(self):
        system = fresh_system(self, kernels=[])
        for kernel in KERNELS:
            system.add_kernel(kernel, headers=False)
        self.assertNotIn('scriptlet failed', system.rpm('-i', self.package))
        self.assertEqual(set(system.states().values()), {'installed'})

    def test_running_kernel_that_nothing_has_come_for(self):
        package = self.other_package(kernels=KERNELS[:1])
        said = self.system.rpm('-i', package)
        self.assertIn(f'building hello/1.0 for {KERNELS[-1]}', said)
        self.everywhere('1.0')

    def test_source_only(self):
        self.system.rpm('-i', self.other_package('--source-only'))
        self.everywhere('1.0', KERNELS[-1:])

    def test_binaries_only(self):
        package = self.other_package('--binaries-only', kernels=KERNELS[-1:])
        self.system.rpm('-i', package)
        self.everywhere('1.0', KERNELS[-1:])
        self.system.rpm('-e', 'hello')
        self.assertEqual(self.system.states(), {})

    def test_common_postinst_of_the_system(self):
        package = self.other_package('--source-only', '--legacy-postinst=0')
        self.assertIn('brings no common.postinst', self.system.rpm('-i', package))
        self.system.rpm('-e', 'hello')
        self.system.write_program('usr/libexec/dkms/common.postinst', '#!/bin/sh\necho called with "$@"\nexit 4\n')
        said = self.system.rpm('-i', package)
        self.assertIn('called with hello 1.0 /usr/share/hello', said)
        self.assertIn('exit status 4', said)

    def test_administrator_who_wants_nothing_installed(self):
        (self.system.root / 'etc/dkms/no-autoinstall').touch()
        self.system.rpm('-i', self.package)
        self.assertEqual(self.system.module_files(), [])

    def test_upgrade_and_downgrade(self):
        newer = self.other_package(version='1.1', kernels=KERNELS)
        self.system.rpm('-i', self.package)
        for action, package, version in (('-U', newer, '1.1'), ('-U --oldpackage', self.package, '1.0')):
            said = self.system.rpm(action, package)
            self.assertNotIn('scriptlet failed', said)
            self.assertNotIn('Error!', said)
            self.everywhere(version)
            self.assertEqual(self.system.succeed('rpm', '-qa').split(), [f'hello-{version}-1dkms.noarch'])

    def test_the_same_version_once_more(self):
        self.system.rpm('-i', self.package)
        self.system.rpm('-U --replacepkgs', self.package)
        self.everywhere('1.0')
        self.system.rpm('-e', 'hello')
        self.assertEqual(self.system.states(), {})

    def test_upgrade_to_a_module_that_does_not_build(self):
        maker = fresh_system(self)
        source = maker.add_source(version='1.1')
        (source / 'hello.c').write_text('#error broken\n')
        maker.dkms('add', '-m', 'hello/1.1')
        maker.dkms('mkrpm', '-m', 'hello/1.1', '--source-only')
        self.system.rpm('-i', self.package)
        said = self.system.rpm('-U', maker.products(version='1.1')['hello-1.1-1dkms.noarch.rpm'])
        self.assertIn('exit status 10', said)
        self.assertNotIn('hello/1.0', self.system.dkms('status'))
        self.system.rpm('-e', 'hello')
        self.assertEqual(self.system.states(), {})


class Anywhere(Case):
    """Without a system of its own: in the trees of a caller, whatever rights he has."""

    def setUp(self):
        super().setUp()
        self.trees = self.enterContext(scratch.Scratch())
        self.source = self.trees.add_source()
        self.assertEqual(self.trees.dkmsctl('add', 'hello/1.0').code, 0)

    def make(self, env=None):
        words = [scratch.BUILD / 'client' / 'dkms', 'mkrpm', '-m', 'hello/1.0', '--source-only', *self.trees.words()]
        environment = {'PATH': rpm_system.PATH, 'HOME': str(self.trees.root), **(env or {})}
        result = subprocess.run(words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return result.returncode, result.stdout

    def products(self):
        return {path.name: digest(path) for path in (self.trees.dkms / 'hello/1.0/rpm').iterdir()}

    def test_the_same_source_gives_the_same_bytes_anywhere(self):
        self.assertEqual(self.make({'SOURCE_DATE_EPOCH': '86400'})[0], 0)
        before = self.products()
        (self.trees.root / '.rpmmacros').write_text('%_buildhost elsewhere\n%packager me\n')
        os.utime(self.source / 'hello.c')
        os.chmod(self.source / 'hello.c', 0o600)
        self.assertEqual(self.make({'SOURCE_DATE_EPOCH': '86400', 'TZ': 'Asia/Tokyo', 'LC_ALL': 'de_DE.UTF-8'})[0], 0)
        self.assertEqual(self.products(), before)

    def test_foreign_spec_gets_nowhere(self):
        self.source.chmod(0o777)
        spec = self.source / 'hello-dkms-mkrpm.spec'
        spec.write_text(OLD_SPEC.replace('%install', f'%install\ntouch {self.source}/escaped /var/tmp/escaped || :'))
        code, said = self.make()
        self.assertEqual(code, 0, said)
        self.assertFalse((self.source / 'escaped').exists())
        self.assertFalse(os.path.exists('/var/tmp/escaped'))


class KmodPackage(Case):
    """RPMs of nothing but built modules."""

    @classmethod
    def setUpClass(cls):
        if REASON:
            return
        cls.events = {name: Maker.get().pack_kmod(name, version) for name, version in (('edu', '1.0'), ('greeting', '2.1'))}

    def package(self, kernel, name='edu', version='1.0'):
        part = kernel.replace('-', '_')
        return self.maker.products(name, version)[f'kmod-{name}-{version}-1.k{part}.{ARCH}.rpm']

    def test_one_for_each_kernel(self):
        for kernel in KERNELS:
            files = query(self.package(kernel), '-l').split()
            self.assertIn(f'/lib/modules/{kernel}/extra/edu/edu.ko', files)
            manifest = json.loads(member(self.package(kernel), f'./usr/share/kmod-edu/{kernel}/dkms_manifest.json'))
            build, = manifest['builds']
            self.assertEqual(build['kernel'], kernel)
            module = member(self.package(kernel), f'./lib/modules/{kernel}/extra/edu/edu.ko')
            self.assertIn({'file': 'edu.ko', 'sha256': hashlib.sha256(module).hexdigest()}, build['modules'])
            self.no_lint(self.package(kernel))

    def test_dependencies_tell_what_fits(self):
        package = self.package(KERNELS[0])
        self.assertEqual(query(package, '--qf', '%{ARCH}'), ARCH)
        provided = query(package, '--provides')
        for line in ('modalias(pci:v00001234d000011E8sv*sd*bc*sc*i*) = 1.0', 'kmod(edu.ko) = 1.0'):
            self.assertIn(line + '\n', provided)
        module = self.maker.root / f'var/lib/dkms/edu/1.0/{KERNELS[0]}/{ARCH}/module/edu.ko'
        versions = subprocess.run(['modprobe', '--dump-modversions', module], check=True, text=True, stdout=subprocess.PIPE).stdout
        wanted = {f'kernel({symbol}) = {crc}' for crc, symbol in (line.split() for line in versions.splitlines())}
        found = {line for line in query(package, '--requires').splitlines() if line.startswith('kernel(')}
        self.assertEqual(found, wanted)

    def test_symbols_among_its_own_modules(self):
        package = self.package(KERNELS[0], 'greeting', '2.1')
        self.assertRegex(query(package, '--provides'), r'ksym\(greeting_words\) = 0x[0-9a-f]{8}\n')
        self.assertNotIn('greeting_words', query(package, '--requires'))

    def test_another_architecture_and_names_as_red_hat_has_them(self):
        system = fresh_system(self)
        kernel = '5.14.0-70.13.1.el9_0.aarch64'
        system.add_source()
        system.dkms('add', '-m', 'hello/1.0')
        module = system.root / f'var/lib/dkms/hello/1.0/{kernel}/aarch64/module/hello.ko.xz'
        module.parent.mkdir(parents=True)
        module.write_bytes(lzma.compress(elf.module_bytes(kernel, 'aarch64', version='3 beta', alias='usb:v1p2*')))
        events = system.pack_kmod('hello', '1.0', [kernel], 'aarch64')
        self.assertEqual([event for event in events if event.get('event') == 'warning'], [])
        package = system.products()['kmod-hello-1.0-1.k5.14.0_70.13.1.el9_0.aarch64.rpm']
        self.assertEqual(query(package, '--qf', '%{ARCH}'), 'aarch64')
        provided = query(package, '--provides')
        self.assertIn(f'kernel-modules >= {kernel}\n', provided)
        self.assertIn('modalias(usb:v1p2*) = 3_beta\n', provided)
        self.assertIn(f'kernel-uname-r = {kernel}\n', query(package, '--requires'))  # its symbols have no versions
        self.assertEqual(anaconda_rules.complaints(package, kernel, 'aarch64'), [])
        self.assertEqual(anaconda_rules.files_used(package), ['extra/hello/hello.ko.xz'])
        self.assertTrue(anaconda_rules.is_meant_for(package, '5.14.0-71.el9.aarch64'))
        self.assertFalse(anaconda_rules.is_meant_for(package, '5.14.0-70.12.1.el9_0.aarch64'))

    def test_kernels_that_a_dependency_cannot_name(self):
        changed = [kernel for kernel in KERNELS if kernel.count('-') > 1]
        warned = [event['parameters']['kernel'] for event in self.events['edu'] if event.get('event') == 'warning']
        self.assertEqual(warned, changed)

    def test_anaconda_takes_it(self):
        for kernel in KERNELS:
            package = self.package(kernel)
            self.assertEqual(anaconda_rules.complaints(package, kernel), [])
            self.assertFalse(anaconda_rules.is_meant_for(package, '5.10.0-1'))
            self.assertTrue(anaconda_rules.is_meant_for(package, '6.99.0-1'))
            self.assertEqual(anaconda_rules.files_used(package), ['extra/edu/edu.ko'])

    def test_anaconda_does_not_take_a_package_for_dkms(self):
        self.assertEqual(len(anaconda_rules.complaints(self.maker.products()[HELLO], KERNELS[0])), 3)

    def test_installs_and_goes(self):
        system = fresh_system(self)
        before = system.listing()
        system.rpm('-i', *(self.package(kernel) for kernel in KERNELS))
        self.assertEqual(system.module_files(), [f'{kernel}/extra/edu/edu.ko' for kernel in KERNELS])
        for kernel in KERNELS:
            self.assertIn('pci:v00001234', (system.root / 'modules' / kernel / 'modules.alias').read_text())
            self.assertIn('extra/edu/edu.ko', system.succeed('modinfo', '-k', kernel, '-F', 'filename', 'edu'))
        system.rpm('-e --allmatches', 'kmod-edu')
        self.assertNotIn('pci:v00001234', (system.root / 'modules' / KERNELS[0] / 'modules.alias').read_text())
        self.assertEqual({path for path in system.listing() - before if not re.search(r'/(extra|modules\..*)$', path)}, set())

    def test_kernels_that_are_compatible_are_told(self):
        system = fresh_system(self)
        system.write_program('var/tmp/weak-modules', '#!/bin/sh\necho weak-modules "$@"\ncat\n')
        text = query(self.package(KERNELS[0]), '--scripts').replace('/usr/sbin/weak-modules', '/var/tmp/weak-modules')
        before, after = (re.search(rf'(?s)\n?{name} scriptlet[^\n]*\n(.*?exit 0)', text)[1] for name in ('postinstall', 'postuninstall'))
        place = f'/lib/modules/{KERNELS[0]}/extra/edu/edu.ko'
        system.rpm('-i --noscripts', self.package(KERNELS[0]))
        self.assertIn(f'weak-modules --add-modules --no-initramfs\n{place}', system.succeed('sh', '-c', before))
        self.assertNotIn(place, system.succeed('sh', '-c', after))  # an upgrade: it is there
        system.rpm('-e --noscripts', 'kmod-edu')
        self.assertIn(f'weak-modules --remove-modules --no-initramfs\n{place}', system.succeed('sh', '-c', after))

    def test_the_same_tree_gives_the_same_bytes(self):
        before = {path.name: digest(path) for path in self.maker.products('edu').values() if path.name.startswith('kmod-')}
        self.maker.pack_kmod('edu', '1.0')
        self.assertEqual({name: digest(self.maker.products('edu')[name]) for name in before}, before)


class KmpSource(Case):
    """dkms mkkmp."""

    def test_the_same_tree_gives_the_same_bytes(self):
        digests = set()
        for _ in range(2):
            self.make('-k', KERNELS[0])
            digests.add(digest(self.maker.products('greeting', '2.1')['greeting-2.1-1.src.rpm']))
        self.assertEqual(len(digests), 1)

    def make(self, *words, code=0, name='greeting', version='2.1', system=None):
        result = (system or self.maker).run('dkms', 'mkkmp', '-m', f'{name}/{version}', *words)
        self.assertEqual(result.returncode, code, result.stdout)
        return result.stdout

    def test_source_as_make_finds_it(self):
        said = self.make('-k', KERNELS[0])
        self.assertIn('KMP SRPM location: /var/lib/dkms/greeting/2.1/rpm/', said)
        package = self.maker.products('greeting', '2.1')['greeting-2.1-1.src.rpm']
        self.assertEqual(query(package, '-l').split(), ['greeting-2.1.tar.bz2', 'greeting.spec'])
        archive = self.maker.root / 'var/tmp/source.tar.bz2'
        archive.write_bytes(member(package, 'greeting-2.1.tar.bz2'))
        source = self.maker.root / 'var/tmp/source'
        source.mkdir()
        subprocess.run(['tar', 'xjf', archive, '-C', source], check=True)
        self.assertTrue((source / 'greeting-2.1/driver/configured.h').exists())  # PRE_BUILD makes it
        self.assertNotEqual((source / 'greeting-2.1/driver/greeting.c').read_text(),
                            (self.maker.root / 'usr/src/greeting-2.1/driver/greeting.c').read_text())  # patched
        self.no_lint(package)

    def test_spec_of_the_source(self):
        system = fresh_system(self)
        source = system.add_source()
        (source / 'hello-kmp.spec').write_text('Name: hello\nVersion: 7\nRelease: 1\nSummary: s\nLicense: x\n'
                                               'Source: hello-1.0.tar.bz2\n%description\nd\n')
        (source / 'other.spec').write_text((source / 'hello-kmp.spec').read_text().replace('Version: 7', 'Version: 8'))
        system.dkms('add', '-m', 'hello/1.0')
        self.make('-k', KERNELS[0], name='hello', version='1.0', system=system)
        self.make('-k', KERNELS[0], '--spec', 'other.spec', name='hello', version='1.0', system=system)
        self.assertEqual(list(system.products()), ['hello-7-1.src.rpm', 'hello-8-1.src.rpm'])
        self.make('-k', KERNELS[0], '--spec', 'missing.spec', code=5, name='hello', version='1.0', system=system)

    def test_exit_codes(self):
        self.make(*KERNEL_WORDS, code=4)
        self.make('--all', code=5)
        self.make('-k', '9.9.9', code=21)
        self.make('-k', KERNELS[0], code=2, version='9')
        system = fresh_system(self)
        source = system.add_source()
        with (source / 'dkms.conf').open('a') as conf:
            conf.write('PATCH[0]=missing.patch\n')
        system.dkms('add', '-m', 'hello/1.0')
        self.make('-k', KERNELS[0], code=5, name='hello', version='1.0', system=system)
        (source / 'dkms.conf').write_text((source / 'dkms.conf').read_text().replace('PATCH[0]=', 'BUILD_EXCLUSIVE_KERNEL=^9 #'))
        self.make('-k', KERNELS[0], code=77, name='hello', version='1.0', system=system)


if __name__ == '__main__':
    unittest.main()
