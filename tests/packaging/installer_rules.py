# SPDX-License-Identifier: LGPL-2.1-or-later
"""What installers take from a driver disk, by the rules that their sources follow: each function gets a directory, as the
installer sees the disk, and returns what it would use. Refused says why it would take nothing."""

import gzip
import os
import pathlib
import re
import subprocess
import tarfile
import tempfile

import anaconda_rules

MODULE = re.compile(r'\.ko(\.xz|\.gz|\.zst|\.bz2)?$')


class Refused(Exception):
    pass


def output_of(*words, **how):
    finished = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
    if finished.returncode != 0:
        raise Refused(f'{words} ended with {finished.returncode}: {finished.stderr.decode(errors="replace")}')
    return finished.stdout


# --- Red Hat's first stage until 2010 ----------------------------------------------------------------------------------


def crc_cpio_members(data):
    """Members of a cpio archive with checksums, by name; these must be right."""
    members, at = {}, 0
    while True:
        if data[at:at + 6] != b'070702':
            raise Refused(f'no cpio archive with checksums at {at}: {data[at:at + 6]}')
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size, sum_of_bytes = fields[1], fields[6], fields[11], fields[12]
        at += 110
        name = data[at:at + name_size - 1].decode()
        if data[at + name_size - 1] != 0:
            raise Refused(f'the name {name} does not end')
        at = (at + name_size + 3) // 4 * 4
        if name == 'TRAILER!!!':
            return members
        content = data[at:at + size]
        if sum(content) % 2**32 != sum_of_bytes or len(content) != size:
            raise Refused(f'the checksum of {name} is wrong')
        if mode & 0o170000 != 0o100000:
            raise Refused(f'{name} is no file')
        members[name] = content
        at = (at + size + 3) // 4 * 4


def loader_modinfo(text):
    """Modules with (kind, description)."""
    lines = text.split('\n')
    if lines[0] != 'Version 0':
        raise Refused('modinfo does not begin with "Version 0"')
    found, name, kind = {}, None, None
    for line in lines[1:]:
        if not line.strip() or line.startswith('#'):
            continue
        if not line[0].isspace():
            name, kind = line.strip(), None
        elif name is None:
            raise Refused(f'modinfo: no module before "{line}"')
        elif kind is None:
            kind = line.split()[-1]
            found[name] = (kind, '')
        else:
            if not re.fullmatch(r'"[^"]*"', line.strip()):
                raise Refused(f'modinfo: "{line}" is no description')
            found[name] = (kind, line.strip().strip('"'))
    return found


def redhat_loader(disk, release, arch, needs_pcitable=False):
    """Modules that it finds for the running kernel: {name: bytes}."""
    version = 2 if (disk / 'rhdd').exists() else 1 if (disk / 'rhdd-6.1').exists() else 0
    if version == 0:
        raise Refused('there is neither rhdd nor rhdd-6.1')
    if not (disk / ('rhdd' if version == 2 else 'rhdd-6.1')).read_text().strip():
        raise Refused('it has no title')
    needed = ['modinfo', 'modules.dep', 'modules.cgz', 'pcitable' if needs_pcitable else 'modules.alias']
    for name in needed:
        if not (disk / name).exists():
            raise Refused(f'{name} is missing')
    dependencies = (disk / 'modules.dep').read_text()
    if dependencies and not dependencies.endswith('\n'):
        raise Refused('the last line of modules.dep does not end')
    if needs_pcitable:
        for line in (disk / 'pcitable').read_text().splitlines():
            if not re.fullmatch(r'0x[0-9a-f]{4}\t0x[0-9a-f]{4}\t"[^"]+"\t"[^"]*"', line):
                raise Refused(f'pcitable: {line}')
    for line in (disk / 'modules.alias').read_text().splitlines():
        if not re.fullmatch(r'alias \S+ \S+', line):
            raise Refused(f'modules.alias: {line}')
    members = crc_cpio_members(gzip.decompress((disk / 'modules.cgz').read_bytes()))
    prefix = f'{release}/{arch}/' if version == 2 else f'{release}/'
    found = {}
    for name in loader_modinfo((disk / 'modinfo').read_text()):
        if f'{prefix}{name}.ko' in members:
            found[name] = members[f'{prefix}{name}.ko']
    if not found:
        raise Refused(f'there is no module for {release}')
    return found


# --- Anaconda ------------------------------------------------------------------------------------------------------------


def anaconda(disk, release, arch):
    """What it makes modules of the running system: {path below /lib/modules/RELEASE/updates: bytes}, of every repository."""
    repositories = [pathlib.Path(directory) for directory, directories, files in os.walk(disk, followlinks=True)
                    if 'rhdd3' in files and 'rpms' in directories and (pathlib.Path(directory) / 'rpms' / arch).is_dir()]
    if not repositories:
        raise Refused('there is no directory with rhdd3 and rpms/' + arch)
    found = {}
    for repository in repositories:
        for package in sorted((repository / 'rpms' / arch).glob('*.rpm')):
            if anaconda_rules.is_meant_for(package, release):
                if complaints := anaconda_rules.complaints(package, release, arch):
                    raise Refused(f'{package.name}: {complaints}')
                found.update(payload(package))
    if not found:
        raise Refused('no package is for ' + release)
    return found


