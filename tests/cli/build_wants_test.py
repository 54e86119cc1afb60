#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What builds of the world want: what they find in their sandbox, and what is said where it stops them."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNELS = scratch.kernels_with_headers()
CONF = 'PACKAGE_NAME="{name}"\nPACKAGE_VERSION="1.0"\nBUILT_MODULE_NAME[0]="{name}"\nDEST_MODULE_LOCATION[0]="/updates"\nAUTOINSTALL="yes"\n'
MODULE = '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n'
MAKES_ERROR = r'make: \*\*\* \[Makefile:\d+: all\] Error 1'

# The first line that fails ends it: -e.
ALL_THAT_IS_WANTED = '''#!/bin/sh -e
echo "/* generated */" >> ext/wants.c
echo x > /dev/shm/x
echo said > /dev/stderr
mkdir -p "$HOME/.cache"
echo x > "$HOME/.cache/x"
/usr/bin/python3 -c 'import multiprocessing; multiprocessing.Lock()'
grep -q shared linked.h
echo x > ../source/mark
grep -q x "$source_tree/wants-1.0/mark"
grep -q generated ext/wants.c
if grep -q generated "$source_tree/wants-1.0/ext/wants.c"; then exit 9; fi
'''
MAKE_IN_THE_SOURCE = '''#!/usr/bin/env bash
set -e
S=$source_tree/wants-1.0/ext
make -C $kernel_source_dir M=$S modules
mv $S/wants.ko .
'''


