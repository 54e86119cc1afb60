#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dkmsctl autoinstall: what is said of a whole kernel, and how a hook of a kernel's package ends."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()
DKMSCTL = scratch.BUILD / 'client' / 'dkmsctl'
KERNEL = '6.12.117-test'
CONF = 'PACKAGE_NAME="{name}"\nPACKAGE_VERSION="1.0"\nBUILT_MODULE_NAME[0]="{name}"\nDEST_MODULE_LOCATION[0]="/extra"\nAUTOINSTALL="yes"\n'


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class Autoinstall(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.trees.add_kernel(KERNELS[0])
        self.trees.add_source()
        self.assertEqual(self.trees.dkmsctl('add', 'hello/1.0').code, 0)

    def autoinstall(self, *words):
        return self.trees.dkmsctl('autoinstall', '-k', KERNELS[0], *words)

    def test_what_a_kernel_lacks_is_installed_and_counted(self):
        kernel = re.escape(KERNELS[0])
        result = self.autoinstall()
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, rf'^hello/1\.0  {kernel}  installed 1 module in \d+\.\d s\nKernel {kernel}: 1 installed\.\n$')
        self.assertIn('building', result.err)

    def test_a_plan_says_so_before(self):
        result = self.trees.dkmsctl('plan', '-k', KERNELS[0])
        self.assertEqual((result.code, result.out.splitlines()[1:]), (0, [f'hello   1.0      {KERNELS[0]}  install  not built']), result)
        self.assertEqual(self.trees.dkmsctl('status', '--json').json['modules'][0]['kernels'], [])  # nothing was done
        self.autoinstall('--quiet')
        module, = self.trees.dkmsctl('plan', '-k', KERNELS[0], '--json').json['kernels'][0]['modules']
        self.assertEqual((module['action'], module['installed']), ('none', True))

    def test_then_there_is_nothing_to_do(self):
        self.autoinstall('--quiet')
        result = self.autoinstall()
        self.assertEqual((result.code, result.out), (0, f'autoinstall  {KERNELS[0]}  nothing to do\n'), result)
        result = self.autoinstall('--hook')
        self.assertEqual((result.code, result.out, result.err), (0, '', ''), 'a hook is silent then')

    def views(self):
        """What each view says: status, plan, gaps of the kernel, and wait."""
        kernel, = self.trees.status()[0]['kernels']
        module, = self.trees.dkmsctl('plan', '-k', KERNELS[0], '--json').json['kernels'][0]['modules']
        gaps = self.trees.dkmsctl('status', '--json').json['kernels_missing_modules']
        waited = self.trees.dkmsctl('wait', '-k', KERNELS[0])
        return ({note for note in ('missing', 'differs', 'build_missing') if kernel.get(note)}, module['action'], module['installed'],
                [missing['name'] for gap in gaps for missing in gap['missing']], waited.code == 0)

    def test_every_view_says_what_the_kernel_has_and_autoinstall_repairs_it(self):
        (self.trees.modules / KERNELS[0] / 'vmlinuz').touch()
        self.autoinstall('--quiet')
        installed, = self.trees.modules.rglob('hello.ko*')
        built, = (self.trees.dkms / 'hello/1.0' / KERNELS[0]).rglob('hello.ko*')
        content = installed.read_bytes()
        lacks, whole = ('install', False, ['hello'], False), (set(), 'none', True, [], True)
        self.assertEqual(self.views(), whole)
        for damage, note in ((installed.unlink, 'missing'), (lambda: installed.write_bytes(content[:100]), 'differs'),
                             (built.unlink, 'build_missing')):
            damage()
            self.assertEqual(self.views(), ({note}, *lacks))
            result = self.autoinstall('--json')
            self.assertEqual((result.code, [job['result'] for job in result.json['jobs']]), (0, ['done']), result)
            self.assertEqual(self.views(), whole)
        # What administrators do to modules afterwards makes no other modules of them.
        if not installed.name.endswith('.ko'):
            return
        with open(installed, 'ab') as file:
            file.write(b'signature' + bytes(8) + (9).to_bytes(4, 'big') + b'~Module signature appended~\n')
        self.assertEqual(self.views(), whole)
        subprocess.run(['xz', '--check=crc32', installed], check=True)
        self.assertEqual(self.views(), whole)
        self.assertEqual(self.trees.dkmsctl('remove', 'hello/1.0', '--all').code, 0)
        self.assertEqual(list(self.trees.modules.rglob('hello.ko*')), [])

    def test_json_is_one_object(self):
        result = self.autoinstall('--json')
        self.assertEqual(result.code, 0, result)
        self.assertEqual([(job['request']['module'], job['result']) for job in result.json['jobs']], [('hello', 'done')])

    def test_quiet_says_nothing(self):
        result = self.autoinstall('--quiet')
        self.assertEqual((result.code, result.out, result.err), (0, '', ''), result)


