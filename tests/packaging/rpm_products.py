# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of RPMs that are made of modules have in common."""

import hashlib
import os
import re
import shutil
import subprocess
import unittest

import rpm_system
from rpm_system import KERNELS

REASON = rpm_system.reason_to_skip()
ARCH = os.uname().machine
HELLO = 'hello-1.0-1dkms.noarch.rpm'
# What has to be said by whoever gives packages away.
UNSAID = ('no-signature', 'no-packager-tag', 'no-changelogname-tag')
KERNEL_WORDS = [word for kernel in KERNELS for word in ('-k', kernel)]


def query(package, *words):
    return subprocess.run(['rpm', '-qp', *words, package], check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def member(package, name):
    """The content of a file in a package, which it names with or without "./" in front (source packages: by RPM's version)."""
    name = name.removeprefix('./')
    with subprocess.Popen(['rpm2cpio', package], stdout=subprocess.PIPE) as archive:
        return subprocess.run(['cpio', '-i', '--quiet', '--to-stdout', name, f'./{name}'], stdin=archive.stdout, check=True,
                              stdout=subprocess.PIPE).stdout


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Maker:
    """A system in which modules have been built for all kernels, once for all."""

    system = None
    built = set()

    @classmethod
    def get(cls, *modules):
        """`modules`: names of samples, "hello-1.0"."""
        if cls.system is None:
            cls.system = rpm_system.RpmSystem()
            unittest.addModuleCleanup(cls.delete)
        for sample in set(modules) - cls.built:
            name, version = sample.rsplit('-', 1)
            cls.system.add_source(name, version, sample)
            cls.system.dkms('build', '-m', f'{name}/{version}', *KERNEL_WORDS)
            cls.built.add(sample)
        return cls.system

    @classmethod
    def hello_package(cls):
        """The RPM of hello 1.0 with its builds."""
        system = cls.get('hello-1.0')
        if HELLO not in cls.built:
            system.dkms('mkrpm', '-m', 'hello/1.0', *KERNEL_WORDS)
            cls.built.add(HELLO)
        return system.products()[HELLO]

    @classmethod
    def delete(cls):
        cls.system.__exit__()
        cls.system, cls.built = None, set()


def fresh_system(test, **how):
    return test.enterContext(rpm_system.RpmSystem(**how))


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if REASON:
            self.skipTest(REASON)

    def no_lint(self, package):
        if not shutil.which('rpmlint'):
            self.skipTest('rpmlint is needed')
        said = subprocess.run(['rpmlint', package], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        errors = [line for line in said.splitlines() if ': E: ' in line and not any(word in line for word in UNSAID)]
        # Where DKMS has its script is not for us to say; and macros would put the place where it is made into a source package.
        errors = [line for line in errors if not re.search('hardcoded-library-path in /usr/lib/dkms|use-of-RPM_SOURCE_DIR', line)]
        self.assertEqual(errors, [])
        self.assertIn('badness', said)
