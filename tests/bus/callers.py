# SPDX-License-Identifier: LGPL-2.1-or-later
"""Callers that mean no good, each as work for a wire.Process."""

import os
import signal
import socket
import tempfile

import wire


def flood(path, call=('ListModules', *wire.EMPTY_FILTER), connections=3, batch=200):
    """Pipelines a call, given as its member, signature and body, and wants no reply; a step is a batch on each connection."""
    def work(process):
        lines = [wire.Wire(path) for _ in range(connections)]
        data = b''.join(wire.call(serial, *call, flags=wire.NO_REPLY) for serial in range(2, batch + 2))
        while True:
            for line in lines:
                line.socket.sendall(data)
            process.tell()
    return work


def deaf(path, connections=3, rounds=100, calls=8):
    """Calls ListModules and reads no reply, only so fast that all are answered: another connection waits for an answer after each round.
    The step is that all has been sent, or that this one is not answered any more."""
    def work(process):
        lines = [wire.Wire(path) for _ in range(connections)]
        pace = wire.Wire(path)
        pace.socket.settimeout(1)
        try:
            for _ in range(rounds):
                for line in lines:
                    for _ in range(calls):
                        line.send('ListModules', *wire.EMPTY_FILTER)
                pace.read_reply(pace.send('ListModules', *wire.EMPTY_FILTER))
        except socket.timeout:
            pass
        process.tell()
        signal.pause()
    return work


def odd_descriptors():
    """One of every kind that one can have."""
    with tempfile.TemporaryFile() as file:
        deleted = os.dup(file.fileno())
    files = [os.open('/dev/null', os.O_RDONLY), os.open('/', os.O_RDONLY), os.open('/dev/zero', os.O_RDWR), deleted,
             os.open('/etc/passwd', os.O_PATH), os.open('/proc/self/mem', os.O_RDONLY)]
    return [*files, *os.pipe(), socket.socket(socket.AF_UNIX).detach(), os.eventfd(0), os.memfd_create('x'), os.pidfd_open(os.getpid())]


def odd(path, connections, unprivileged):
    """A crowd of connections that each do one odd thing, and stay; the step is that all have done it."""
    megabyte = 'x' * 1024 * 1024
    descriptors = odd_descriptors()

    def with_descriptors(line):
        for _ in range(4):
            line.send('ListModules', *wire.EMPTY_FILTER, descriptors=descriptors)

    def half(line):
        line.socket.sendall(wire.call(2, 'ListModules', *wire.EMPTY_FILTER)[:57])

    def garbage(line):
        line.socket.sendall(bytes(range(256)) * 16)

    def long_text(line):
        line.send('ListModules', *wire.filter_of('module', megabyte))

    def long_key(line):
        line.send('ListModules', *wire.filter_of(megabyte, 'x'))

    def long_path(line):
        line.send('ListModules', *wire.EMPTY_FILTER, path='/' + megabyte)

    def long_property(line):
        line.send('Get', 'ss', wire.text('org.dkms1.Manager') + wire.text(megabyte), interface='org.freedesktop.DBus.Properties')

    def many_kernels(line):
        line.send('Build', 'ssasa{sv}', wire.request('hello', '1.0', [f'6.1.{n}' for n in range(20000)]))

    def introspection(line):
        for _ in range(20):
            line.send('Introspect', interface='org.freedesktop.DBus.Introspectable')

    def unread_list(line):
        line.send('ListModules', *wire.EMPTY_FILTER)

    small = [half, garbage, introspection, unread_list]
    if unprivileged:  # from others the bus takes them, and stops when it has too many
        small.append(with_descriptors)
    large = [long_text, long_key, long_path, long_property, many_kernels]  # few of them: the bus itself keeps 127 MiB for us

    def work(process):
        lines = []
        for number in range(connections):
            line = wire.Wire(path)
            lines.append(line)
            deeds = large if number < 3 * len(large) else small
            try:
                deeds[number % len(deeds)](line)
            except ConnectionError:
                continue
        process.tell()
        signal.pause()
    return work
