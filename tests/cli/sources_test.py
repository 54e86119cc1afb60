#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Only ENOENT and ENOTDIR mean that something is absent. What of the C++ library and the C library takes every failure for that,
or throws what is no Error, is called by nobody but the files below, each for its reason; everyone else asks lib/files/file_kind.h,
lib/files/names_in.h and read_file_if_present()."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROOMS = ('lib', 'client', 'daemon', 'dbus')

# Calls that look at or change a file system. Paths alone (lexically_normal and its like) are no business of this test.
FILESYSTEM = re.compile(
    r'\b(?:fs|filesystem)::(exists|is_(?:directory|regular_file|symlink|socket|fifo|empty|other|block_file|character_file)|status'
    r'|symlink_status|remove|remove_all|rename|copy|copy_file|copy_symlink|create_\w+|(?:recursive_)?directory_iterator|read_symlink'
    r'|(?:weakly_)?canonical|equivalent|file_size|last_write_time|space|permissions|resize_file|temp_directory_path|current_path'
    r'|absolute|relative|proximate|hard_link_count)\b')
OTHERS = re.compile(r'\b(i?fstream|ifstream|opendir|fdopendir|access|faccessat|error_code)\b(?=[\s({>])')

# file → what it may call, and why.
REASONS = {
    'lib/files/file_kind.cc': ('read_symlink canonical error_code', 'the rule itself'),
    'lib/config/conf_source.cc': ('absolute', 'looks at nothing but where this process is'),
    'lib/process/available_memory.cc': ('ifstream', '/proc and /sys: what cannot be read bounds nothing'),
    'lib/process/child.cc': ('is_regular_file access error_code', 'a program that cannot be looked at is not found, as by a shell'),
    'lib/process/descendants.cc': ('directory_iterator access error_code', '/proc: processes end while they are looked at'),
    'lib/process/unprivileged.cc': ('ifstream', '/proc: without it there are no other users to think of'),
    'lib/process/sandbox.cc': ('ifstream', '/proc: what this system offers'),
    'lib/process/mounts.cc': ('access directory_iterator read_symlink weakly_canonical error_code', 'of a mount, bwrap says what is wrong'),
    'lib/process/image.cc': ('access', '/proc and /run: what runs here'),
    'lib/process/open_path.cc': ('access canonical error_code', '/proc: whether it is there; else our own program, which runs'),
    'lib/tree/add_step.cc': ('access', 'its errno is the reason of the error'),
    'lib/tree/directory.cc': ('faccessat', 'its errno is the reason of the error'),
    'lib/tree/script.cc': ('access', 'of a file that is there: whether this user may start it'),
    'lib/plan/expected_duration.cc': ('last_write_time error_code', 'a guess, which only orders builds'),
    'lib/install/tidy_step.cc': ('access', 'of a directory that is there: whether this user may index it'),
    'lib/install/placed.cc': ('equivalent error_code', 'of two that are there: what cannot be compared is not ours, and stays'),
    'lib/package/deb_source.cc': ('file_size', 'of files that it has just made'),
    'lib/package/load_step.cc': ('equivalent faccessat error_code', 'of a directory: its errno is looked at; of two: what cannot be looked at is copied'),
    'lib/build/signing.cc': ('access', 'looks at its errno'),
    'lib/build/surroundings.cc': ('directory_iterator exists canonical is_socket read_symlink error_code',
                                  'what cannot be looked at is not shown to a build'),
    'lib/build/used_space.cc': ('directory_iterator fdopendir ifstream error_code', 'counts what is there of a build that goes on'),
    'client/beside.cc': ('create_directories error_code', 'the open that follows fails'),
    'client/cmd_lint.cc': ('current_path error_code', 'how a path is shown'),
    'client/options.cc': ('absolute', 'looks at nothing but where this process is'),
    'client/dkms/archive_file.cc': ('create_directories error_code', 'its error is thrown'),
    'client/dkms/source_owner.cc': ('current_path canonical error_code', 'what cannot be looked at is refused'),
    'client/dkms/words.cc': ('absolute error_code', 'looks at nothing but where this process is'),
    'client/dkms/working_source.cc': ('access create_directory directory_iterator copy remove_all error_code',
                                      'the working directory of who calls; filesystem_error is caught'),
    'daemon/device_modules.cc': ('last_write_time error_code', 'a guess: which of several builds is the newest'),
    'daemon/device_rules_main.cc': ('absolute', 'looks at nothing but where this process is'),
    'daemon/device_search.cc': ('directory_iterator ifstream exists canonical error_code', '/sys: devices come and go'),
    'daemon/job_store.cc': ('create_directories directory_iterator remove_all error_code', 'the journal has rules of its own'),
}


def calls(text):
    """Names of what is called, with line numbers; comments and strings are no calls."""
    text = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split('//')[0]
        if line.startswith('#include'):
            continue
        for found in [*FILESYSTEM.finditer(line), *OTHERS.finditer(line)]:
            yield number, found.group(1)


class Sources(unittest.TestCase):
    maxDiff = None

    def test_what_is_looked_for_is_found(self):
        text = ('if (fs::exists(path, ignored)) {}\nfor (std::filesystem::directory_iterator one(path, failed);;) {}\n'
                'std::ifstream file(path); // fs::exists()\nreturn ::access(p, F_OK) == 0;\nstd::error_code ignored;\n"fs::exists"\n')
        self.assertEqual(list(calls(text)), [(1, 'exists'), (2, 'directory_iterator'), (3, 'ifstream'), (4, 'access'), (5, 'error_code')])

    def test_only_what_has_a_reason(self):
        used, wrong = {}, []
        for room in ROOMS:
            for path in sorted((ROOT / room).rglob('*')):
                if path.suffix in ('.cc', '.h'):
                    name = str(path.relative_to(ROOT))
                    for line, call in calls(path.read_text()):
                        used.setdefault(name, set()).add(call)
                        if call not in REASONS.get(name, ('',))[0].split():
                            wrong.append(f'{name}:{line}: {call}')
        self.assertEqual(wrong, [], 'each takes every failure for absence: see the head of this test')
        allowed = {name: set(words.split()) for name, (words, _) in REASONS.items()}
        unused = {name: words - used.get(name, set()) for name, words in allowed.items() if words != used.get(name)}
        self.assertEqual(unused, {}, 'a reason for what is not done any more')


if __name__ == '__main__':
    unittest.main()
