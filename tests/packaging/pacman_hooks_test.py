#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The hooks for pacman: their script in a system of its own, with the programs of the build directory."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

HOOKS = pathlib.Path(__file__).resolve().parent.parent.parent / 'docs' / 'packaging' / 'arch'
SCRIPT = HOOKS / 'dkmsd-alpm'
PROGRAM = '''#!/bin/sh
echo "{name} $*" >>{root}/calls
case {name} in
dkmsctl) set -- "$@" --root {root} ;;
dkms) set -- "$@" --dkmstree {root}/var/lib/dkms --sourcetree {root}/usr/src --installtree {root}/lib/modules ;;
esac
exec {build}/client/{name} "$@"
'''


class Script(unittest.TestCase):
    def setUp(self):
        self.root = self.enterContext(scratch.Scratch()).root
        for directory in ('var/lib/dkms', 'usr/src', 'etc/dkms', 'bin'):
            (self.root / directory).mkdir(parents=True)
        (self.root / 'usr' / 'lib').symlink_to('../lib')
        for name in ('dkms', 'dkmsctl'):
            program = self.root / 'bin' / name
            program.write_text(PROGRAM.format(name=name, root=self.root, build=scratch.BUILD))
            program.chmod(0o755)
        for kernel in ('6.9.1-arch1', '6.10.2-arch1'):
            (self.root / 'lib' / 'modules' / kernel / 'build' / 'include').mkdir(parents=True)
        (self.root / 'lib' / 'modules' / '6.8.0-old').mkdir()

    def add_source(self, name, version):
        source = self.root / 'usr' / 'src' / f'{name}-{version}'
        shutil.copytree(scratch.SAMPLES / 'hello-1.0', source)
        conf = source / 'dkms.conf'
        text = conf.read_text().replace('PACKAGE_NAME="hello"', f'PACKAGE_NAME="{name}"').replace('"1.0"', f'"{version}"')
        conf.write_text(text + 'MAKE[0]="exit 3"\n')

    def run_script(self, action, *paths, code=0):
        """What it asked for."""
        calls = self.root / 'calls'
        calls.unlink(missing_ok=True)
        environment = {'PATH': f'{self.root}/bin:/usr/bin:/bin', 'LANG': 'C.UTF-8', 'HOME': str(self.root)}
        environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        result = subprocess.run([SCRIPT, action], input=''.join(path + '\n' for path in paths), cwd=self.root, env=environment,
                                text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.returncode, code, result.stdout)
        self.said = result.stdout
        return calls.read_text().splitlines() if calls.exists() else []

    def modules(self):
        return sorted(f'{path.parent.parent.name}/{path.parent.name}' for path in (self.root / 'var' / 'lib' / 'dkms').glob('*/*/source'))

    def test_a_source_is_added_and_every_kernel_gets_it_the_newest_first(self):
        self.add_source('rtl-88', '1.0-2')
        calls = self.run_script('install', 'usr/src/rtl-88-1.0-2/dkms.conf')
        self.assertEqual(calls, ['dkms add ./usr/src/rtl-88-1.0-2', 'dkmsctl autoinstall --hook --no-initramfs -k 6.10.2-arch1',
                                 'dkmsctl autoinstall --hook --no-initramfs -k 6.9.1-arch1'])
        self.assertEqual(self.modules(), ['rtl-88/1.0-2'])
        self.assertIn('rtl-88/1.0-2', self.said)

    def test_a_kernel_and_its_headers_are_one_run(self):
        calls = self.run_script('install', 'usr/lib/modules/6.9.1-arch1/vmlinuz', 'usr/lib/modules/6.9.1-arch1/build/include/')
        self.assertEqual(calls, ['dkmsctl autoinstall --hook --no-initramfs -k 6.9.1-arch1'])

    def test_an_upgrade_takes_the_old_source_away_first(self):
        self.add_source('hello', '1.0')
        self.run_script('install', 'usr/src/hello-1.0/dkms.conf')
        self.assertEqual(self.run_script('remove', 'usr/src/hello-1.0/dkms.conf'), ['dkmsctl remove hello/1.0 --all'])
        self.assertEqual(self.modules(), [])

    def test_a_source_that_is_there_is_not_added_again(self):
        self.add_source('hello', '1.0')
        for _ in range(2):
            calls = self.run_script('install', 'usr/src/hello-1.0/dkms.conf')
        self.assertNotIn('dkms add ./usr/src/hello-1.0', calls)

    def test_a_kernel_goes(self):
        calls = self.run_script('remove', 'usr/lib/modules/6.9.1-arch1/vmlinuz')
        self.assertEqual(calls, ['dkms kernel_prerm -k 6.9.1-arch1'])

    def test_policy_decides_how_it_ends(self):
        self.add_source('hello', '1.0')
        (self.root / 'etc' / 'dkms' / 'policy.conf').write_text('hello required\n')
        self.run_script('install', 'usr/src/hello-1.0/dkms.conf', code=11)

    def test_nothing_matched(self):
        self.assertEqual(self.run_script('install'), [])
        self.run_script('frobnicate', code=2)


class Hooks(unittest.TestCase):
    def test_name_the_script_and_known_keys(self):
        known = {'Type', 'Operation', 'Target', 'Description', 'When', 'Exec', 'Depends'}
        for hook in HOOKS.glob('*.hook'):
            with self.subTest(hook=hook.name):
                lines = [line for line in hook.read_text().splitlines() if line and not line.startswith(('#', '['))]
                self.assertLessEqual({line.split(' = ')[0] for line in lines} - {'NeedsTargets'}, known)
                self.assertIn('NeedsTargets', lines)
                action, = re.findall(r'^Exec = /usr/share/libalpm/scripts/dkmsd-alpm (install|remove)$', hook.read_text(), re.M)
                self.assertIn(action, hook.name)


class Shell(unittest.TestCase):
    def test_scripts_have_no_faults(self):
        if not shutil.which('shellcheck'):
            self.skipTest('shellcheck is needed')
        top = HOOKS.parent.parent.parent
        scripts = [SCRIPT, top / 'systemd' / '40-dkms.install.in', *sorted((top / 'systemd' / 'hooks').iterdir())]
        said = subprocess.run(['shellcheck', *scripts], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        self.assertEqual(said, '')


if __name__ == '__main__':
    unittest.main()
