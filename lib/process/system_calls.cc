// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/system_calls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

namespace dkms {
namespace {

// By what they would be used for. Debuggers are let through: in a process namespace of its own a program sees none but
// its own processes.
constexpr auto refused = std::to_array<std::string_view>(
    {// programs and rings in the kernel: most of its holes of late
     "bpf", "io_uring_setup", "io_uring_enter", "io_uring_register", "perf_event_open", "userfaultfd", "fanotify_init",
     // keys
     "add_key", "request_key", "keyctl",
     // file systems
     "mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig",
     "fsmount", "fspick", "mount_setattr", "open_by_handle_at", "swapon", "swapoff", "quotactl", "quotactl_fd", "acct",
     "nfsservctl",
     // the kernel itself
     "init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms", "kexec_load",
     "kexec_file_load", "reboot", "syslog",
     // the machine
     "settimeofday", "stime", "clock_settime", "clock_settime64", "sethostname", "setdomainname", "iopl", "ioperm",
     "vhangup", "pciconfig_read", "pciconfig_write", "pciconfig_iobase", "s390_pci_mmio_read", "s390_pci_mmio_write",
     // other programs' namespaces
     "setns",
     // of long ago
     "modify_ldt", "vm86", "vm86old", "uselib", "lookup_dcookie"});

constexpr std::uint32_t namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr std::uint32_t kind_of_socket = 0xf; // without SOCK_CLOEXEC and SOCK_NONBLOCK
constexpr std::uint32_t allow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t fails_with(int number) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number); }
const std::uint32_t does_not_exist = fails_with(ENOSYS);
const std::uint32_t not_permitted = fails_with(EPERM);

using Code = std::vector<sock_filter>;

Code& operator+=(Code& code, const Code& more)
{
    code.insert(code.end(), more.begin(), more.end());
    return code;
}

sock_filter load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
sock_filter give(std::uint32_t verdict) { return BPF_STMT(BPF_RET | BPF_K, verdict); }

/// Arguments that are an int: the kernel does not look at their upper half either.
sock_filter load_argument(unsigned number)
{
    constexpr std::size_t lower_half = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;
    return load(offsetof(seccomp_data, args) + 8 * number + lower_half);
}

/// `then` when what is loaded is `value`; `then` ends with a verdict.
Code if_equal(std::uint32_t value, const Code& then)
{
    Code code{BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, static_cast<std::uint8_t>(then.size()))};
    return code += then;
}

/// One kind of machine code whose programs this machine runs.
struct Architecture {
    std::uint32_t token;  // as libseccomp and struct seccomp_data have it
    std::uint32_t first;  // number of its first call
    unsigned clone_flags; // which argument of clone(2) they are
};

std::optional<Architecture> architecture(std::uint32_t token)
{
    switch (token) {
    case SCMP_ARCH_MIPS:
    case SCMP_ARCH_MIPSEL:
        return Architecture{token, 4000, 0};
    case SCMP_ARCH_MIPS64:
    case SCMP_ARCH_MIPSEL64:
        return Architecture{token, 5000, 0};
    case SCMP_ARCH_MIPS64N32:
    case SCMP_ARCH_MIPSEL64N32:
        return Architecture{token, 6000, 0};
    case SCMP_ARCH_S390:
    case SCMP_ARCH_S390X:
        return Architecture{token, 0, 1};
    case 0:
        return std::nullopt;
    default:
        return Architecture{token, 0, 0};
    }
}

/// What the kernel of a machine runs besides the machine's own programs. x32 is left out: its calls do not exist.
std::vector<std::uint32_t> companions(std::uint32_t native)
{
    switch (native) {
    case SCMP_ARCH_X86_64:
        return {SCMP_ARCH_X86};
    case SCMP_ARCH_AARCH64:
        return {SCMP_ARCH_ARM};
    case SCMP_ARCH_PPC64:
        return {SCMP_ARCH_PPC};
    case SCMP_ARCH_S390X:
        return {SCMP_ARCH_S390};
    case SCMP_ARCH_MIPS64:
        return {SCMP_ARCH_MIPS, SCMP_ARCH_MIPS64N32};
    case SCMP_ARCH_MIPSEL64:
        return {SCMP_ARCH_MIPSEL, SCMP_ARCH_MIPSEL64N32};
    case SCMP_ARCH_PARISC64:
        return {SCMP_ARCH_PARISC};
    default:
        return {};
    }
}

/// The calls of one architecture, by name. libseccomp is asked what each number is: asked for a name, it says of calls
/// that can also be made through another (socket, on i386) that they have no number.
class Calls {
public:
    explicit Calls(const Architecture& architecture)
    {
        add(architecture.token, architecture.first, count);
        if (architecture.token == SCMP_ARCH_ARM) add(architecture.token, of_arm, count_of_arm);
    }

    static constexpr std::uint32_t count = 1000;
    static constexpr std::uint32_t of_arm = 0x0f0000; // a few calls of its own
    static constexpr std::uint32_t count_of_arm = 16;

    std::optional<std::uint32_t> number_of(std::string_view name) const
    {
        const auto found = numbers_.find(name);
        return found == numbers_.end() ? std::nullopt : std::optional(found->second);
    }
    const std::map<std::string, std::uint32_t, std::less<>>& all() const { return numbers_; }

private:
    void add(std::uint32_t token, std::uint32_t first, std::uint32_t size)
    {
        for (std::uint32_t number = first; number < first + size; ++number) {
            const std::unique_ptr<char, decltype(&std::free)> name(
                ::seccomp_syscall_resolve_num_arch(token, static_cast<int>(number)), &std::free);
            if (name) numbers_.emplace(name.get(), number);
        }
    }

