# SPDX-License-Identifier: LGPL-2.1-or-later
"""What somebody would try who has taken over what runs in a unit. Runs in the place of the unit's program, and prints a list of what it
has got through with; that the kernel finds fault with an argument afterwards means that nothing else had."""

import ctypes
import errno
import json
import mmap
import os
import platform
import socket
import subprocess

SHUT = {errno.EPERM, errno.EACCES, errno.EROFS, errno.EAFNOSUPPORT, errno.ENOSYS}
NEW_NAMESPACE = {'user': 0x10000000, 'mount': 0x20000, 'network': 0x40000000, 'cgroup': 0x2000000, 'time': 0x80}
# Arguments with which nothing comes of it.
NUMBERS = {'x86_64': {'ptrace': 101, 'mount': 165, 'setns': 308, 'reboot': 169, 'chroot': 161, 'personality': 135,
                      'process_vm_writev': 311, 'pivot_root': 155},
           'aarch64': {'ptrace': 117, 'mount': 40, 'setns': 268, 'reboot': 142, 'chroot': 51, 'personality': 92,
                       'process_vm_writev': 271, 'pivot_root': 41}}
CALLS = {'ptrace': (0, 0, 0, 0), 'mount': (0, 0, 0, 0, 0), 'setns': (-1, 0), 'reboot': (0, 0, 0, 0), 'chroot': (0,), 'personality': (8,),
         'process_vm_writev': (-1, 0, 0, 0, 0, 0), 'pivot_root': (0, 0), 'io_uring_setup': (0, 0), 'userfaultfd': (1,)}
ANYWHERE = {'io_uring_setup': 425, 'userfaultfd': {'x86_64': 323, 'aarch64': 282}[platform.machine()]}
libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result < 0 and ctypes.get_errno() in SHUT:
        raise OSError(ctypes.get_errno(), '')


def call(name):
    number = ANYWHERE.get(name) or NUMBERS[platform.machine()][name]
    checked(libc.syscall(*(ctypes.c_long(word) for word in (number, *CALLS[name]))))


def setuid_program():
    """The program belongs to nobody, and is setuid."""
    if subprocess.run(['/usr/local/setuid-id', '-u'], stdout=subprocess.PIPE, check=True).stdout.strip() != b'65534':
        raise PermissionError(errno.EPERM, '')


def make_setuid():
    place = next(place for place in ('/tmp', '/var/lib/dkmsd') if os.access(place, os.W_OK))
    path = f'{place}/setuid-{os.getpid()}'
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    try:
        os.chmod(path, 0o4755)
    finally:
        os.unlink(path)


def make_device():
    os.mknod(f'/tmp/device-{os.getpid()}', 0o20666, os.makedev(1, 1))


def write_in(directory):
    path = f'{directory}/attack-{os.getpid()}'
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.unlink(path)


def read(path):
    with open(path, 'rb') as file:
        if not file.read(1):  # something lies over it
            raise PermissionError(errno.EACCES, '')


def connect(path, kind):
    with socket.socket(socket.AF_UNIX, kind) as there:
        if there.connect_ex(path):
            raise PermissionError(errno.EACCES, '')


def memory_to_run():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def attempts():
    for name in CALLS:
        yield f'call {name}', lambda name=name: call(name)
    for name, flag in NEW_NAMESPACE.items():
        yield f'namespace {name}', lambda flag=flag: checked(libc.unshare(flag))
    yield 'a setuid program', setuid_program
    yield 'make a setuid file', make_setuid
    yield 'make a device', make_device
    yield 'memory to write and run', memory_to_run
    for family in ('INET', 'NETLINK', 'PACKET'):
        kind = socket.SOCK_STREAM if family == 'INET' else socket.SOCK_RAW
        yield f'socket {family}', lambda family=family, kind=kind: socket.socket(getattr(socket, 'AF_' + family), kind).close()
    for place in ('/', '/etc', '/etc/dkms', '/boot', '/usr/bin', '/usr/lib/modules', '/usr/src', '/srv', '/var/lib/dkms', '/var/lib/dkmsd',
                  '/var/tmp/open', '/dev/shm'):
        yield f'write {place}', lambda place=place: write_in(place)
    yield 'write settings of the kernel', lambda: os.close(os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY))
    for path in ('/var/lib/dkms/mok.key', '/etc/shadow'):
        yield f'read {path}', lambda path=path: read(path)
    for name in ('tree', 'script', 'build', 'build-root', 'sign'):
        yield f'unit {name}', lambda name=name: connect(f'/run/dkms-units/{name}', socket.SOCK_SEQPACKET)
    yield 'the bus', lambda: connect('/run/dbus/system_bus_socket', socket.SOCK_STREAM)
    yield 'the service manager', lambda: connect('/run/systemd/private', socket.SOCK_STREAM)


def gets_through(attempt):
    """In a process of its own, since some cannot be undone."""
    child = os.fork()
    if child == 0:
        try:
            attempt()
            os._exit(0)
        except OSError as error:
            os._exit(1 if error.errno in SHUT else 0)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


print(json.dumps([name for name, attempt in attempts() if gets_through(attempt)]))
