# SPDX-License-Identifier: LGPL-2.1-or-later
"""D-Bus as bytes: callers that no library would let one write, and processes of another user that are nothing else."""

import array
import os
import pwd
import signal
import socket
import struct
import warnings

NO_REPLY = 0x1
CALL, RETURN, ERROR = 1, 2, 3
PATH, INTERFACE, MEMBER, REPLY_SERIAL, DESTINATION, SIGNATURE, UNIX_FDS, ERROR_NAME = 1, 2, 3, 5, 6, 8, 9, 4


def align(data, size):
    return data + b'\0' * (-len(data) % size)


def text(value):
    """A string of a body that begins at a multiple of 4."""
    value = value if isinstance(value, bytes) else value.encode()
    return align(struct.pack('<I', len(value)) + value + b'\0', 4)


def field(code, kind, value):
    """One field of a header; each begins at a multiple of 8."""
    head = struct.pack('<BB', code, 1) + kind.encode() + b'\0'
    if kind == 'u':
        return head + struct.pack('<I', value)
    if kind == 'g':
        return head + struct.pack('<B', len(value)) + value.encode() + b'\0'
    return head + struct.pack('<I', len(value)) + value.encode() + b'\0'


def call(serial, member, signature='', body=b'', flags=0, interface='org.dkms1.Manager', path='/org/dkms1',
         destination='org.dkms1', descriptors=0):
    """A method call."""
    parts = [(PATH, 'o', path), (INTERFACE, 's', interface), (MEMBER, 's', member), (DESTINATION, 's', destination)]
    if signature:
        parts.append((SIGNATURE, 'g', signature))
    if descriptors:
        parts.append((UNIX_FDS, 'u', descriptors))
    fields = b''
    for part in parts:
        fields = align(fields, 8) + field(*part)
    head = struct.pack('<BBBBIII', ord('l'), CALL, flags, 1, len(body), serial, len(fields))
    return align(head + fields, 8) + body


EMPTY_FILTER = ('a{sv}', struct.pack('<I', 0) + b'\0' * 4)


def filter_of(key, value):
    """The arguments of ListModules with one entry."""
    entry = struct.pack('<I', len(key)) + key.encode() + b'\0' + b'\x01s\0'  # a signature needs no padding before it
    entry = align(entry, 4)
    entry += struct.pack('<I', len(value)) + value.encode() + b'\0'
    return 'a{sv}', struct.pack('<I', len(entry)) + b'\0' * 4 + entry


def texts(values):
    """The body of one as."""
    if not values:
        return struct.pack('<I', 0)
    packed = b''.join([text(value) for value in values])
    packed = packed[:len(packed) - (-(len(values[-1]) + 1) % 4)]  # what the last one is padded with does not count
    return struct.pack('<I', len(packed)) + packed


def request(module, version, kernels=None):
    """The arguments of a method that makes a job, ssasa{sv} or, without kernels, ssa{sv}; no options."""
    body = align(text(module) + text(version) + (b'' if kernels is None else texts(kernels)), 4)
    return body + struct.pack('<I', 0) + b'\0' * (-(len(body) + 4) % 8)


class Wire:
    """A connection that sends what it is told to, and reads only when it is told to."""

    def __init__(self, path, hello=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.serial = 0
        self.pending = b''
        self.answers = {}
        if hello:
            self.socket.sendall(b'\0AUTH EXTERNAL ' + str(os.getuid()).encode().hex().encode() + b'\r\n')
            self.line()
            self.socket.sendall(b'NEGOTIATE_UNIX_FD\r\n')
            self.line()
            self.socket.sendall(b'BEGIN\r\n')
            self.send('Hello', interface='org.freedesktop.DBus', path='/org/freedesktop/DBus', destination='org.freedesktop.DBus')
            self.read_reply(self.serial)

    def line(self):
        while b'\r\n' not in self.pending:
            self.fill()
        line, self.pending = self.pending.split(b'\r\n', 1)
        return line

    def fill(self):
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError('the bus has closed the connection')
        self.pending += received

    def send(self, member, signature='', body=b'', descriptors=(), **options):
        self.serial += 1
        data = call(self.serial, member, signature, body, descriptors=len(descriptors), **options)
        if not descriptors:
            self.socket.sendall(data)
            return self.serial
        sent = self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', descriptors))])
        self.socket.sendall(data[sent:])
        return self.serial

    def read_message(self):
        """Type, serial number that it answers, name of the error, and body of the next message."""
        while len(self.pending) < 16:
            self.fill()
        _, kind, _, _, size, _, fields = struct.unpack('<BBBBIII', self.pending[:16])
        whole = 16 + fields + (-fields % 8) + size
        while len(self.pending) < whole:
            self.fill()
        message, self.pending = self.pending[:whole], self.pending[whole:]
        answers, error, at = 0, None, 16
        while at < 16 + fields:
            code, kind_of_field = message[at], chr(message[at + 2])
            at += 4
            if kind_of_field == 'u':
                value, at = struct.unpack_from('<I', message, at)[0], at + 4
            elif kind_of_field == 'g':
                value, at = None, at + 2 + message[at]
            else:
                length = struct.unpack_from('<I', message, at)[0]
                value, at = message[at + 4:at + 4 + length].decode(), at + 5 + length
            answers = value if code == REPLY_SERIAL else answers
            error = value if code == ERROR_NAME else error
            at += -at % 8
        return kind, answers, error, message[whole - size:]

    def read_reply(self, serial):
        """Name of the error, or None, and body of the answer to a call. Answers may come in another order than the calls."""
        while serial not in self.answers:
            kind, answers, error, body = self.read_message()
            if kind in (RETURN, ERROR):
                self.answers[answers] = (error, body)
        return self.answers.pop(serial)

    def close(self):
        self.socket.close()


class Process:
    """`work(self)` in a process of its own, as an unprivileged user where we are root and `same_user` is not given. It goes on until it is
    ended."""

    def __init__(self, work, same_user=False):
        self.read_end, self.write_end = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(self.write_end)
            return
        warnings.simplefilter('ignore')  # all that it has is closed by its end
        try:
            os.close(self.read_end)
            if os.getuid() == 0 and not same_user:
                nobody = pwd.getpwnam('nobody')
                os.setgroups([])
                os.setgid(nobody.pw_gid)
                os.setuid(nobody.pw_uid)
            work(self)
        except (ConnectionError, BrokenPipeError):
            pass
        finally:
            os._exit(0)

    def tell(self):
        """From inside: a step is done."""
        os.write(self.write_end, b'.')

    def wait_for_steps(self, count=1):
        """From outside."""
        while count > 0:
            told = os.read(self.read_end, count)
            assert told, 'the process has ended'
            count -= len(told)

    def end(self):
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.read_end)
        self.pid = None
