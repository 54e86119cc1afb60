#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every module package of a Debian release through add, build, install and remove for two kernels, and lint.

usage: packages.py [--table FILE] [--results DIRECTORY] [--logs DIRECTORY] DIRECTORY [PACKAGE...]

DIRECTORY holds the .deb files: of module packages (*-dkms_*.deb), of Debian's dkms, which is the oracle for what fails, and below
headers/ of the headers of a second kernel with what these need. Ends with 1 if something fails that Debian's dkms builds, if something is left behind, or if lint
finds an error in a package that builds. Environment: DKMS_TEST_BUILD.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import kernels

BUILD = pathlib.Path(os.environ['DKMS_TEST_BUILD'])
DKMSCTL = BUILD / 'client' / 'dkmsctl'
ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LANG': 'C.UTF-8'}
NOT_MEANT = 77


@dataclasses.dataclass
class Outcome:
    """Of one package for one kernel."""
    code: int = 0
    seconds: float = 0
    modules: int = 0
    why: str = ''      # the first error, or why it is not meant for the kernel
    remedy: str = ''
    oracle: str = ''   # of what fails: what Debian's dkms makes of it
    left: list = dataclasses.field(default_factory=list)

    @property
    def built(self):
        return self.code == 0

    def cell(self):
        if self.built:
            return f'{self.modules} module' + ('s' if self.modules != 1 else '')
        return 'not meant for it' if self.code == NOT_MEANT else 'fails'


@dataclasses.dataclass
class Package:
    file: pathlib.Path
    name: str
    version: str
    module: str = ''
    findings: list = dataclasses.field(default_factory=list)
    outcomes: dict = dataclasses.field(default_factory=dict)
    left: list = dataclasses.field(default_factory=list)  # in the DKMS tree, after it was removed

    def keep(self, file):
        """For a run that goes on with what is left."""
        facts = dataclasses.asdict(self) | {'file': str(self.file)}
        file.write_text(json.dumps(facts))

    @classmethod
    def kept(cls, file):
        facts = json.loads(file.read_text())
        outcomes = {release: Outcome(**outcome) for release, outcome in facts.pop('outcomes').items()}
        return cls(**facts, outcomes=outcomes)

    def lint_errors(self):
        return [finding for finding in self.findings if finding['severity'] == 'error']

    def lint_cell(self):
        counts = {}
        for finding in self.findings:
            counts[finding['severity']] = counts.get(finding['severity'], 0) + 1
        return ', '.join(f'{counts[kind]} {kind}' + ('s' if counts[kind] > 1 else '') for kind in ('error', 'warning', 'note')
                         if kind in counts) or '–'


def field(file, name):
    return subprocess.run(['dpkg-deb', '-f', file, name], check=True, text=True, capture_output=True).stdout.strip()


def run(*command):
    return subprocess.run([str(word) for word in command], env=ENVIRONMENT, text=True, errors='replace', stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd='/')


def ours(*words):
    """dkmsctl: its exit code, and what it says as JSON."""
    finished = run(DKMSCTL, *words, '--json')
    try:
        return finished.returncode, json.loads(finished.stdout or '{}')
    except json.JSONDecodeError:
        return finished.returncode, {'message': finished.stdout + finished.stderr}


def error_in(said):
    """The first error in what dkmsctl has said: it is in the job, or all there is."""
    if isinstance(said, list):
        return next((found for found in map(error_in, said) if found), None)
    if not isinstance(said, dict):
        return None
    if 'parameters' in said and 'message' in said:
        return said
    return next((found for found in map(error_in, said.values()) if found), None)


