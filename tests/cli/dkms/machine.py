# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine of a test's own: the trees, /etc and everything else that DKMS looks at are a scratch directory's, at their usual places.

Made of bubblewrap's namespaces, so it works for root and for an ordinary user, who is root in there; nothing runs on when its
script has ended. Environment: DKMS_TEST_BUILD is the build directory whose programs are tried.
"""

import functools
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))
import scratch  # noqa: E402

from elf import module_bytes, modinfo  # noqa: E402

ROOT = os.geteuid() == 0
ARCH = os.uname().machine
RUNNING = os.uname().release
TREE, SOURCES, MODULES, ETC, HERE = '/var/lib/dkms', '/usr/src', '/lib/modules', '/etc/dkms', '/run/cell'
KERNELS = ('6.1.0-1-test', '6.1.0-2-test')
SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent.parent
CALLERS = pathlib.Path(__file__).resolve().parent / 'callers'
KEPT = ('alternatives', 'ssl')  # directories of /etc that programs need
PATIENCE = 300  # seconds after which a script counts as hanging
NO_SIGNING = "The kernel is built without module signing facility, modules won't be signed"

OS_RELEASE = {
    'debian': 'ID=debian\n',
    'ubuntu': 'ID=ubuntu\nID_LIKE=debian\n',
    'fedora': 'ID=fedora\n',
    'rhel': 'ID="rhel"\nID_LIKE="fedora"\n',
    'suse': 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
    'arch': 'ID=arch\n',
    'other': 'ID=somethingelse\n',
}

BUS = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/bus/socket</listen>
  <auth>EXTERNAL</auth>
  <servicedir>/run/bus/services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>/run/bus/policy.conf</include>
  <policy user="{user}">
    <allow own="org.dkms1"/>
  </policy>
</busconfig>
'''

# It is there when it has said where.
START_BUS = '''mkfifo /run/bus/ready
dbus-daemon --config-file=/run/bus/bus.conf --nofork --print-address=3 3>/run/bus/ready 2>/run/bus/log &
read -r address < /run/bus/ready
'''

# How a kernel of the test's own makes modules. The source of one holds the entries of .modinfo, a line each; #error stops the build.
KBUILD = r'''include $(M)/Makefile
modules: $(patsubst %.o,$(M)/%.ko,$(obj-m))
	@test ! -e $(M)/symvers || cp $(M)/symvers $(M)/Module.symvers
clean:
	rm -f $(M)/*.ko
$(M)/%.ko: $(M)/%.c
	@if grep '^#error' $< >&2; then exit 1; fi
	@echo "  CC [M]  $@"
	@{ echo '.section .modinfo,"a"'; sed 's/.*/.asciz "&"/' $<; echo '.asciz "vermagic=@RELEASE@ SMP mod_unload "'; } | as -o $@ -
'''


@functools.cache
def missing():
    """What this machine lacks for having machines in it; an empty text if nothing."""
    if not shutil.which('bwrap'):
        return 'bubblewrap is needed'
    works = subprocess.run(['bwrap', *namespaces(), '--dev-bind', '/', '/', '--proc', '/proc', 'true'], capture_output=True, check=False)
    return '' if works.returncode == 0 else 'namespaces are needed'


def namespaces(as_user=False):
    words = ['--die-with-parent', '--unshare-pid', '--unshare-ipc']
    if ROOT:
        return [*words, '--cap-add', 'ALL']
    return [*words, '--unshare-user'] if as_user else [*words, '--unshare-user', '--uid', '0', '--gid', '0', '--cap-add', 'ALL']


def newest_headers():
    """The release of the newest kernel that modules can be built for on the machine itself; empty if there is none."""
    releases = scratch.kernels_with_headers()
    return releases[-1] if releases else ''


class Machine:
    """Use as a context manager: it is gone at the end."""

    def __init__(self, as_user=False, bus=False, program=None):
        """`as_user`: its script runs as somebody who is not root; everything belongs to that user. `bus`: dkmsd serves on a system
        bus. `program`: the directory of another `dkms` than ours."""
        self.as_user, self.bus, self.program = as_user, bus, program
        self.root = pathlib.Path(tempfile.mkdtemp(prefix='dkms-cell-', dir='/var/tmp'))
        self.root.chmod(0o755)
        self.tree, self.sources, self.modules, self.etc, self.here = (self.root / part for part in ('tree', 'src', 'lib', 'etc', 'here'))
        bus_parts = (self.root / 'bus' / part for part in ('services', 'state'))
        for directory in (self.tree, self.sources, self.modules, self.here, self.root / 'out', *bus_parts):
            directory.mkdir(parents=True)
        for directory in ('dkms', 'kernel', 'modprobe.d', *KEPT):
            (self.etc / directory).mkdir(parents=True)
        for name in ('passwd', 'group', 'nsswitch.conf', 'ld.so.cache', 'localtime', 'login.defs'):
            if pathlib.Path('/etc', name).exists():
                shutil.copy(pathlib.Path('/etc', name), self.etc)
        self.system('debian')
        self.binds = []
        self.environment = {}
        self.real_headers = False

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        subprocess.run(['chmod', '-R', 'u+rwX', self.root], check=False)
        shutil.rmtree(self.root)

    # what is there before

    def system(self, name):
        (self.etc / 'os-release').write_text(OS_RELEASE[name])

    def kernel(self, release=KERNELS[0], headers=True, index=True):
        """A kernel that makes modules in no time."""
        directory = self.modules / release
        if headers:
            (directory / 'build' / 'include' / 'config').mkdir(parents=True)
            (directory / 'build' / 'Makefile').write_text(KBUILD.replace('@RELEASE@', release))
            (directory / 'build' / '.config').write_text(
                'CONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\nCONFIG_SMP=y\nCONFIG_YES=y\nCONFIG_MODULE=m\n')
        directory.mkdir(exist_ok=True, parents=True)
        for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo', *(['modules.dep'] if index else [])):
            (directory / name).touch()

    def real_kernel(self):
        """The newest kernel of the machine itself that has headers."""
        release = newest_headers()
        self.kernel(release, headers=False)
        (self.modules / release / 'build').symlink_to((pathlib.Path('/lib/modules') / release / 'build').resolve())
        self.real_headers = True

    def source(self, name='hello', version='1.0', where=None):
        """A module's source; `where` it lies instead of the source tree."""
        directory = pathlib.Path(where or self.sources / f'{name}-{version}')
        directory.mkdir(parents=True)
        (directory / 'Makefile').write_text(f'obj-m := {name}.o\n')
        (directory / f'{name}.c').write_text(f'version={version}\nlicense=GPL\n')
        (directory / 'dkms.conf').write_text(
            f'PACKAGE_NAME="{name}"\nPACKAGE_VERSION="{version}"\nBUILT_MODULE_NAME[0]="{name}"\n'
            'DEST_MODULE_LOCATION[0]="/kernel/drivers/misc"\nAUTOINSTALL="yes"\n')
        return directory

    def added(self, name='hello', version='1.0'):
        directory = self.tree / name / version
        (directory / 'build').mkdir(parents=True, exist_ok=True)
        if not (directory / 'source').is_symlink():
            (directory / 'source').symlink_to(f'{SOURCES}/{name}-{version}')

    def built(self, name='hello', version='1.0', release=KERNELS[0], arch=ARCH, module=None):
        """As the old program leaves it."""
        self.added(name, version)
        if (self.tree / name / version / 'build').is_dir():
            (self.tree / name / version / 'build').rmdir()
        directory = self.tree / name / version / release / arch
        (directory / 'log').mkdir(parents=True, exist_ok=True)
        (directory / 'log' / 'make.log').write_text('DKMS make.log\n')
        (directory / 'module').mkdir(exist_ok=True)
        file = directory / 'module' / f'{module or name}.ko'
        file.write_bytes(module_bytes(release, arch, version=version, license='GPL'))
        return file

    def installed(self, name='hello', version='1.0', release=KERNELS[0], arch=ARCH, where='updates/dkms'):
        file = self.built(name, version, release, arch)
        target = self.modules / release / where / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
        (self.tree / name / f'kernel-{release}-{arch}').symlink_to(f'{version}/{release}/{arch}')

    def original(self, name='hello', version='0.9', release=KERNELS[0], where='kernel/drivers/misc', **info):
        """The kernel's own module."""
        directory = self.modules / release / where
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f'{name}.ko').write_bytes(module_bytes(release, ARCH, version=version, license='GPL', **info))

    # what happens

    def run(self, script):
        """Runs a script for sh on the machine, in HERE. What it writes to /run/out is in `self.root / 'out'`."""
        (self.root / 'script').write_text(script)
        if self.as_user:  # who gets no sandbox in a namespace that has a /proc of its own, and the service wants one
            policies = self.etc / 'dkms' / 'policy.conf.d'
            policies.mkdir(parents=True, exist_ok=True)
            (policies / 'cells.conf').write_text('* sandbox preferred\n')
        if ROOT and self.as_user:
            subprocess.run(['chown', '-R', '-h', 'nobody:nogroup', *self.root.iterdir()], check=True)
        words = ['bwrap', *namespaces(self.as_user), '--dev-bind', '/', '/', '--proc', '/proc', '--bind', self.etc, '/etc',
                 *(word for name in KEPT for word in ('--ro-bind-try', f'/etc/{name}', f'/etc/{name}')), '--tmpfs', '/var/lib', '--bind', self.tree, TREE,
                 '--bind', self.sources, SOURCES, '--bind', self.modules, os.path.realpath(MODULES), '--tmpfs', '/boot',
                 '--perms', '755', '--tmpfs', '/run', '--perms', '1777', '--tmpfs', '/tmp', '--bind', self.here, HERE,
                 '--bind', self.root / 'out', '/run/out', '--ro-bind', self.root / 'script', '/run/script',
                 '--ro-bind', scratch.SAMPLES, '/run/sample', '--ro-bind', CALLERS, '/run/callers', '--ro-bind', SOURCE / 'systemd' / 'hooks', '/run/hooks',
                 *self._program_words()]
        if self.real_headers:
            for directory in pathlib.Path(SOURCES).glob('linux-*'):
                words += ['--ro-bind', directory, directory]
        for bind in self.binds:
            words += bind
        if self.bus:
            words += self._bus_words()
            (self.root / 'script').write_text(START_BUS + script)
        words += ['--chdir', HERE, '--clearenv']
        for name, value in self._environment().items():
            words += ['--setenv', name, value]
        if ROOT and self.as_user:
            words += ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups']
        finished = subprocess.run([*words, 'sh', '/run/script'], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=PATIENCE, errors='surrogateescape', check=False)
        self._look_for_crashes(finished)
        return finished

    def _look_for_crashes(self, finished):
        texts = {'the script': finished.stderr}
        for path in (*(self.root / 'out').iterdir(), self.root / 'bus' / 'log'):
            if path.exists():
                texts[path.name] = path.read_text(errors='replace')
        for name, text in texts.items():
            if 'Sanitizer' in text or 'terminate called' in text:
                raise AssertionError(f'{name}: {text}')

    def _program_words(self):
        if self.program:
            return ['--ro-bind', self.program, '/run/bin']
        build = scratch.BUILD
        link = 'dkms' if (build / 'client' / 'dkms').exists() else 'dkmsctl'
        return ['--dir', '/run/build', '--dir', '/run/bin', '--ro-bind', build / 'client', '/run/build/client',
                '--ro-bind', build / 'daemon', '/run/build/daemon', '--symlink', f'/run/build/client/{link}', '/run/bin/dkms']

    def _bus_words(self):
        bus = self.root / 'bus'
        user = 0 if not self.as_user else pwd.getpwnam('nobody').pw_uid if ROOT else os.geteuid()
        (bus / 'bus.conf').write_text(BUS.format(user=user))
        shutil.copy(SOURCE / 'dbus' / 'org.dkms1.conf', bus / 'policy.conf')
        (bus / 'services' / 'org.dkms1.service').write_text('[D-BUS Service]\nName=org.dkms1\nExec=/run/build/daemon/dkmsd\n')
        return ['--bind', bus, '/run/bus']

    def _environment(self):
        environment = {'PATH': '/run/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': HERE, 'LANG': 'C.UTF-8',
                       'STATE_DIRECTORY': '/run/bus/state',
                       'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path=/run/{"bus/socket" if self.bus else "nobody-listens"}'}
        environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        return environment | self.environment

    # what is there afterwards

    def tree_listing(self):
        """Files, links and empty directories of the DKMS tree without what begins with a dot and the signing key. A link is
        followed by its target unless that is the usual one, a directory that is empty by a slash."""
        found = set()
        for path in self.tree.rglob('*'):
            name = path.relative_to(self.tree)
            if any(part.startswith('.') for part in name.parts) or name.parts[0] in ('mok.key', 'mok.pub', 'post_transaction.log'):
                continue
            if path.is_symlink():
                found.add(str(name) + ('' if self._is_usual(name, os.readlink(path)) else '>' + os.readlink(path)))
            elif not path.is_dir():
                found.add(str(name))
            elif not any(not child.name.startswith('.') for child in path.iterdir()):
                found.add(f'{name}/')
        return found

    def _is_usual(self, name, target):
        if name.name == 'source' and len(name.parts) == 3:
            return target == f'{SOURCES}/{name.parts[0]}-{name.parts[1]}'
        release, _, arch = name.name.removeprefix('kernel-').rpartition('-')
        return len(name.parts) == 2 and target.split('/')[1:] == [release, arch]

    def module_listing(self):
        """Modules of the install tree, each with its version."""
        found = set()
        for path in self.modules.glob('*/*'):
            if path.name in ('build', 'source') or not path.is_dir():
                continue
            for file in path.rglob('*.ko*'):
                version = modinfo(file.read_bytes(), 'version') if file.suffix == '.ko' else None
                found.add(f'{file.relative_to(self.modules)}' + (f'={version}' if version else ''))
        return found

    def source_listing(self):
        return {path.name for path in self.sources.iterdir() if not path.name.startswith('linux-')}