def payload(package):
    found = {}
    with tempfile.TemporaryDirectory() as top:
        archive = output_of('rpm2cpio', package)
        subprocess.run(['cpio', '-idm', '--quiet'], input=archive, cwd=top, check=True)
        for path in sorted((pathlib.Path(top) / 'lib' / 'modules').rglob('*')):
            if path.is_file() and MODULE.search(path.name):
                below = path.relative_to(pathlib.Path(top) / 'lib' / 'modules').parts
                while below and (below[0][0].isdigit() or below[0] == 'kernel'):
                    below = below[1:]
                found['/'.join(below)] = path.read_bytes()
    return found


# --- SUSE ----------------------------------------------------------------------------------------------------------------


def linuxrc_archive_kind(data):
    """What linuxrc sees by the first bytes of a file; '' for what it does not know."""
    if data[:2] == b'\x1f\x8b':
        data = gzip.decompress(data)
    if data[:6] == b'070701':
        return 'cpio'
    if data[257:263] == b'ustar\0':
        return 'tar'
    if data[32769:32774] == b'CD001':
        return 'iso9660'
    if data[1080:1082] == b'\x53\xef':
        return 'ext2'
    return 'vfat' if data[510:512] == b'\x55\xaa' and b'FAT' in data[:90] else ''


def dud_config(path):
    settings = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if not line.strip() or line.startswith('#'):
            continue
        key, value = re.fullmatch(r'([^:=\s]+)[:=\s]\s*(.*)', line).groups()
        settings.setdefault(key.lower(), []).append(value.strip().strip('"\''))
    return settings


class Update:
    """A directory that an installer of SUSE applies."""

    def __init__(self, directory):
        self.directory = directory
        self.config = dud_config(directory / 'dud.config')
        modules = directory / 'modules'
        self.files = {path.name: path for path in sorted(modules.glob('*'))} if modules.is_dir() else {}
        self.order = self.files['module.order'].read_text().split() if 'module.order' in self.files else \
            [MODULE.sub('', name) for name in self.files if MODULE.search(name)]

    def module(self, name):
        for suffix in ('.ko.xz', '.ko.gz', '.ko.zst', '.ko'):
            if name + suffix in self.files:
                return self.files[name + suffix]
        return None


def update_directories(disk, inner):
    """The directories `inner` at the top, and below directories that are numbers, in their order."""
    numbers = sorted(path.name for path in disk.iterdir() if re.fullmatch('[0-9]+', path.name))
    return [path for path in [disk / inner] + [disk / number / inner for number in numbers] if path.is_dir()]


def linuxrc(disk, wanted):
    """Updates that it applies, in order, for UpdateDir /linux/suse/WANTED ("x86_64-sles15")."""
    updates, seen = [], set()
    for directory in update_directories(disk, f'linux/suse/{wanted}'):
        update = Update(directory)
        name = update.config.get('updateid', [None])[0]
        if name is not None and name in seen:
            continue
        seen.add(name)
        updates.append(update)
    if not updates:
        raise Refused('there is no linux/suse/' + wanted)
    return updates


def agama(disk, arch, distribution):
    """Modules that it copies, and those that it has loaded, in order."""
    directories = update_directories(disk, f'linux/suse/{arch}-{distribution}')
    if not directories:
        raise Refused(f'there is no linux/suse/{arch}-{distribution}')
    files, order = {}, []
    for directory in directories:
        update = Update(directory)
        files.update({name: path for name, path in update.files.items() if MODULE.search(name)})
        order += update.order
    return files, order


def yast_installs(update):
    """Modules that update.tar.gz puts into the new system: {path: bytes}."""
    post = update.directory / 'install' / 'update.post'
    if post.exists() and not post.read_text().startswith('#!'):
        raise Refused('update.post is no script')
    with tarfile.open(update.directory / 'install' / 'update.tar.gz', 'r:gz') as archive:
        return {member.name.removeprefix('./'): archive.extractfile(member).read() for member in archive if member.isfile()}


# --- the Debian installer --------------------------------------------------------------------------------------------------


def debian_installer(disk, distribution, codename, arch):
    """Modules that it unpacks: {path: bytes}."""
    directory = disk / f'{distribution.lower()}-drivers' / codename
    if not directory.is_dir():
        raise Refused(f'there is no {directory.name}')
    found = {}
    for package in sorted(path for path in directory.iterdir() if path.suffix in ('.deb', '.udeb', '.ude')):
        if b'control.tar.gz' not in output_of('ar', 't', package).split():
            raise Refused(f'{package.name} has no control.tar.gz')
        control = subprocess.run(['tar', '-xzO', './control'], input=output_of('ar', 'p', package, 'control.tar.gz'), check=True,
                                 stdout=subprocess.PIPE).stdout.decode()
        machine, = re.findall('^Architecture: (.*)$', control, re.MULTILINE)
        if machine not in ('all', arch):
            continue
        with tempfile.TemporaryDirectory() as top:
            output_of('dpkg-deb', '-x', package, top)
            found.update({str(path.relative_to(top)): path.read_bytes() for path in pathlib.Path(top).rglob('*.ko*')})
    if not found:
        raise Refused('no package is for ' + arch)
    return found
