#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up what test programs said: `summary.py [--parts PASSED FAILED] LOG…`.

A LOG is what `meson test` writes, one JSON object a program. Programs say themselves how many cases they had (Catch2, unittest);
any other counts as one. Skipped cases are listed with their reasons, failed ones by name. The last line is the sum; the exit
code is 1 when something failed or when nothing ran.
"""

import argparse
import collections
import json
import pathlib
import re
import sys

Counts = collections.Counter

CATCH_ALL_PASSED = re.compile(r'^All tests passed \(.* in (\d+) test cases?\)', re.M)
CATCH_SOME_FAILED = re.compile(r'^test cases: .*$', re.M)
UNITTEST_RAN = re.compile(r'^Ran (\d+) tests? in ', re.M)
UNITTEST_RESULT = re.compile(r'^(?:OK|FAILED)(?: \((.*)\))?$', re.M)
UNITTEST_SKIPPED = re.compile(r'''^(?:(\S+) \([^)]*\).*?|.*?)\.\.\. skipped ["'](.*)["']$''', re.M)
UNITTEST_FAILED = re.compile(r'^(?:FAIL|ERROR): (.*)$', re.M)


def catch_counts(text):
    """What a Catch2 program counted, or None."""
    if match := CATCH_ALL_PASSED.search(text):
        return Counts(passed=int(match[1]))
    if match := CATCH_SOME_FAILED.search(text):
        return Counts({kind: int(number) for number, kind in re.findall(r'(\d+) (passed|failed|skipped)', match[0])})
    return None


def unittest_counts(text):
    """What Python's unittest counted, or None."""
    ran, result = UNITTEST_RAN.search(text), UNITTEST_RESULT.search(text)
    if not ran or not result:
        return None
    details = {kind: int(number) for kind, number in re.findall(r'([a-z ]+)=(\d+)', result[1] or '')}
    details = {kind.strip(): number for kind, number in details.items()}
    failed = details.get('failures', 0) + details.get('errors', 0)
    skipped = details.get('skipped', 0)
    return Counts(passed=max(0, int(ran[1]) - failed - skipped), failed=failed, skipped=skipped)


def counts_of(test, text):
    """Cases of one program. A program that did not end well has failed, whatever it printed before."""
    if test['result'] == 'SKIP':
        return Counts(skipped=1)
    well = test['result'] in ('OK', 'EXPECTEDFAIL')
    counts = catch_counts(text) or unittest_counts(text) or Counts(passed=1 if well else 0)
    if not well and not counts['failed']:
        counts['failed'] += 1
    return counts


def read_log(path):
    """The tests of a log; a missing log is a test that failed: the programs never ran."""
    if not path.exists():
        return [{'name': str(path), 'result': 'MISSING', 'stdout': 'no test ran'}]
    return [json.loads(line) for line in path.read_text().splitlines()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--parts', nargs=2, type=int, default=(0, 0), metavar=('PASSED', 'FAILED'))
    parser.add_argument('logs', nargs='*', type=pathlib.Path)
    arguments = parser.parse_args()
    total = Counts(passed=arguments.parts[0], failed=arguments.parts[1])
    for test in (test for log in arguments.logs for test in read_log(log)):
        text = (test.get('stdout') or '') + '\n' + (test.get('stderr') or '')
        counts = counts_of(test, text)
        total += counts
        name = test['name'].split(' / ')[-1].split(':')[-1].strip()
        if counts['failed']:
            cases = ', '.join(UNITTEST_FAILED.findall(text)) or test['result'].lower()
            print(f'failed: {name}: {cases}')
        reasons = Counts(UNITTEST_SKIPPED.findall(text))
        for (case, reason), times in reasons.items():
            print(f'skipped: {name}: {case}{f" ({times}×)" if times > 1 else ""}: {reason}')
        if counts['skipped'] > sum(reasons.values()):
            print(f'skipped: {name}: {counts["skipped"] - sum(reasons.values())} without a reason')
    print(f'{total["passed"]} passed, {total["failed"]} failed, {total["skipped"]} skipped')
    return 1 if total['failed'] or not total['passed'] else 0


if __name__ == '__main__':
    sys.exit(main())
