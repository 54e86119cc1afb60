# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is there when nobody is at work: the states of the packages, as `status` has it and as the files have it."""

import fcntl
import json
import os
import pathlib
import re
import subprocess

import model
import scene
from scene import MODULES, SOURCES, TREE
from scratch import ARCH


class Look:
    """`faults`: what is wrong by itself, whatever was done before."""

    def __init__(self, trees, programs, environment):
        self.trees, self.programs, self.environment = trees, programs, environment
        self.faults = []

    def ask(self, *words, stdio=False, code=0):
        words = [self.programs / 'dkmsctl', *words, '--json', *(['--dkmstree', TREE] if stdio else [])]
        finished = subprocess.run(words, env=self.environment, stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=300, check=False)
        if finished.returncode != code:
            self.faults.append(f'{words}: exit code {finished.returncode}\n{finished.stdout}{finished.stderr}')
        try:
            return json.loads(finished.stdout)
        except ValueError:
            return {}

    def states(self):
        """Of each package."""
        shown = self.ask('status')
        beside = self.ask('status', stdio=True)
        if shown != beside:
            self.faults.append(f'status by the service: {shown}\nand without it: {beside}')
        lacking = {row['kernel']: {one['name'] for one in row['missing']} for row in shown.get('kernels_missing_modules', [])}
        states = {name: self.state(package, [row for row in shown.get('modules', []) if row['name'] == name])
                  for name, package in scene.PACKAGES.items()}
        for kernel in self.trees.kernels:
            wanted = {name for name, package in scene.PACKAGES.items() if package.autoinstall and not states[name].has(kernel)}
            if wanted != lacking.get(kernel, set()):
                self.faults.append(f'{kernel} lacks {sorted(wanted)}; status says {sorted(lacking.get(kernel, set()))}')
        return states

    def state(self, package, rows):
        name, built, installed = package.name, {}, {}
        tree = frozenset(row['version'] for row in rows)
        on_disk = frozenset(path.name for path in (TREE / name).glob('[0-9]*')) if (TREE / name).exists() else frozenset()
        if tree != on_disk:
            self.faults.append(f'{name}: status has {set(tree)}, the tree {set(on_disk)}')
        for row in rows:
            if row['broken']:
                self.faults.append(f'{name}/{row["version"]} is broken')
            for kernel in row['kernels']:
                self.take_row(package, row['version'], kernel, built, installed)
        source = {version: self.change_of_source(package, version) for version in package.versions}
        for kernel in self.trees.kernels:
            self.check_kernel(package, kernel, installed.get(kernel))
        return model.State().but(tree=tree, source=source, built=built, installed=installed)

    def take_row(self, package, version, row, built, installed):
        release, name = row['release'], package.name
        file = TREE / name / version / release / ARCH / 'module' / f'{name}.ko'
        if row['state'] not in ('built', 'installed'):
            if file.exists():
                self.faults.append(f'{row} but {file} is there')
            return
        tag = scene.tag_of(file.read_bytes()) if file.exists() else None
        if not tag or (tag.name, tag.version, tag.kernel) != (name, version, release):
            self.faults.append(f'{file}: {tag}; {row}')
            return
        built[version, release] = (tag.change, row.get('stale', False))
        if row['state'] == 'installed':
            placed = self.placed(package, release)
            if not placed or (placed.name, placed.version, placed.kernel) != (name, version, release):
                self.faults.append(f'{row}, but in its place is {placed}')
                return
            installed[release] = (version, placed.change)
            for note, is_so in (('missing', False), ('differs', placed != tag), ('build_missing', False), ('originals', package.original)):
                if row.get(note, False) != is_so:
                    self.faults.append(f'{row}: {note} should be {is_so}; in its place is {placed}')

    @staticmethod
    def placed(package, kernel):
        file = MODULES / kernel / 'updates' / 'dkms' / f'{package.name}.ko'
        return scene.tag_of(file.read_bytes()) if file.exists() else None

    def check_kernel(self, package, kernel, installed):
        """Its files, and nothing but them."""
        name, directory = package.name, MODULES / kernel
        found = {str(path.relative_to(directory)) for place in ('kernel', 'updates') for path in (directory / place).rglob(f'*{name}*')}
        own, ours, archive = f'kernel/drivers/misc/{name}.ko', f'updates/dkms/{name}.ko', TREE / name / 'original_module' / kernel / ARCH
        wanted = {ours} if installed else {own} if package.original else set()
        if found != wanted:
            self.faults.append(f'{kernel} has {found} of {name}, not {wanted}')
        original = archive / f'{name}.ko' if installed else directory / own
        if package.original and (not original.exists() or original.read_bytes() != self.trees.original(name, kernel)):
            self.faults.append(f'{original} is not the original')
        if not (installed and package.original) and archive.exists():
            self.faults.append(f'{archive} is there: {os.listdir(archive)}')
        link = TREE / name / f'kernel-{kernel}-{ARCH}'
        leads = os.readlink(link) if link.is_symlink() else None
        if leads != (f'{installed[0]}/{kernel}/{ARCH}' if installed else None):
            self.faults.append(f'{link} leads to {leads}, {installed} is installed')
        record = TREE / name / f'.kernel-{kernel}-{ARCH}.json'
        if record.exists() != bool(installed):
            self.faults.append(f'{record}: {record.exists()}, {installed} is installed')
        listed = f'/{name}.ko:' in (directory / 'modules.dep').read_text()
        if listed != bool(wanted) or (wanted and f'{min(wanted)}:' not in (directory / 'modules.dep').read_text()):
            self.faults.append(f'modules.dep of {kernel} does not fit {wanted}')

    @staticmethod
    def change_of_source(package, version):
        directory = SOURCES / f'{package.name}-{version}'
        if not package.compiles:
            return int(re.search(rb'soak=\w+ +\S+ +0*(\d+)\0', (directory / 'built').read_bytes())[1])
        return int(re.search(r'MODULE_INFO\(soak, "\w+ \S+ 0*(\d+)"\)', (directory / f'{package.name}.c').read_text())[1])

    def check(self, states):
        """The command's own findings, which are those that the states make one expect."""
        differ = any(change != state.of('built').get((version, kernel), (None,))[0]
                     for state in states.values() for kernel, (version, change) in state.installed)
        found = [one for job in self.ask('check', code=1 if differ else 0).get('jobs', []) for one in job.get('problems', [])]
        wanted = sorted((name, kernel) for name, state in states.items() for kernel, (version, change) in state.installed
                        if change != state.of('built').get((version, kernel), (None,))[0])
        told = sorted((one.get('module', '').partition('/')[0], one.get('kernel', '').partition('/')[0]) for one in found)
        if told != wanted or any(one['problem'] != 'module-differs' for one in found):
            self.faults.append(f'check: {found}; expected module-differs of {wanted}')

    def leftovers(self):
        """Temporaries, processes, the lock."""
        own = TREE / '.dkmsd'
        for place in ('intents', 'staging', 'build', 'lifts', 'transactions'):
            self.faults += [f'left: {path}' for path in (own / place).glob('*')]
        self.faults += [f'left: {path}' for path in own.glob('pending*')]
        for top in (TREE, SOURCES, MODULES):
            for directory, names, files in os.walk(top):
                names[:] = [name for name in names if not name.startswith('linux-headers')]
                self.faults += [f'left: {directory}/{name}' for name in names + files if name.startswith('.dkmsd-') and name != '.dkmsd-stale']
        with open(own / 'lock', 'rb') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.faults.append('the lock of the tree is held')
        for process in pathlib.Path('/proc').glob('[0-9]*'):
            try:
                words = (process / 'cmdline').read_bytes().split(b'\0')
                if os.readlink(process / 'ns/mnt') != os.readlink('/proc/self/ns/mnt') or process.name == str(os.getpid()):
                    continue
            except OSError:
                continue
            program = os.path.basename(words[0].decode(errors='replace'))
            if program in ('dkms-worker', 'bwrap', 'make', 'dkmsctl', 'flock') or b'--stdio' in words:
                self.faults.append(f'still runs: {process.name} {words}')