class Trial:
    """All packages, in the private namespace."""

    def __init__(self, directory, scratch, releases, logs=None):
        self.directory, self.scratch, self.releases, self.logs = directory, scratch, releases, logs
        self.base = set(os.listdir(kernels.SOURCES))
        self.by_name = {field(file, 'Package'): file for file in sorted(directory.glob('*-dkms_*.deb'))}
        self.oracle = None

    # sources

    def put_sources(self, package):
        """The sources of a package and of the module packages it depends on; returns its own directories."""
        own = self.put(package.file)
        wanted, done = re.findall(r'[a-z0-9+.-]+-dkms\b', field(package.file, 'Depends')), {package.name}
        while wanted:
            name = wanted.pop()
            if name in done or name not in self.by_name:
                continue
            done.add(name)
            self.put(self.by_name[name])
            wanted += re.findall(r'[a-z0-9+.-]+-dkms\b', field(self.by_name[name], 'Depends'))
        return own

    def put(self, file):
        where = self.scratch / 'unpacked'
        kernels.unpack(file, where)
        directories = []
        if (where / 'usr' / 'src').is_dir():
            for source in sorted((where / 'usr' / 'src').iterdir()):
                shutil.copytree(source, kernels.SOURCES / source.name, symlinks=True)
                directories.append(kernels.SOURCES / source.name)
        shutil.rmtree(where)
        return [directory for directory in directories if (directory / 'dkms.conf').exists()]

    def start_afresh(self):
        for name in set(os.listdir(kernels.SOURCES)) - self.base:
            shutil.rmtree(kernels.SOURCES / name)
        for path in kernels.TREE.iterdir():
            if path.name not in ('mok.key', 'mok.pub'):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for release in self.releases:
            for name in ('updates', 'extra', 'kernel'):
                shutil.rmtree(kernels.MODULES / release / name, ignore_errors=True)

    def installed(self, release):
        return sorted(path for path in (kernels.MODULES / release).rglob('*.ko*') if path.is_file())

    # one package

    def go(self, file):
        package = Package(file, field(file, 'Package'), field(file, 'Version'))
        self.start_afresh()
        sources = self.put_sources(package)
        if not sources:
            return None
        source, = sources
        package.findings = ours('lint', source)[1].get('findings', [])
        package.module = self.module_of(source)
        for release in self.releases:
            package.outcomes[release] = self.try_kernel(package, release)
        ours('remove', package.module, '--all')
        package.left = [str(path) for path in kernels.TREE.glob('[!.]*') if path.name not in ('mok.key', 'mok.pub')]
        return package

    @staticmethod
    def module_of(source):
        """NAME/VERSION as its dkms.conf has it: the directory is called so, or it is added by its place."""
        _, said = ours('add', source)
        code, status = ours('status')
        module, = {(one['name'], one['version']) for one in status['modules']}
        assert code == 0, said
        return '/'.join(module)

    def try_kernel(self, package, release):
        began = time.monotonic()
        outcome = Outcome()
        outcome.code, said = ours('build', package.module, '-k', release)
        if outcome.built:
            outcome.code, said = ours('install', package.module, '-k', release)
        outcome.seconds = time.monotonic() - began
        if outcome.built:
            outcome.modules = len(self.installed(release))
        else:
            self.explain(outcome, said)
            self.keep_log(package, release)
        code, said = ours('uninstall' if outcome.built else 'unbuild', package.module, '-k', release)
        if outcome.built:
            ours('unbuild', package.module, '-k', release)
        outcome.left = [str(path) for path in self.installed(release)]
        if outcome.code not in (0, NOT_MEANT):
            outcome.oracle = self.ask_oracle(package, release)
        return outcome

    def keep_log(self, package, release):
        for log in (kernels.TREE / package.module).glob(f'.make-{release}-*.log'):
            if self.logs:
                shutil.copy(log, self.logs / f'{package.name}-{release}.log')

    @staticmethod
    def explain(outcome, said):
        error = error_in(said) or {'message': str(said), 'parameters': {}}
        outcome.why = error['parameters'].get('excerpt') or error['message']
        outcome.remedy = error['parameters'].get('remedy') or error.get('hint', '')

    # the oracle

    def ask_oracle(self, package, release):
        """What Debian's dkms, as root and with nothing around it, makes of the same."""
        if self.oracle is None:
            files = sorted(self.directory.glob('dkms_*.deb'))
            self.oracle = bool(files)
            if files:
                kernels.unpack(files[-1], self.scratch / 'oracle')
                shutil.copytree(self.scratch / 'oracle' / 'usr', '/usr', symlinks=True, dirs_exist_ok=True)
                shutil.copytree(self.scratch / 'oracle' / 'etc' / 'dkms', '/etc/dkms', dirs_exist_ok=True)
        if not self.oracle:
            return 'not asked'
        run('dkms', 'add', package.module)
        built = run('dkms', 'build', package.module, '-k', release)
        installed = built.returncode or run('dkms', 'install', package.module, '-k', release).returncode
        run('dkms', 'unbuild', package.module, '-k', release)
        for path in self.installed(release):
            path.unlink()
        return 'builds' if installed == 0 else f'fails ({built.returncode or installed})'


