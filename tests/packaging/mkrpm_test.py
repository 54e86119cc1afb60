#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPMs that dkms mkrpm makes: what is in them, and of which specs they are made."""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import rpm_system  # noqa: E402
import scratch  # noqa: E402
import rpm_products  # noqa: E402
from rpm_products import ARCH, HELLO, KERNEL_WORDS, KERNELS, Maker, digest, fresh_system, member, query  # noqa: E402

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


class DkmsPackage(rpm_products.Case):
    """dkms mkrpm, in systems of their own."""

    def setUp(self):
        super().setUp()
        self.maker = Maker.get('hello-1.0')

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
        package = Maker.hello_package()
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
        maker = Maker.get('edu-1.0')
        self.make(*KERNEL_WORDS, name='edu')
        provided = query(maker.products('edu')['edu-1.0-1dkms.noarch.rpm'], '--provides')
        self.assertIn('modalias(pci:v00001234d000011E8sv*sd*bc*sc*i*) = 1.0\n', provided)

    def test_the_same_tree_gives_the_same_bytes(self):
        Maker.hello_package()
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
        package = Maker.hello_package()
        source_package = self.maker.products()['hello-1.0-1dkms.src.rpm']
        system = fresh_system(self)
        (system.root / 'var/tmp' / source_package.name).write_bytes(source_package.read_bytes())
        system.succeed('rpmbuild', '--rebuild', '--nodeps', '--define', '_topdir /var/tmp/top', f'/var/tmp/{source_package.name}')
        again, = (system.root / 'var/tmp/top/RPMS').rglob('*.rpm')
        for words in (['-l'], ['--scripts'], ['--provides']):
            self.assertEqual(query(again, *words), query(package, *words))


class Anywhere(rpm_products.Case):
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
        for package in (self.trees.dkms / 'hello/1.0/rpm').iterdir():
            facts = query(package, '--qf', '%{BUILDTIME} %{BUILDHOST}\n[%{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEMTIMES}\n]').splitlines()
            self.assertEqual(set(facts), {'86400 localhost', 'root:root 86400'})
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


if __name__ == '__main__':
    unittest.main()
