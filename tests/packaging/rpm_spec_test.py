#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The RPM spec: tools find nothing wrong with it, and it names what is installed, no more and no less."""

import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import guest  # noqa: E402

PACKAGING = guest.CHECKOUT / 'docs' / 'packaging'
SPEC = PACKAGING / 'rpm' / 'dkmsd.spec'
# Macros that Fedora has and Debian has not, or has with other values.
MACROS = {'_unitdir': '/usr/lib/systemd/system', '_presetdir': '/usr/lib/systemd/system-preset',
          '_sysusersdir': '/usr/lib/sysusers.d', '_tmpfilesdir': '/usr/lib/tmpfiles.d',
          '_sharedstatedir': '/var/lib', '_libexecdir': '/usr/libexec', 'meson': 'meson setup build',
          'meson_build': 'meson compile', 'meson_install': 'meson install', 'systemd_post': 'true', 'systemd_preun': 'true'}
DEFINED = [word for name, value in MACROS.items() for word in ('--define', f'{name} {value}')]
BY_DEBIAN_ONLY = ('/etc/kernel/',)


def output_of(*words):
    finished = subprocess.run(words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return finished.returncode, finished.stdout


class Spec(unittest.TestCase):

    def need(self, program):
        if not shutil.which(program):
            self.skipTest(f'{program} is needed')

    def test_rpmbuild_understands_it(self):
        self.need('rpmbuild')
        with tempfile.TemporaryDirectory() as top:
            code, said = output_of('rpmbuild', '--nobuild', '--nodeps', '--nocheck', '--nodebuginfo', *DEFINED, '--define',
                                   f'_topdir {top}', '--define', 'autosetup true', '--define', '_buildhost localhost', SPEC)
        self.assertEqual(code, 0, said)
        self.assertNotIn('warning:', said)

    def test_rpmlint_finds_nothing(self):
        self.need('rpmlint')
        code, said = output_of('rpmlint', '--rpmlintrc', SPEC.with_suffix('.rpmlintrc'), SPEC)
        self.assertEqual(code, 0, said)
        self.assertRegex(said, ' 0 errors, 0 warnings')

    def test_it_provides_dkms(self):
        self.need('rpmspec')
        self.assertIn('dkms = 3.4.3', output_of('rpmspec', '--query', '--provides', *DEFINED, SPEC)[1])

    def test_the_boot_unit_is_enabled_after_dkms_has_gone(self):
        """dkms disables its dkms.service when it goes, which by then is an alias of ours."""
        if not shutil.which('systemctl'):
            self.skipTest('systemctl is needed')
        with tempfile.TemporaryDirectory() as root:
            units = pathlib.Path(root) / 'usr' / 'lib' / 'systemd' / 'system'
            presets = units.with_name('system-preset')
            units.mkdir(parents=True)
            presets.mkdir()
            shutil.copy(guest.BUILD / 'systemd' / 'dkms-autoinstall.service', units)
            (units / 'dkms.service').symlink_to('dkms-autoinstall.service')
            for preset in (guest.CHECKOUT / 'systemd').glob('*.preset'):
                shutil.copy(preset, presets)
            state = ('systemctl', f'--root={root}', 'is-enabled', 'dkms-autoinstall.service')
            subprocess.run(['systemctl', f'--root={root}', 'enable', 'dkms-autoinstall.service'], check=True, stderr=subprocess.PIPE)
            subprocess.run(['systemctl', f'--root={root}', 'disable', 'dkms.service'], check=True, stderr=subprocess.PIPE)
            self.assertEqual(output_of(*state), (1, 'disabled\n'))
            trigger = re.search(r'(?ms)^%triggerpostun -- dkms\n(.*?)^%', SPEC.read_text())[1]
            code, said = output_of('sh', '-c', f'systemctl() {{ command systemctl --root={root} "$@"; }}\n{trigger}')
            self.assertEqual(code, 0, said)
            self.assertEqual(output_of(*state), (0, 'enabled\n'))

    def test_versions_are_those_of_the_project(self):
        project = json.loads((guest.BUILD / 'meson-info' / 'intro-projectinfo.json').read_text())['version']
        self.assertRegex(SPEC.read_text(), rf'(?m)^Version: +{re.escape(project)}$')
        self.assertTrue((PACKAGING / 'debian' / 'changelog').read_text().startswith(f'dkmsd ({project}-'))

    def test_it_names_what_is_installed(self):
        self.need('rpmspec')
        options = json.loads((guest.BUILD / 'meson-info' / 'intro-buildoptions.json').read_text())
        if {option['name']: option['value'] for option in options}['prefix'] != '/usr':
            self.skipTest('the build directory was not set up with --prefix=/usr')
        if not os.access(guest.BUILD / 'meson-logs', os.W_OK):
            self.skipTest('the build directory is somebody else\'s')
        code, text = output_of('rpmspec', '--parse', *DEFINED, SPEC)
        self.assertEqual(code, 0, text)
        section = text[text.index('\n%files\n'):text.index('\n%changelog\n')]
        patterns = {re.sub(r'^%\w+(\(.*?\))? +', '', line) for line in section.splitlines() if re.search(r'(^| )/', line)}
        installed, directories = self.installed()
        covered = {path for path in installed if any(self.matches(pattern, path) for pattern in patterns)}
        self.assertEqual(sorted(installed - covered), [], 'not in the spec')
        idle = {pattern for pattern in patterns if not any(self.matches(pattern, path) for path in installed | directories)}
        self.assertEqual(sorted(idle), [], 'not installed')

    def matches(self, pattern, path):
        return fnmatch.fnmatchcase(path, pattern + '*' if pattern.endswith('/') else pattern)

    def installed(self):
        """Files, links and empty directories that `meson install` makes, but for Debian's; and other directories."""
        found, others = set(), set()
        with tempfile.TemporaryDirectory() as top:
            code, said = output_of('meson', 'install', '-C', guest.BUILD, '--no-rebuild', '--quiet', '--destdir', top)
            self.assertEqual(code, 0, said)
            for directory, directories, files in os.walk(top):
                found |= {os.path.join(directory, name)[len(top):] for name in files}
                (others if directories or files else found).add(directory[len(top):])
        return {path for path in found if not path.startswith(BY_DEBIAN_ONLY)}, others


if __name__ == '__main__':
    unittest.main()
