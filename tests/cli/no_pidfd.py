# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a command to which pidfd_open(2) fails with an error: the number of the error, then the words of the command."""

import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ERRNO, ALLOW = 0x00050000, 0x7fff0000
PIDFD_OPEN = 434  # on every architecture but alpha


def main():
    code = int(sys.argv[1])
    program = b''.join(struct.pack('HBBI', *one) for one in (
        (LOAD_WORD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, PIDFD_OPEN), (RETURN, 0, 0, ERRNO | code), (RETURN, 0, 0, ALLOW)))
    buffer = ctypes.create_string_buffer(program)
    filters = struct.pack('HxxxxxxP' if struct.calcsize('P') == 8 else 'HxxP', 4, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(filters), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'PR_SET_SECCOMP')
    try:
        os.pidfd_open(os.getpid())
    except OSError as refused:
        assert refused.errno == code
    else:
        raise AssertionError('the filter does nothing')
    os.execvp(sys.argv[2], sys.argv[2:])


main()
