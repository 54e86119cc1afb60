# SPDX-License-Identifier: LGPL-2.1-or-later
"""The dkms 3.0.10 of Debian 12, run to see what it does; never installed.

Environment: DKMS_TEST_PACKAGES is a directory with its package (./dev test fetches it).
"""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import unittest

PACKAGES = pathlib.Path(os.environ.get('DKMS_TEST_PACKAGES', '/nonexistent'))


@contextlib.contextmanager
def unpacked():
    """The directory of its program; without the package the test is skipped."""
    files = sorted(PACKAGES.glob('dkms_3.0.10-*.deb'))
    if not files:
        raise unittest.SkipTest('the package dkms 3.0.10 is not in DKMS_TEST_PACKAGES')
    with tempfile.TemporaryDirectory(prefix='dkms-oracle-', dir='/var/tmp') as directory:
        subprocess.run(['dpkg-deb', '-x', files[-1], directory], check=True)
        os.chmod(directory, 0o755)
        yield pathlib.Path(directory) / 'usr' / 'sbin'
