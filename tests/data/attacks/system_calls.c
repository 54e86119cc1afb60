// SPDX-License-Identifier: LGPL-2.1-or-later
// Tries what a build has no use for. Each line: what was tried, and the errno it ended with; 0 when it worked.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char* what, long result) { printf("%s %d\n", what, result < 0 ? errno : 0); }

static struct sockaddr_un address_of(const char* path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return address;
}

// A datagram, by a socket that was made as one of a pair.
static long send_by_pair(int type, const char* path)
{
    int pair[2];
    if (socketpair(AF_UNIX, type, 0, pair) < 0) return -1;
    const struct sockaddr_un address = address_of(path);
    return sendto(pair[0], "x", 1, 0, (const struct sockaddr*)&address, sizeof address);
}

static long reconnect_pair(const char* path)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return -1;
    const struct sockaddr_un address = address_of(path);
    return connect(pair[0], (const struct sockaddr*)&address, sizeof address);
}

// In a child of its own: what clone(2) gives returns twice.
static void try_clone(const char* what, unsigned long flags)
{
    fflush(stdout);
    const long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    tell(what, child);
    if (child > 0) waitpid((pid_t)child, NULL, 0);
}

#ifdef __x86_64__
// As a 32-bit program would call; what it points to must lie low.
static long call_32(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    result = (int)result;
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static void try_32(void)
{
    unsigned* low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    low[0] = AF_UNIX;
    low[1] = SOCK_STREAM;
    low[2] = 0;
    tell("32:socketcall", call_32(102, 1, (long)low, 0));
    low[1] = SOCK_DGRAM;
    low[3] = (unsigned)(unsigned long)(low + 8);
    tell("32:socketcall-pair", call_32(102, 8, (long)low, 0));
    tell("32:socket", call_32(359, AF_UNIX, SOCK_STREAM, 0));
    tell("32:unshare", call_32(310, CLONE_NEWUSER, 0, 0));
    tell("32:mount", call_32(21, 0, 0, 0));
    tell("32:bpf", call_32(357, 0, 0, 0));
    tell("32:keyctl", call_32(288, 0, 0, 0));
    tell("32:io_uring_setup", call_32(425, 1, 0, 0));
    tell("32:getpid", call_32(20, 0, 0, 0));
    tell("x32:getpid", syscall(0x40000000 | 39));
    tell("x32:unshare", syscall(0x40000000 | SYS_unshare, CLONE_NEWUSER));
}
#endif

// The words: the path of a socket that listens for streams, and of one for datagrams.
int main(int count, char** words)
{
    if (count < 3) return 2;
    tell("unix-stream", socket(AF_UNIX, SOCK_STREAM, 0));
    tell("unix-stream-high-bits", syscall(SYS_socket, 0x100000000 | AF_UNIX, SOCK_STREAM, 0));
    tell("unix-datagram", socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    tell("pair-datagram", send_by_pair(SOCK_DGRAM, words[2]));
    tell("pair-raw", send_by_pair(SOCK_RAW, words[2]));
    tell("pair-reconnect", reconnect_pair(words[1]));
    tell("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    tell("packet", socket(AF_PACKET, SOCK_RAW, 0));
    tell("alg", socket(38, SOCK_SEQPACKET, 0));
    tell("netlink-audit", socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
    tell("sctp", socket(AF_INET, SOCK_STREAM, 132));
    tell("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    tell("unshare-user", unshare(CLONE_NEWUSER));
    tell("unshare-time", unshare(0x80));
    try_clone("clone-user", CLONE_NEWUSER);
    try_clone("clone-net", CLONE_NEWNET);
    tell("clone3", syscall(SYS_clone3, NULL, 0));
    tell("setns", syscall(SYS_setns, -1, 0));
    tell("mount", syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
    tell("open_tree", syscall(428, -1, "", 0));
    tell("fsopen", syscall(430, NULL, 0));
    tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
    tell("io_uring_setup", syscall(425, 1, NULL));
    tell("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, 0, -1, 0));
    tell("userfaultfd", syscall(SYS_userfaultfd, 1));
    tell("add_key", syscall(SYS_add_key, "user", "x", "x", 1, -3));
    tell("request_key", syscall(SYS_request_key, "user", "x", NULL, 0));
    tell("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    tell("finit_module", syscall(SYS_finit_module, -1, "", 0));
    tell("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
    tell("syslog", syscall(SYS_syslog, 3, NULL, 0));
    tell("unknown", syscall(900));
    // What must go on working.
    tell("good:tcp", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    tell("good:udp", socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP));
    tell("good:addresses", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    int pair[2];
    tell("good:pair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    tell("good:files", unshare(CLONE_FILES));
    try_clone("good:clone", 0);
#ifdef __x86_64__
    try_32();
#endif
    return 0;
}
