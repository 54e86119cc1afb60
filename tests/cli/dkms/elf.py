# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bytes of a kernel module: as much of one as those see who only read what it says about itself."""

import struct

NAMES = b'\0.modinfo\0.shstrtab\0.symtab\0.strtab\0'
MACHINES = {'x86_64': 62, 'aarch64': 183, 'riscv64': 243, 's390x': 22, 'ppc64le': 21}


def module_bytes(release, arch, **info):
    """A module for a kernel; `info` are entries of its .modinfo beside vermagic."""
    entries = {**info, 'vermagic': f'{release} SMP mod_unload '}
    modinfo = b''.join(f'{key}={value}'.encode() + b'\0' for key, value in entries.items())
    symbols = bytes(24)
    start = 64 + 64 * 5
    parts = [(1, 1, modinfo, 0, 0), (10, 3, NAMES, 0, 0), (20, 2, symbols, 4, 24), (28, 3, b'\0', 0, 0)]
    headers, content = bytes(64), b''
    for name, kind, data, link, size in parts:
        offset = start + len(content)
        headers += struct.pack('<IIQQQQIIQQ', name, kind, 0, 0, offset, len(data), link, 1 if kind == 2 else 0, 8 if kind == 2 else 1, size)
        content += data + bytes(-len(data) % 8)
    ident = b'\x7fELF\x02\x01\x01' + bytes(9)
    elf = struct.pack('<16sHHIQQQIHHHHHH', ident, 1, MACHINES.get(arch, 62), 1, 0, 0, 64, 0, 64, 0, 0, 64, 5, 2)
    return elf + headers + content


def modinfo(content, key):
    """The value of an entry of .modinfo; None if there is none."""
    for entry in content.split(b'\0'):
        if entry.startswith(key.encode() + b'='):
            return entry.split(b'=', 1)[1].decode()
    return None
