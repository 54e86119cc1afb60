#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Module packages of Debian's archive, unpacked and put through add, install for two kernels, remove.

Environment: DKMS_TEST_PACKAGES is a directory with the .deb files (./dev test fetches them).
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

PACKAGES = pathlib.Path(os.environ.get('DKMS_TEST_PACKAGES', '/nonexistent'))
KERNELS = scratch.kernels_with_headers()[:2]


def unpack(package, trees):
    """Unpacks a package's source into the source tree and returns its module name and version."""
    files = sorted(PACKAGES.glob(package + '_*.deb'))
    if not files:
        raise unittest.SkipTest(f'package {package} could not be fetched')
    where = trees.root / 'unpacked'
    subprocess.run(['dpkg-deb', '-x', files[-1], where], check=True)
    source, = (where / 'usr' / 'src').iterdir()
    conf = (source / 'dkms.conf').read_text()
    name, version = (re.search(rf'^{key}=["\']?([^"\'\n]*)', conf, re.M)[1] for key in ('PACKAGE_NAME', 'PACKAGE_VERSION'))
    source.rename(trees.sources / f'{name}-{version}')
    return name, version


def configured(kernel, option):
    """Whether a kernel has an option, or no option is asked for."""
    config = (pathlib.Path('/lib/modules') / kernel / 'build' / '.config').read_text()
    return not option or re.search(rf'^{option}=[ym]$', config, re.M) is not None


def modinfo(file, field):
    return subprocess.run(['/sbin/modinfo', '-F', field, file], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def module_name(file):
    return file.name.split('.ko')[0]


class RealModules(unittest.TestCase):
    """Packages that build. All kernels are asked for with one command."""

    def go_through_life(self, package, expected, needs=None, later=()):
        """`expected`: each module and the modules it depends on. `needs`: the option of the kernel's configuration without
        which the package says itself that it is not meant for a kernel. `later`: modules of later versions of the package."""
        if len(KERNELS) < 2:
            self.skipTest('headers of two kernels are needed')
        with scratch.Scratch() as trees:
            name, version = unpack(package, trees)
            module = f'{name}/{version}'
            for kernel in KERNELS:
                trees.add_kernel(kernel)
            before = trees.listing(trees.modules)
            self.succeed(trees.dkmsctl('add', module))
            self.assertEqual(self.states(trees), {})
            meant = [kernel for kernel in KERNELS if configured(kernel, needs)]
            result = trees.dkmsctl('install', module, *(word for kernel in KERNELS for word in ('-k', kernel)))
            self.succeed(result)
            self.assertEqual(self.states(trees), {kernel: 'installed' if kernel in meant else 'skipped' for kernel in KERNELS})
            for kernel in meant:
                self.check_installed(trees.modules / kernel, kernel, expected, later)
            self.succeed(trees.dkmsctl('uninstall', module, '-k', meant[0]))
            self.assertEqual(self.states(trees)[meant[0]], 'built')
            self.succeed(trees.dkmsctl('remove', module, '--all'))
            self.assertEqual(trees.status(), [])
            self.assertEqual([path for path in trees.dkms.iterdir() if not path.name.startswith('.')], [])
            left = [path for path in trees.listing(trees.modules) if path not in before]
            self.assertEqual([path for path in left if '/modules.' not in path], [], 'only depmod may leave files')

    def succeed(self, result):
        self.assertEqual(result.code, 0, result)

    def states(self, trees):
        module, = trees.status()
        return {kernel['release']: kernel['state'] for kernel in module['kernels']}

    def check_installed(self, directory, kernel, expected, later):
        files = {module_name(path): path for path in directory.rglob('*.ko*')}
        self.assertEqual(set(files) - set(later), set(expected))
        index = (directory / 'modules.dep').read_text()
        for name, file in files.items():
            self.assertEqual(modinfo(file, 'vermagic').split()[0], kernel)
            depends = set(modinfo(file, 'depends').replace('-', '_').split(','))
            self.assertLessEqual(expected.get(name, set()), depends, name)
            self.assertIn(str(file.relative_to(directory)) + ':', index)

    def test_acpi_call(self):
        self.go_through_life('acpi-call-dkms', {'acpi_call': set()})

    def test_v4l2loopback(self):
        self.go_through_life('v4l2loopback-dkms', {'v4l2loopback': {'videodev'}}, needs='CONFIG_VIDEO_DEV')

    def test_ddcci_has_two_modules(self):
        self.go_through_life('ddcci-dkms', {'ddcci': set(), 'ddcci-backlight': {'ddcci'}}, needs='CONFIG_I2C')

    def test_xtables_addons_has_many_modules(self):
        names = '''compat_xtables xt_ACCOUNT xt_CHAOS xt_DELUDE xt_DHCPMAC xt_DNETMAP xt_ECHO xt_IPMARK xt_LOGMARK xt_PROTO
            xt_SYSRQ xt_TARPIT xt_condition xt_fuzzy xt_geoip xt_iface xt_ipp2p xt_ipv4options xt_length2 xt_lscan
            xt_pknock xt_psd xt_quota2'''.split()
        self.go_through_life('xtables-addons-dkms', {name: set() for name in names}, later=['xt_asn'])


@unittest.skipUnless(KERNELS and KERNELS[0].startswith('6.1.'), 'these packages are known not to build for Linux 6.1')
class UnbuildableModules(unittest.TestCase):
    """Packages whose source does not know this kernel."""

    def fail_to_build(self, package, error):
        with scratch.Scratch() as trees:
            name, version = unpack(package, trees)
            trees.add_kernel(KERNELS[0])
            before = trees.listing(trees.modules)
            result = trees.dkmsctl('install', f'{name}/{version}', '-k', KERNELS[0])
            self.assertEqual(result.code, 10, result)
            self.assertRegex(result.err, error)
            self.assertLess(len(result.err.splitlines()), 12, 'not a wall of text')
            self.assertEqual(trees.listing(trees.modules), before)
            module, = trees.status()
            kernel, = module['kernels']
            self.assertEqual(kernel['state'], 'failed')
            self.assertIn('error:', pathlib.Path(kernel['log']).read_text())

    def test_openrazer_driver(self):
        self.fail_to_build('openrazer-driver-dkms', r'razer\w+\.c:\d+.*error: .*hid_report_raw_event')

    def test_lttng_modules(self):
        self.fail_to_build('lttng-modules-dkms', r'error: conflicting types for .*trace_hrtimer_start')


if __name__ == '__main__':
    unittest.main()