@unittest.skipUnless(KERNELS, 'kernel headers are needed')
class Build(unittest.TestCase):
    def setUp(self):
        self.trees = self.enterContext(scratch.Scratch())
        self.trees.add_kernel(KERNELS[0])

    def source(self, name, conf='', **files):
        """A source whose files are called NAME_EXTENSION here; scripts are executable."""
        directory = self.trees.sources / f'{name}-1.0'
        directory.mkdir()
        (directory / 'dkms.conf').write_text(CONF.format(name=name) + conf)
        files = {'Makefile': f'obj-m := {name}.o\n', f'{name}_c': MODULE, **files}
        for key, text in files.items():
            file = directory / key.replace('_', '.')
            file.write_text(text)
            file.chmod(0o755 if text.startswith('#!') else 0o644)
        return directory

    def install(self, name, *words, **more):
        return self.trees.dkmsctl('install', f'{name}/1.0', '-k', KERNELS[0], *words, **more)

    def dkms(self, *words, **more):
        """The same under its old name."""
        command = [scratch.BUILD / 'client' / 'dkms', *words, *self.trees.words()]
        return scratch.Result(subprocess.run(command, env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8'}, text=True,
                                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600, **more))

    def state(self, name):
        module, = [module for module in self.trees.status() if module['name'] == name]
        return module['kernels'][0]

    def test_what_builds_want_is_there(self):
        """A read-only source that is changed by PRE_BUILD and built in its own place, by a program in a directory that is
        hidden, with /dev/shm, HOME, and a link to a file of another place."""
        directory = self.source('wants', 'PRE_BUILD="pre.sh"\n', pre_sh=ALL_THAT_IS_WANTED)
        (directory / 'ext').mkdir()
        for file in ('Makefile', 'wants.c'):
            (directory / file).rename(directory / 'ext' / file)
        shared = self.trees.root / 'shared' / 'shared.h'  # the trees are in /tmp
        shared.parent.mkdir()
        shared.write_text('/* shared */\n')
        (directory / 'linked.h').symlink_to(shared)
        make = self.trees.root / 'wants-make'
        make.write_text(MAKE_IN_THE_SOURCE)
        make.chmod(0o755)
        subprocess.run(['chmod', '-R', 'a-w', directory], check=True)
        before = self.trees.listing(self.trees.sources)
        result = self.install('wants', '--directive', f"MAKE='{make}'")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(self.trees.listing(self.trees.sources), before)
        kernel = self.state('wants')
        self.assertEqual((kernel['state'], kernel.get('opened')), ('installed', None))

    def test_what_stops_a_build_is_named_with_its_switch(self):
        """Each case: what the script or the recipe does; what the error must hold."""
        secret = pathlib.Path(self.enterContext(scratch.Scratch()).root) / 'secret.h'
        secret.write_text('x')
        secret.parent.chmod(0o700)
        network = 'builds have no network access'
        switch = r"'{} network allow' in /etc/dkms/policy\.conf"
        cases = {
            'quiet': ('#!/bin/sh\nwget -q http://kernel.example.org/linux.tar.xz || exit 1\n', network, switch),
            'loud': ('#!/bin/sh\necho "curl: (6) Could not resolve host: example.org" >&2; exit 6\n', network, switch),
            'away': ('#!/bin/sh -e\necho x > /usr/dkms-was-here\n', 'own directories only', "'{} write /usr'"),
            'hide': (f'#!/bin/sh\ncat {secret}\n', f'{secret} is hidden from builds', f"'{{}} read {secret}'"),
            'root': ('#!/bin/sh\necho "sudo: The \\"no new privileges\\" flag is set" >&2; exit 1\n', 'cannot gain privileges',
                     "'{} sandbox off'"),
        }
        for name, (script, cause, remedy) in cases.items():
            with self.subTest(name):
                self.source(name, 'PRE_BUILD="f.sh"\n', f_sh=script)
                result = self.install(name)
                self.assertIn(cause, result.err, result)
                self.assertRegex(result.err, remedy.format(name))
                error = self.install(name, '--json').json['error']
                self.assertEqual(error['error'], 'SandboxRestriction')
                self.assertIn(cause, self.state(name)['note'])
        result = self.dkms('install', 'loud/1.0', '-k', KERNELS[0])
        self.assertEqual(result.code, 6, result)  # the script's own
        self.assertIn(network, result.err)
        self.assertFalse(pathlib.Path('/usr/dkms-was-here').exists())

    def test_a_makefile_that_signs_by_itself(self):
        directory = self.source('signs', 'MAKE="make all"\n')
        key = directory.parent / 'MOK.priv'
        key.touch()
        with open(directory / 'Makefile', 'a') as makefile:
            makefile.write(f'all:\n\tif [ -e $(CURDIR)/Makefile ]; then sudo cat {key} && echo signed; else false; fi\n')
        result = self.install('signs')
        self.assertEqual(result.code, 10, result)
        self.assertIn('builds do not run as root and cannot gain privileges', result.err)
        found = self.trees.dkmsctl('lint', directory)
        self.assertRegex(found.out + found.err, r'Makefile:3: error: sudo fails in a build')

    def test_the_lines_that_explain_a_failure_are_shown(self):
        cases = {
            'fa': ('@echo "Starting build: release mode"; echo "checking gawk: not found"; false', f'^  {MAKES_ERROR}$'),
            'fb': ('@echo "The kernel is of a kind that this driver does not support!"; echo "*** Failed the sanity check. ***"; false',
                   r'^  The kernel is of a kind .*!\n  \*\*\* Failed the sanity check\. \*\*\*$'),
            'fc': ('@echo "conftest.c:1:1: error: expected in a probe"; echo "probe: no"; echo "fc.c:7:3: error: the real one"; false',
                   r'^  fc\.c:7:3: error: the real one$'),
            'fd': ('@cp x y || true', r"^  Building fd/1\.0 .* did not produce fd\.ko\.\n  cp: cannot stat 'x': No such file or directory$"),
            'fe': ('@echo "fe.c:1:10: fatal error: linux/of_another.h: No such file or directory"; false',
                   r'^  fe\.c:1:10: fatal error: linux/of_another\.h: .*\n  The headers of this kernel do not contain linux/of_another\.h\. .*driver'),
        }
        for name, (recipe, expected) in cases.items():
            with self.subTest(name):
                self.source(name, 'MAKE="make all"\n', Makefile=f'all:\n\t{recipe}\n')
                result = self.install(name)
                self.assertRegex(result.err, re.compile(expected, re.MULTILINE), result)
        self.assertNotIn('gawk', self.install('fa').err)

    def test_without_a_sandbox_it_is_said_whatever_is_said(self):
        """Also that it is remembered."""
        self.source('bare', Makefile='obj-m := bare.o\n')
        hide = 'mount --bind /dev/null "$(readlink -f "$(command -v bwrap)")"'
        result = self.install('bare', '--quiet', namespace=hide)
        self.assertEqual((result.code, result.out), (0, ''), result)
        self.assertRegex(result.err, '^Warning: Builds are not sandboxed, since .*: they run with all privileges of dkmsd')
        self.assertEqual(self.state('bare')['opened'], ['no sandbox'])
        self.assertIn('built without a sandbox', self.trees.dkmsctl('status').out)

    def test_a_tree_that_is_mounted_noexec(self):
        """Scripts run by their interpreters; programs are refused; what make cannot start says why."""
        noexec = f'mount -t tmpfs -o noexec,mode=755 none {self.trees.dkms}'
        self.source('script', 'PRE_BUILD="pre.sh with words"\n', pre_sh='#!/bin/sh\n[ "$1 $2" = "with words" ] && echo "#define G 1" > gen.h\n',
                    script_c='#include "gen.h"\n' + MODULE)
        self.assertEqual(self.install('script', namespace=noexec).code, 0)
        directory = self.source('program', 'PRE_BUILD="pre"\n')
        (directory / 'pre').write_bytes(pathlib.Path('/bin/true').read_bytes())
        (directory / 'pre').chmod(0o755)
        result = self.install('program', '--json', namespace=noexec)
        self.assertEqual(result.json['error']['error'], 'ScriptNotExecutable', result)
        self.source('recipe', 'MAKE="make all"\n', Makefile='all:\n\t./gen.sh\n', gen_sh='#!/bin/sh\n')
        self.assertIn('mounted noexec', self.install('recipe', namespace=noexec).err)

    def test_quoted_makes_run_one_for_each_processor(self):
        """Each says when it begins and ends; from that it is counted how many ran at the same time."""
        processors = os.cpu_count()
        recipe = 'all:\n\t@echo BEGIN $$(date +%s.%N)\n\t@$(MAKE) -C $(KDIR) M=$(CURDIR) modules\n\t@echo END $$(date +%s.%N)\n'
        for number in range(processors + 3):
            self.source(f'quoted{number}', 'MAKE="\'make\' all KDIR=$kernel_source_dir"\n',
                        Makefile=f'obj-m := quoted{number}.o\n' + recipe)
            self.assertEqual(self.trees.dkmsctl('add', f'quoted{number}/1.0').code, 0)
        result = self.trees.dkmsctl('autoinstall', '-k', KERNELS[0])
        self.assertEqual(result.code, 0, result)
        logs = [path.read_text() for path in self.trees.dkms.glob(f'quoted*/1.0/{KERNELS[0]}/*/log/make.log')]
        marks = sorted((at, 1 if what == 'BEGIN' else -1) for log in logs for what, at in re.findall(r'^(BEGIN|END) (\S+)$', log, re.MULTILINE))
        self.assertEqual(len(marks), 2 * (processors + 3))
        running = [sum(change for _, change in marks[:end]) for end in range(len(marks) + 1)]
        self.assertLessEqual(max(running), processors)


if __name__ == '__main__':
    unittest.main()