    std::map<std::string, std::uint32_t, std::less<>> numbers_;
};

Code socket_rules()
{
    const auto of_protocols = [](std::uint32_t usual) {
        Code code{load_argument(2)};
        code += if_equal(0, {give(allow)});
        code += if_equal(usual, {give(allow)});
        code.push_back(give(fails_with(EPROTONOSUPPORT)));
        return code;
    };
    Code internet{load_argument(1), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kind_of_socket)};
    internet += if_equal(SOCK_STREAM, of_protocols(IPPROTO_TCP));
    internet += if_equal(SOCK_DGRAM, of_protocols(IPPROTO_UDP));
    internet.push_back(give(not_permitted));
    Code addresses{load_argument(2)};
    addresses += if_equal(NETLINK_ROUTE, {give(allow)});
    addresses.push_back(give(fails_with(EPROTONOSUPPORT)));
    Code code{load_argument(0)};
    code += if_equal(AF_INET, internet);
    code += if_equal(AF_INET6, internet);
    code += if_equal(AF_NETLINK, addresses);
    code.push_back(give(fails_with(EAFNOSUPPORT)));
    return code;
}

/// Connected pairs that stay what they are. One for datagrams could be connected to something else afterwards.
Code socketpair_rules()
{
    Code pair{load_argument(1), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kind_of_socket)};
    pair += if_equal(SOCK_STREAM, {give(allow)});
    pair += if_equal(SOCK_SEQPACKET, {give(allow)});
    pair.push_back(give(fails_with(EPROTONOSUPPORT)));
    Code code{load_argument(0)};
    code += if_equal(AF_UNIX, pair);
    code.push_back(give(fails_with(EAFNOSUPPORT)));
    return code;
}

/// The arguments lie in memory, where a filter does not see them: no sockets are made this way.
Code socketcall_rules()
{
    Code code{load_argument(0)};
    code += if_equal(SYS_SOCKET, {give(fails_with(EAFNOSUPPORT))});
    code += if_equal(SYS_SOCKETPAIR, {give(fails_with(EAFNOSUPPORT))});
    code.push_back(give(allow));
    return code;
}

Code no_namespaces(unsigned flags_argument, std::uint32_t which)
{
    return {load_argument(flags_argument), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, which, 0, 1), give(not_permitted),
            give(allow)};
}

/// Verdicts for a range of numbers that do not depend on arguments: one comparison for each run of equal ones.
Code number_rules(const Calls& calls, std::uint32_t begin, std::uint32_t size)
{
    std::vector<std::uint32_t> verdicts(size, does_not_exist);
    for (const auto& [name, number] : calls.all()) {
        if (number < begin || number - begin >= size) continue;
        const bool is_refused = std::find(refused.begin(), refused.end(), name) != refused.end();
        verdicts[number - begin] = is_refused ? not_permitted : name == "clone3" ? does_not_exist : allow;
    }
    Code code{BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, begin, 1, 0), give(does_not_exist)};
    for (std::uint32_t i = 0; i < size; ++i) {
        if (i + 1 < size && verdicts[i + 1] == verdicts[i]) continue;
        code.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, begin + i, 1, 0));
        code.push_back(give(verdicts[i]));
    }
    return code;
}

/// All that a program of one architecture may call; ends with a verdict.
Code rules_for(const Architecture& architecture, const Calls& calls, bool any_socketcall)
{
    Code code{load(offsetof(seccomp_data, nr))};
    const auto special = [&](std::string_view name, const Code& rules) {
        if (const auto number = calls.number_of(name)) code += if_equal(*number, rules);
    };
    special("clone", no_namespaces(architecture.clone_flags, namespaces));
    special("unshare", no_namespaces(0, namespaces | CLONE_NEWTIME));
    special("socket", socket_rules());
    special("socketpair", socketpair_rules());
    special("socketcall", any_socketcall ? Code{give(allow)} : socketcall_rules());
    code += number_rules(calls, architecture.first, Calls::count);
    if (architecture.token == SCMP_ARCH_ARM) code += number_rules(calls, Calls::of_arm, Calls::count_of_arm);
    code.push_back(give(does_not_exist));
    return code;
}

/// Whether the kernel takes filters: it then looks at the one that is not there.
bool kernel_has_filters() { return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr) < 0 && errno == EFAULT; }

std::string make_filter(const SystemCallFilter& wanted)
{
    const auto native = architecture(::seccomp_arch_native());
    if (!native || !Calls(*native).number_of("clone") || !kernel_has_filters()) return {};
    Code code{load(offsetof(seccomp_data, arch))};
    const auto add = [&](const Architecture& one) {
        const Code rules = rules_for(one, Calls(one), wanted.network && one.token == native->token);
        // Further than a conditional jump reaches.
        code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, one.token, 1, 0));
        code.push_back(BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(rules.size())));
        code += rules;
    };
    add(*native);
    for (const std::uint32_t token : companions(native->token))
        if (const auto other = architecture(token)) add(*other);
    code.push_back(give(does_not_exist));
    std::string bytes(code.size() * sizeof(sock_filter), '\0');
    std::copy(code.begin(), code.end(), reinterpret_cast<sock_filter*>(bytes.data()));
    return bytes;
}

} // namespace

const std::string& system_call_filter(const SystemCallFilter& wanted)
{
    if (wanted.network) {
        static const std::string with_network = make_filter(wanted);
        return with_network;
    }
    static const std::string without_network = make_filter(wanted);
    return without_network;
}

std::vector<std::string_view> refused_system_calls() { return {refused.begin(), refused.end()}; }

} // namespace dkms