class Hook(unittest.TestCase):
    """On a system of its own, with a policy of its own."""

    def setUp(self):
        self.root = self.enterContext(scratch.Scratch()).root
        for directory in ('var/lib/dkms', 'usr/src', 'etc/dkms', f'lib/modules/{KERNEL}/build/include/config'):
            (self.root / directory).mkdir(parents=True)

    def dkmsctl(self, *words):
        environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(self.root), 'LANG': 'C.UTF-8'}
        environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        return scratch.Result(subprocess.run([DKMSCTL, *words, '--root', self.root], env=environment, text=True, timeout=600,
                                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE))

    def add(self, name, more='MAKE[0]="echo no; exit 3"\n'):
        source = self.root / 'usr' / 'src' / f'{name}-1.0'
        source.mkdir()
        (source / 'Makefile').touch()
        (source / 'dkms.conf').write_text(CONF.format(name=name) + more)
        result = self.dkmsctl('add', f'{name}/1.0')
        self.assertEqual(result.code, 0, result)

    def policy(self, text):
        (self.root / 'etc' / 'dkms' / 'policy.conf').write_text(text)

    def hook(self, *words, code=0):
        result = self.dkmsctl('autoinstall', '--hook', '-k', KERNEL, *words)
        self.assertEqual(result.code, code, result)
        return result

    def test_a_module_that_fails_does_not_fail_the_hook(self):
        self.add('bad')
        result = self.hook()
        self.assertIn('bad/1.0', result.err)
        self.assertIn(f'Kernel {KERNEL}: 1 failed.\n', result.out)
        self.assertEqual(self.dkmsctl('autoinstall', '-k', KERNEL).code, 11)

    def test_unless_it_is_required(self):
        self.add('bad')
        self.policy('# what we need\nba* required\n')
        self.assertNotIn('*****', self.hook(code=11).err)
        self.assertEqual(self.hook('--json', code=11).json['exit_code'], 11)

    def test_a_module_that_is_needed_to_boot_is_missed_loudly(self):
        self.add('bad')
        self.policy('bad boot\n')
        result = self.hook('--quiet', code=11)
        self.assertIn(f'**  DO NOT BOOT KERNEL {KERNEL}', result.err)
        self.assertIn(f'Keep kernel {os.uname().release}, the running one', result.err)

    def test_modules_wait_for_headers(self):
        self.add('bad')
        self.policy('* boot\n')
        (self.root / 'lib' / 'modules' / KERNEL / 'build' / 'include').rename(self.root / 'include')
        result = self.hook()
        self.assertIn(f'Waiting for the headers of kernel {KERNEL}: bad/1.0.\nInstall ', result.out)
        self.assertEqual(self.dkmsctl('autoinstall', '-k', KERNEL).code, 21)

    def test_modules_that_are_not_meant_for_it_or_deferred_do_not_fail(self):
        self.policy('* required\n')
        self.add('other', more='BUILD_EXCLUSIVE_KERNEL="^2\\.4"\n')
        self.add('later', more='BUILD_DEPENDS[0]="stranger"\n')
        result = self.hook()
        self.assertIn('1 not meant for it', result.out)
        self.assertIn('later/1.0 is left for later: it depends on what is not in the tree (stranger)', result.err)

    def test_switched_off(self):
        self.add('bad')
        (self.root / 'etc' / 'dkms' / 'no-autoinstall').touch()
        self.assertIn('no-autoinstall exists', self.hook().err)

    def test_a_kernel_that_is_not_there(self):
        self.add('bad')
        self.policy('* boot\n')
        result = self.dkmsctl('autoinstall', '--hook', '-k', '6.0.0-none')
        self.assertEqual(result.code, 0, result)

    def test_that_nothing_can_be_done_does_not_fail_it(self):
        self.add('bad')
        (self.root / 'var' / 'lib' / 'dkms').rename(self.root / 'gone')
        (self.root / 'var' / 'lib' / 'dkms').touch()
        self.hook()


if __name__ == '__main__':
    unittest.main()