def run_all(options):
    directory = options.directory.resolve()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix='dkms-packages-', dir='/var/tmp'))
    scratch.chmod(0o755)
    own = kernels.with_headers()
    kernels.set_up(scratch, sorted(directory.glob('headers/*.deb')))
    try:
        others = [release for release in kernels.with_headers() if release not in own]
        releases = [own[0], *(others or own[1:])][:2]
        packages = []
        if options.results:
            options.results.mkdir(parents=True, exist_ok=True)
        for package in tried(options, Trial(directory, scratch, releases, options.logs)):
            packages.append(package)
            if options.table:  # what there is, should the rest be interrupted
                options.table.write_text(document(packages, releases))
    finally:
        kernels.tear_down(scratch)
        shutil.rmtree(scratch)
    if options.results and not options.package:
        shutil.rmtree(options.results)
    return verdict(packages)


def tried(options, trial):
    """All packages that bring a module, one after the other."""
    for release in trial.releases:
        kernels.prepare(release)
    for name, file in trial.by_name.items():
        if options.package and name not in options.package:
            continue
        result = options.results / (file.name + '.json') if options.results else None
        if result and result.exists():
            package = Package.kept(result)
            if list(package.outcomes) == trial.releases:
                yield package
                continue
        package = trial.go(file)
        if package is None:
            continue
        show(package)
        if result:
            package.keep(result)
        yield package


def show(package):
    cells = [f'{release}: {outcome.cell()} ({outcome.seconds:.1f} s)' for release, outcome in package.outcomes.items()]
    print(f'{package.module:44} {"   ".join(cells)}   lint: {package.lint_cell()}', flush=True)
    for outcome in package.outcomes.values():
        if outcome.code not in (0, NOT_MEANT):
            print(f'    {outcome.why}\n    → {outcome.remedy}\n    Debian\'s dkms: {outcome.oracle}', flush=True)


def verdict(packages):
    """Prints what contradicts our promises; 0 if nothing does."""
    faults = []
    for package in packages:
        for release, outcome in package.outcomes.items():
            if outcome.oracle == 'builds':
                faults.append(f'{package.module} fails for {release}, and Debian\'s dkms builds it')
            if outcome.left:
                faults.append(f'{package.module} leaves in {release}: {" ".join(outcome.left)}')
        if package.left:
            faults.append(f'{package.module} was removed, and leaves {" ".join(package.left)}')
        if package.lint_errors() and any(outcome.built for outcome in package.outcomes.values()):
            faults.append(f'{package.module} builds, and lint has errors: {package.lint_errors()}')
    built = sum(any(outcome.built for outcome in package.outcomes.values()) for package in packages)
    print(f'{len(packages)} packages, {built} build for at least one kernel.')
    print('\n'.join(faults or ['Nothing fails that Debian\'s dkms builds; lint has no error in what builds.']))
    return 1 if faults else 0


def document(packages, releases):
    """The page of the documentation."""
    system = dict(re.findall(r'^(\w+)="?([^"\n]*)', pathlib.Path('/etc/os-release').read_text(), re.M))
    lines = ['# Module packages of Debian', '',
             f'Made by `./dev packages` on {datetime.date.today().isoformat()}, on {system.get("PRETTY_NAME", "Debian")}: every package '
             f'`*-dkms` of its archive through lint, add, build, install and remove, for the kernels {" and ".join(releases)}. '
             'Seconds are those of build and install. What fails is tried with Debian\'s own dkms, too.', '',
             '| package | version | ' + ' | '.join(f'{release} | s' for release in releases) + ' | lint |',
             '|---|---|' + '---|---:|' * len(releases) + '---|']
    for package in packages:
        cells = ' | '.join(f'{package.outcomes[release].cell()} | {package.outcomes[release].seconds:.1f}' for release in releases)
        lines.append(f'| {package.name} | {package.version} | {cells} | {package.lint_cell()} |')
    lines += ['', '## What fails, and what is said about it']
    for package in packages:
        for release, outcome in package.outcomes.items():
            if outcome.built:
                continue
            lines += ['', f'### {package.name}, {release}', '', '```', *outcome.why.splitlines(), '```', outcome.remedy]
            if outcome.oracle:
                lines += ['', f'Debian\'s dkms: {outcome.oracle}.']
    return '\n'.join(lines) + '\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--table', type=pathlib.Path, help='the file to write the result to, as a page')
    parser.add_argument('--results', type=pathlib.Path,
                        help='a directory with what an interrupted run has found, which is not tried again; removed at the end')
    parser.add_argument('--logs', type=pathlib.Path, help='a directory to keep the logs of what fails in')
    parser.add_argument('directory', type=pathlib.Path)
    parser.add_argument('package', nargs='*')
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit('Only root can give the packages a system of their own.')
    if 'DKMS_PACKAGES_NAMESPACE' not in os.environ:
        kernels.private_namespace([sys.executable, *sys.argv])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cleans up
    return run_all(options)


if __name__ == '__main__':
    sys.exit(main())
