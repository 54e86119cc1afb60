#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures dkmsd, side by side with Debian's dkms where that could be fetched: `bench.py [flood] [jobs] [status] [build] [service] [idle] [autoinstall]
[tarball]`.

Works in mounts of its own: the system's trees are covered by scratch directories and left as they are.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scratch  # noqa: E402
import floods  # noqa: E402
import many_jobs  # noqa: E402
import measure  # noqa: E402
import private_bus  # noqa: E402
import sample_tree  # noqa: E402

DKMSCTL = str(scratch.BUILD / 'client' / 'dkmsctl')
OURS = str(scratch.BUILD / 'client' / 'dkms')
PACKAGES = pathlib.Path(os.environ.get('DKMS_TEST_PACKAGES', '/nonexistent'))
DKMS = shutil.which('dkms', path=measure.ENVIRONMENT['PATH']) or ('/usr/sbin/dkms' if list(PACKAGES.glob('dkms_*.deb')) else None)


def put_over_the_system(trees):
    """Debian's dkms, where it is not installed: its package is laid over /usr and /etc, for this process and its children."""
    if not DKMS or pathlib.Path(DKMS).exists():
        return
    layers = trees.root / 'layers'
    subprocess.run(['dpkg-deb', '-x', sorted(PACKAGES.glob('dkms_*.deb'))[-1], layers], check=True)
    for directory in ('usr', 'etc'):
        subprocess.run(['mount', '-t', 'overlay', '-o', f'lowerdir={layers}/{directory}:/{directory}', 'layers', f'/{directory}'], check=True)


def cover_system_trees(trees):
    """Puts the scratch trees where the system's are, for this process and its children, and gives dkms an empty /etc/dkms."""
    empty = trees.root / 'etc-dkms'
    empty.mkdir()
    for mount in (['-t', 'tmpfs', 'none', '/var/lib'], ['--bind', trees.modules, '/lib/modules']):
        subprocess.run(['mount', *mount], check=True)
    if pathlib.Path('/etc/dkms').exists():
        subprocess.run(['mount', '--bind', empty, '/etc/dkms'], check=True)
    pathlib.Path('/var/lib/dkms').mkdir()
    subprocess.run(['mount', '--bind', trees.dkms, '/var/lib/dkms'], check=True)


def bench_status(trees, table):
    """50 modules for 4 kernels, all installed."""
    sample_tree.fill(trees, modules=50, kernels=4)
    words = [str(word) for word in trees.words()]
    contenders = {'stdio': lambda: measure.seconds([DKMSCTL, 'status', *words])}
    if DKMS:
        contenders['dkms'] = lambda: measure.seconds([DKMS, 'status', *words])
    with private_bus.PrivateBus(trees.root / 'bus') as bus:
        bus.start_service()
        contenders['bus'] = lambda: measure.seconds([DKMSCTL, 'status'], DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        results = measure.medians(3 if DKMS else 11, **contenders)
    table.line('status, 50 modules for 4 kernels, without a bus', results['stdio'], results.get('dkms'), '20 ms')
    table.line('status, the same through a running dkmsd', results['bus'], results.get('dkms'), '20 ms')


def bench_build(trees, table):
    """One small module, from added to installed, against bare make."""
    kernel = sample_tree.add_kernel_for_builds(trees)
    source = trees.add_source()
    words = [str(word) for word in trees.words()]

    def again(program):
        subprocess.run([program, 'remove', 'hello/1.0', '--all', *words], env=measure.ENVIRONMENT, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        measure.seconds([program, 'add', 'hello/1.0', *words])
        return measure.seconds([program, 'install', 'hello/1.0', '-k', kernel, *words])

    results = measure.medians(7, bare=lambda: sample_tree.bare_make(trees, source, kernel), ours=lambda: again(DKMSCTL))
    table.line('build and install of one small module / bare make', results['ours'], results['bare'], 'ratio 1.15')
    if DKMS:
        subprocess.run([DKMSCTL, 'remove', 'hello/1.0', '--all', *words], env=measure.ENVIRONMENT, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        other = measure.medians(3, dkms=lambda: again(DKMS))['dkms']
        table.line('build and install of one small module / dkms', results['ours'], other)


def bench_idle(trees, table):
    """Autoinstall with nothing to do."""
    sample_tree.fill(trees, modules=50, kernels=4)
    words = ['autoinstall', '-k', '6.1.0-50-amd64', *(str(word) for word in trees.words())]
    contenders = {'ours': lambda: measure.seconds([OURS, *words])}
    if DKMS:
        contenders['dkms'] = lambda: measure.seconds([DKMS, *words])
    results = measure.medians(3 if DKMS else 11, **contenders)
    table.line('autoinstall with nothing to do, 50 modules for 4 kernels', results['ours'], results.get('dkms'), '10 ms')


def bench_autoinstall(trees, table):
    """Real packages for a kernel that they were never built for, against the processor time of their bare makes."""
    kernel = sample_tree.add_kernel_for_builds(trees)
    names = sample_tree.unpack_packages(trees, PACKAGES)
    if len(names) < 8:
        table.plain('autoinstall of real packages', f'{len(names)} packages', 'at least 8 are needed')
        return
    words = [str(word) for word in trees.words()]

    def run(program):
        for directory in (trees.dkms, trees.modules / kernel / 'updates'):
            subprocess.run(['find', directory, '-mindepth', '1', '-delete'], check=False, stderr=subprocess.DEVNULL)
        sample_tree.add_all(trees, names)
        return measure.seconds([program, 'autoinstall', '-k', kernel, *words])

    ours = run(OURS)
    makes = sample_tree.seconds_of_makes(trees, names, kernel)
    bound = makes / len(os.sched_getaffinity(0))
    table.line(f'autoinstall of {len(names)} packages / processor time of their makes', ours, bound, 'ratio 1.10')
    if DKMS:
        table.line(f'autoinstall of {len(names)} packages / dkms', ours, run(DKMS))


def bench_tarball(trees, table):
    """A module with a large source, out of a tree and into another, against tar with the same compressor."""
    source = trees.add_source()
    headers = next(pathlib.Path('/usr/src').glob('linux-headers-*-common'))
    shutil.copytree(headers / 'include', source / 'include')
    words = [str(word) for word in trees.words()]
    measure.seconds([DKMSCTL, 'add', 'hello/1.0', *words])
    out, there = trees.root / 'out', trees.root / 'there'
    out.mkdir()

    def unpack(*command):
        shutil.rmtree(there, ignore_errors=True)
        for tree in ('dkms', 'src', 'tar'):
            (there / tree).mkdir(parents=True)
        return measure.seconds(list(map(str, command)))

    for suffix in ('tar.gz', 'tar.zst'):
        ours, theirs = out / f'ours.{suffix}', out / f'theirs.{suffix}'
        packed = measure.medians(
            3, ours=lambda: measure.seconds([DKMSCTL, 'export', 'hello', '-o', str(out), '--archive', ours.name, *words]),
            tar=lambda: measure.seconds(['tar', '-caf', str(theirs), '-C', str(source), '.']))
        table.line(f'export to {suffix} / tar', packed['ours'], packed['tar'], 'ratio 1.3')
        loaded = measure.medians(
            3, ours=lambda: unpack(DKMSCTL, 'import', ours, '--dkmstree', there / 'dkms', '--sourcetree', there / 'src'),
            tar=lambda: unpack('tar', '-xf', theirs, '-C', there / 'tar'))
        table.line(f'import of {suffix} / tar', loaded['ours'], loaded['tar'], 'ratio 1.3')


def bench_service(trees, table):
    """dkmsd itself, on a private bus."""
    with private_bus.PrivateBus(trees.root / 'bus') as bus:
        first = measure.medians(9, first=bus.seconds_to_first_reply)['first']
        table.line('dkmsd, exec to first reply', first, aim='50 ms')
        pid = bus.start_service()
        table.plain('dkmsd, dirty private memory', f'{private_bus.private_dirty(pid) / 1024:.1f} MB', 'under 4 MB')
        table.plain('dkmsd, wake-ups in 10 s of idleness', str(private_bus.wakeups(pid, 10)), '0')


def bench_flood(trees, table):
    """The service while an unprivileged user calls it without a pause, and while callers read nothing."""
    kernel = sample_tree.add_kernel_for_builds(trees)
    sample_tree.fill(trees, modules=50, kernels=4)
    trees.add_source()

    def install(bus):
        environment = {'DBUS_SYSTEM_BUS_ADDRESS': bus.address}
        subprocess.run([DKMSCTL, 'remove', 'hello/1.0', '--all'], env=measure.ENVIRONMENT | environment, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        return measure.seconds([DKMSCTL, 'install', 'hello/1.0', '-k', kernel], **environment)

    words = ['--sourcetree', trees.sources]
    with private_bus.PrivateBus(trees.root / 'bus', words, limits={'max_connections_per_user': 4096}) as bus:
        pid = bus.start_service()
        alone = measure.medians(3, alone=lambda: install(bus))['alone']
        before = floods.resident(pid)
        with floods.Floods(bus) as quiet:
            table.line('read of Version', quiet.seconds_to_read_a_property(50)[0], aim='100 ms')
        with floods.Floods(bus) as crowd:
            crowd.flood()
            middle, longest = crowd.seconds_to_read_a_property(50)
            table.line('read of Version, three connections flood', middle, aim='100 ms')
            table.line('the longest of 50', longest, aim='100 ms')
            under = measure.medians(3, under=lambda: install(bus))['under']
            table.line('install of a small module, meanwhile / alone', under, alone, 'ratio 2')
        with floods.Floods(bus) as crowd:
            crowd.never_read(1000)
            middle, longest = crowd.seconds_to_read_a_property(50)
            table.line('read of Version, 1000 connections never read', middle, aim='100 ms')
            table.line('the longest of 50', longest, aim='100 ms')
            table.plain('dkmsd, resident memory after that / before', f'{floods.resident(pid):.1f}/{before:.1f} MB')


def bench_jobs(trees, table):
    """10,000 jobs, builds by a make that copies and their removals, from 50 clients."""
    clients, rounds = 50, int(os.environ.get('DKMS_BENCH_ROUNDS', '100'))
    kernel = sample_tree.add_kernel_for_builds(trees)
    module = sample_tree.make_module(trees, next(iter(sample_tree.HEADERS.values())))
    names = [f'module{number:02}' for number in range(clients)]
    for name in names:
        source = trees.sources / f'{name}-1.0'
        source.mkdir()
        shutil.copy(module, source / 'built')
        (source / 'dkms.conf').write_text(f'PACKAGE_NAME="{name}"\nPACKAGE_VERSION="1.0"\nBUILT_MODULE_NAME[0]="hello"\n'
                                          'DEST_MODULE_LOCATION[0]="/updates"\nMAKE[0]="cp built hello.ko"\nCLEAN="true"\n')
    with private_bus.PrivateBus(trees.root / 'bus', ['--sourcetree', trees.sources]) as bus:
        pid = bus.start_service()
        before = many_jobs.figures_of(pid)
        results, seconds, looks = many_jobs.run(bus.address.removeprefix('unix:path='), names, kernel, rounds)
        after = many_jobs.figures_of(pid)
        assert bus.service_pid() == pid, 'the service has ended meanwhile'
    wrong = {job: ends for job, ends in results.items() if ends != ['done']}
    table.plain(f'{clients * rounds * 2} jobs of {clients} clients, lost or not done', str(clients * rounds * 2 - len(results) + len(wrong)), '0')
    table.plain('jobs a second', f'{len(results) / seconds:.1f}')
    table.line('ListModules meanwhile, in the middle', looks[len(looks) // 2])
    table.line('ListModules meanwhile, 99 of 100', looks[len(looks) * 99 // 100])
    table.plain('dkmsd, resident memory after that / before', f'{after[0] / 1024:.1f}/{before[0] / 1024:.1f} MB')
    table.plain('dkmsd, descriptors after that / before', f'{after[1]}/{before[1]}')


BENCHES = {'flood': bench_flood, 'jobs': bench_jobs, 'status': bench_status, 'build': bench_build, 'service': bench_service, 'idle': bench_idle,
           'autoinstall': bench_autoinstall, 'tarball': bench_tarball}


def main(names):
    measure.Table.header()
    if not DKMS:
        print('dkms is not here: no comparison with it')
    for name in names or BENCHES:
        with tempfile.TemporaryDirectory(prefix='dkms-bench-') as root:
            sys.stdout.flush()
            subprocess.run([*scratch.own_mounts(), sys.executable, __file__, '--inside', name, root], check=True)


def inside(name, root):
    """One benchmark, in mounts of its own, on trees that somebody else removes."""
    trees = scratch.Scratch(pathlib.Path(root))  # not removed here: it is full of mounts
    put_over_the_system(trees)
    cover_system_trees(trees)
    BENCHES[name](trees, measure.Table())


if __name__ == '__main__':
    if sys.argv[1:2] == ['--inside']:
        inside(*sys.argv[2:])
    else:
        main(sys.argv[1:])
