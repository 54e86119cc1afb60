# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Anaconda, the installer of Fedora and Red Hat Enterprise Linux, takes of an RPM on a driver disk: which RPMs it chooses for
the kernel that it runs, and which of their files.

An RPM is chosen if it provides `kernel-modules`, with a comparison that holds for the running release, or `installer-enhancement`,
compared with 19.0. A version is compared as a whole, "VERSION-RELEASE.ARCH" as one word, in RPM's order. Of what it holds are taken
modules and firmware; of these, modules below /lib/modules and firmware below /lib/firmware are used.
"""

import functools
import os
import pathlib
import re
import subprocess
import tempfile

MODULE = re.compile(r'\.ko(\.(gz|xz|bz2|zst))?$')
INSTALLER = '19.0'
PAYLOADS = ('gzip', 'zstd', 'xz', 'bzip2', 'lzma')
COMPARISONS = {'<': lambda order: order < 0, '<=': lambda order: order <= 0, '=': lambda order: order == 0,
               '>=': lambda order: order >= 0, '>': lambda order: order > 0}


def segments(version):
    """What RPM compares: runs of digits, runs of letters, '~' and '^'; other characters only separate."""
    return re.findall(r'\d+|[A-Za-z]+|~|\^', version)


def segment_order(a, b):
    if a.isdigit() and b.isdigit():
        return (int(a) > int(b)) - (int(a) < int(b))
    if a.isdigit() or b.isdigit():
        return 1 if a.isdigit() else -1
    return (a > b) - (a < b)


def order(a, b):
    """Less than 0, 0 or more than 0, as rpmvercmp says."""
    left, right = segments(a), segments(b)
    for one, other in zip(left, right):
        for mark in '~^':  # older than anything else; what comes after '^' is newer than nothing at all
            if mark in (one, other) and one != other:
                return -1 if one == mark else 1
        if found := segment_order(one, other) if one not in '~^' else 0:
            return found
    longer = left[len(right):] or right[len(left):]
    if not longer:
        return 0
    sign = 1 if len(left) > len(right) else -1
    return -sign if longer[0] == '~' else sign


def query(package, tags):
    return subprocess.run(['rpm', '-qp', '--qf', tags, package], check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def provides(package):
    """[(name, comparison, version)]; the last two empty if there are none."""
    lines = query(package, '[%{PROVIDENAME}\t%{PROVIDEFLAGS:depflags}\t%{PROVIDEVERSION}\n]').splitlines()
    return [tuple(word.strip() for word in line.split('\t')) for line in lines]


def is_meant_for(package, release):
    """Whether the installer that runs this kernel chooses it."""
    for name, comparison, version in provides(package):
        wanted = {'kernel-modules': release, 'installer-enhancement': INSTALLER}.get(name)
        if wanted and version and comparison in COMPARISONS and COMPARISONS[comparison](order(wanted, version)):
            return True
    return False


@functools.lru_cache(maxsize=None)
def files_used(package):
    """Modules and firmware that get into the installer's system, below /lib/modules/RELEASE/updates and /lib/firmware."""
    with tempfile.TemporaryDirectory() as directory:
        with subprocess.Popen(['rpm2cpio', package], stdout=subprocess.PIPE) as archive:
            subprocess.run(['cpio', '-idm', '--quiet', '--no-absolute-filenames'], stdin=archive.stdout, cwd=directory, check=True)
        top = pathlib.Path(directory)
        used = []
        for path in sorted(top.rglob('*')):
            name = str(path.relative_to(top))
            if not path.is_file():
                continue
            if name.startswith('lib/modules/') and MODULE.search(name):
                used.append(re.sub(r'^[0-9][^/]*/(kernel/)?', '', name[len('lib/modules/'):]))
            elif name.startswith('lib/firmware/'):
                used.append(name)
        return used


def complaints(package, release, directory_arch=os.uname().machine):
    """Why the RPM is of no use to an installer with this kernel if it lies in rpms/<directory_arch>/; empty if it is."""
    found = []
    if not is_meant_for(package, release):
        found.append(f'nothing that it provides says that it is for kernel {release}')
    if not files_used(package):
        found.append('it has no module below /lib/modules and no firmware')
    if not query(package, '%{DESCRIPTION}').strip():
        found.append('it has no description')
    if (payload := query(package, '%{PAYLOADCOMPRESSOR}')) not in PAYLOADS:
        found.append(f'its content is compressed with {payload}')
    if query(package, '%{ARCH}') not in (directory_arch, 'noarch'):
        found.append(f'it is not for {directory_arch}')
    needs = query(package, '[%{REQUIRENAME}\n]').splitlines()
    if any(name == 'dkms' for name in needs):
        found.append('it needs dkms, which the system to be installed has not')
    return found
