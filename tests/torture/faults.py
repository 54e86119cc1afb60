# SPDX-License-Identifier: LGPL-2.1-or-later
"""A system call of dkmsctl, dkmsd or a worker that fails, or at which the process is killed: strace(1) does that from outside.

A scene is made once, with a module that make has built, and copied for every case, so that a case costs no compiler."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402

KERNEL = (scratch.kernels_with_headers() or [''])[0]
CHANGES = re.compile(r'/\.dkmsd(\.history)?(/|$|-)|/\.(trouble|make)-|/build(/|$)|/modules\.[^/]*$|\.kernel-[^/]*\.json$|/\.dkmsd\.json$')


def words_of(place):
    return ['--dkmstree', place.dkms, '--sourcetree', place.sources, '--installtree', place.modules]


class Place(scratch.Scratch):
    """Trees that were copied: those of `scene` at another path."""

    def __init__(self, scene, below=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix='dkms-fault-', dir=below))
        self.root.chmod(0o755)
        self.dkms, self.sources, self.modules = self.root / 'dkms', self.root / 'src', self.root / 'lib' / 'modules'
        for name in ('dkms', 'src', 'lib'):
            subprocess.run(['cp', '-a', '--reflink=auto', scene.root / name, self.root / name], check=True)
        for link in self.dkms.glob('*/*/source'):
            if os.readlink(link).startswith(str(scene.sources)):
                target = self.sources / os.path.relpath(os.readlink(link), scene.sources)
                link.unlink()
                link.symlink_to(target)

    def straced(self, verb, inject, path=None, namespace=''):
        """Runs dkmsctl with `inject` (an argument of strace's); what it said, and how often it came to that."""
        log = self.root / 'strace'
        command = ['strace', '-f', '-q', '--seccomp-bpf', '-o', log, '-e', f'inject={inject}',
                   '-e', 'trace=' + inject.split(':')[0], '-e', 'signal=none']
        if path or 'signal=' in inject:  # with the filter no signal is delivered, and paths are not looked at
            command = [one for one in command if one != '--seccomp-bpf'] + (['-P', str(path)] if path else [])
        environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(self.root), 'LANG': 'C.UTF-8'}
        environment |= {name: value for name, value in os.environ.items() if name.endswith('SAN_OPTIONS')}
        # Looking for leaks does not work for who is traced already.
        environment['ASAN_OPTIONS'] = environment.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
        command += [scratch.BUILD / 'client' / 'dkmsctl', *verb, *words_of(self)]
        with subprocess.Popen(command, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, errors='surrogateescape') as strace:
            result = scratch.Result(self.end_of(strace))
        text = log.read_text(errors='replace') if log.exists() else ''
        result.injected = text.count('(INJECTED)') + text.count(' = ?\n')
        result.trace = text
        return result

    def end_of(self, strace):
        """When dkmsctl has ended. A bubblewrap that was killed in the middle of making a sandbox leaves a child which waits for it
        for ever, and strace waits for that."""
        children = pathlib.Path(f'/proc/{strace.pid}/task/{strace.pid}/children')
        while True:
            try:
                out, err = strace.communicate(timeout=1)
                return subprocess.CompletedProcess(strace.args, strace.returncode, out, err)
            except subprocess.TimeoutExpired:
                if not children.read_text().split():
                    strace.kill()
                    subprocess.run(['pkill', '-KILL', '-f', str(self.root)], check=False)

    def content(self):
        """What counts of all that is on disk: every file, link and directory but those of work that goes on."""
        found = {}
        for top in (self.dkms, self.sources, self.modules):
            for directory, names, files in os.walk(top):
                for name in names + files:
                    path = pathlib.Path(directory) / name
                    shown = str(path.relative_to(self.root))
                    if CHANGES.search('/' + shown):
                        continue
                    if path.is_symlink():
                        found[shown] = 'link to ' + os.readlink(path).replace(str(self.root), '')
                    elif path.suffix == '.log':
                        found[shown] = 'a log'
                    elif path.suffix == '.origin':
                        found[shown] = path.read_text().partition('/lib/modules/')[2]  # trees may have been copied
                    else:
                        found[shown] = 'directory' if path.is_dir() else path.read_bytes()
        return found

    def leftovers(self):
        """Temporaries that are still there: none, once the tree's lock was taken again."""
        return [str(path) for top in (self.dkms, self.modules) for name in ('.dkmsd-*', '..*') for path in top.rglob(name)] + \
            [str(path) for name in ('intents', 'staging', 'build', 'lifts') for path in (self.dkms / '.dkmsd' / name).glob('*')]


def make_scene(below=None):
    """hello 1.0, built, for a kernel that has a hello of its own, of which another module is in the way, too."""
    scene = scratch.Scratch(pathlib.Path(tempfile.mkdtemp(prefix='dkms-scene-', dir=below)))
    directory = scene.add_kernel(KERNEL)
    scene.add_source()
    for words in (['add', 'hello/1.0'], ['build', 'hello/1.0', '-k', KERNEL]):
        result = scene.dkmsctl(*words)
        assert result.code == 0, str(result)
    own = directory / 'kernel' / 'drivers' / 'misc'
    own.mkdir(parents=True)
    built = scene.dkms / 'hello' / '1.0' / KERNEL / scratch.ARCH / 'module'
    shutil.copy(next(iter(built.glob('hello.ko*'))), own)
    original = next(iter(own.glob('hello.ko*')))
    content = original.read_bytes()
    assert content.count(b'version=1.0\0') == 1
    original.write_bytes(content.replace(b'version=1.0\0', b'version=0.9\0'))
    os.utime(original, (1, 1))
    return scene
