// SPDX-License-Identifier: LGPL-2.1-or-later
// A system call that fails, or at which a process is killed, chosen by program, kind of call and place.
//
//     injector [OPTION…] -- COMMAND…
//         --below DIRECTORY   count calls that concern a path below it (may be repeated); no other call is counted
//         --program NAME      count those of this program: dkmsd, dkms-worker, kmod
//         --calls KIND        count those of this kind, see `kinds`
//         --at N              the N-th of them gets the fault; 0, as without it, is none: only counts are wanted
//         --on                and so do all that come after it
//         --error ERRNO       the fault: the call fails with this (a number) and is not made
//         --kill NAME,…       the fault: all processes of these programs are killed before the call is made
//         --log FILE          gets "count PROGRAM KIND N", "fault PROGRAM CALL PATH" and "stray PROGRAM" as lines
//
// strace(1) counts for each process by itself, and what the dynamic loader does, too, so most of its cases never come
// to what is of interest here. Ends as COMMAND does, once no process of a program of ours is left below it; what else
// is left then is killed.
#include <seccomp.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/// Where a system call has what it concerns: the number of an argument, or -1.
struct Shape {
    const char* kind;
    const char* call;
    int directory; ///< a descriptor: what `path` is relative to, or all there is
    int path;      ///< a text
};

// Of calls with two paths the second one counts: what is about to be there.
constexpr std::array shapes{
    Shape{"open", "open", -1, 0},        Shape{"open", "openat", 0, 1},
    Shape{"open", "openat2", 0, 1},      Shape{"stat", "stat", -1, 0},
    Shape{"stat", "lstat", -1, 0},       Shape{"stat", "fstat", 0, -1},
    Shape{"stat", "newfstatat", 0, 1},   Shape{"stat", "statx", 0, 1},
    Shape{"stat", "access", -1, 0},      Shape{"stat", "faccessat", 0, 1},
    Shape{"stat", "faccessat2", 0, 1},   Shape{"stat", "readlink", -1, 0},
    Shape{"stat", "readlinkat", 0, 1},   Shape{"read", "read", 0, -1},
    Shape{"read", "pread64", 0, -1},     Shape{"write", "write", 0, -1},
    Shape{"write", "pwrite64", 0, -1},   Shape{"write", "writev", 0, -1},
    Shape{"write", "sendfile", 0, -1},   Shape{"write", "copy_file_range", 2, -1},
    Shape{"list", "getdents64", 0, -1},  Shape{"rename", "rename", -1, 1},
    Shape{"rename", "renameat", 2, 3},   Shape{"rename", "renameat2", 2, 3},
    Shape{"link", "link", -1, 1},        Shape{"link", "linkat", 2, 3},
    Shape{"unlink", "unlink", -1, 0},    Shape{"unlink", "rmdir", -1, 0},
    Shape{"unlink", "unlinkat", 0, 1},   Shape{"mkdir", "mkdir", -1, 0},
    Shape{"mkdir", "mkdirat", 0, 1},     Shape{"symlink", "symlink", -1, 1},
    Shape{"symlink", "symlinkat", 1, 2}, Shape{"sync", "fsync", 0, -1},
    Shape{"sync", "fdatasync", 0, -1},   Shape{"sync", "syncfs", 0, -1},
    Shape{"change", "fchmod", 0, -1},    Shape{"change", "fchmodat", 0, 1},
    Shape{"change", "fchown", 0, -1},    Shape{"change", "fchownat", 0, 1},
    Shape{"change", "utimensat", 0, 1},  Shape{"change", "ftruncate", 0, -1},
};

struct Wishes {
    std::vector<std::string> below;
    std::string program;
    std::string kind;
    long at = 0;
    bool on = false;
    int error = 0;
    std::set<std::string> kill;
    std::string log;
    std::vector<char*> command;
};

[[noreturn]] void die(const char* what)
{
    std::fprintf(stderr, "injector: %s: %s\n", what, std::strerror(errno));
    std::exit(99);
}

std::string link_text(const std::string& link)
{
    std::array<char, 4096> text;
    const ssize_t length = ::readlink(link.c_str(), text.data(), text.size());
    return length < 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(length));
}

std::string proc(pid_t process, const std::string& what) { return "/proc/" + std::to_string(process) + "/" + what; }

std::string program_of(pid_t process)
{
    const std::string path = link_text(proc(process, "exe"));
    return path.substr(path.find_last_of('/') + 1);
}

bool is_ours(const std::string& program)
{
    return program == "dkmsd" || program == "dkms-worker" || program == "dkmsctl" || program == "kmod";
}

/// The text at an address of another process, read by page, since the next one may not be there.
std::string text_at(pid_t process, std::uint64_t address)
{
    std::string text;
    while (text.size() < 8192) {
        std::array<char, 4096> part;
        const std::size_t size = part.size() - address % part.size();
        iovec here{part.data(), size};
        iovec there{reinterpret_cast<void*>(address), size};
        const ssize_t got = ::process_vm_readv(process, &here, 1, &there, 1, 0);
        if (got <= 0) break;
        const std::size_t length = ::strnlen(part.data(), static_cast<std::size_t>(got));
        text.append(part.data(), length);
        if (length < static_cast<std::size_t>(got)) break;
        address += static_cast<std::uint64_t>(got);
    }
    return text;
}

/// The call that a process has stopped before fails with `error` and is not made.
void refuse_call(pid_t process, int error)
{
#if defined(__x86_64__)
    user_regs_struct registers{};
    if (::ptrace(PTRACE_GETREGS, process, nullptr, &registers) < 0) return;
    registers.orig_rax = static_cast<unsigned long long>(-1);
    registers.rax = static_cast<unsigned long long>(-error);
    ::ptrace(PTRACE_SETREGS, process, nullptr, &registers);
#elif defined(__aarch64__)
    int none = -1;
    iovec number{&none, sizeof none};
    ::ptrace(PTRACE_SETREGSET, process, 0x404 /* NT_ARM_SYSTEM_CALL */, &number);
    user_regs_struct registers{};
    iovec all{&registers, sizeof registers};
    if (::ptrace(PTRACE_GETREGSET, process, NT_PRSTATUS, &all) < 0) return;
    registers.regs[0] = static_cast<unsigned long long>(-error);
    ::ptrace(PTRACE_SETREGSET, process, NT_PRSTATUS, &all);
#else
#error "how a system call is refused on this machine is not known"
#endif
}

/// The command: a bus ends by SIGTERM, and what it does then is of interest, too.
volatile std::sig_atomic_t command = 0;

void pass_on(int signal)
{
    if (command != 0) ::kill(command, signal);
}

class Injector {
public:
    explicit Injector(Wishes wishes) : wishes_(std::move(wishes))
    {
        for (const Shape& shape : shapes)
            if (const int number = ::seccomp_syscall_resolve_name(shape.call); number >= 0)
                calls_.emplace(number, &shape);
    }

    int run()
    {
        start();
        while (!is_over()) {
            int status = 0;
            const pid_t process = ::waitpid(-1, &status, __WALL);
            if (process < 0 && errno == EINTR) continue;
            if (process < 0) break;
            if (WIFSTOPPED(status))
                stopped(process, status);
            else
                ended(process, status);
        }
        write_log();
        return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
    }

private:
    void start()
    {
        int go[2];
        if (::pipe2(go, O_CLOEXEC) < 0) die("pipe");
        first_ = ::fork();
        if (first_ < 0) die("fork");
        if (first_ == 0) {
            char byte = 0;
            ::close(go[1]);
            if (::read(go[0], &byte, 1) != 1) ::_exit(99);
            stop_at_calls();
            ::execvp(wishes_.command.front(), wishes_.command.data());
            die(wishes_.command.front());
        }
        const auto options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                             PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
        if (::ptrace(PTRACE_SEIZE, first_, nullptr, options) < 0) die("ptrace");
        programs_[first_] = "";
        command = first_;
        std::signal(SIGTERM, pass_on);
        if (::write(go[1], "g", 1) != 1) die("write");
        ::close(go[0]);
        ::close(go[1]);
    }

    /// In the child: it and all below it stop before the calls that are counted, and no others.
    void stop_at_calls() const
    {
        const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
        ::seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, ::geteuid() == 0 ? 0 : 1);
        for (const auto& [number, shape] : calls_)
            if (wishes_.kind.empty() || wishes_.kind == shape->kind)
                ::seccomp_rule_add(filter, SCMP_ACT_TRACE(0), number, 0);
        if (const int failed = ::seccomp_load(filter); failed < 0) {
            errno = -failed;
            die("seccomp");
        }
        ::seccomp_release(filter);
    }

    /// When the command has ended and nothing of ours goes on.
    bool is_over() const
    {
        if (programs_.count(first_) != 0) return false;
        for (const auto& [process, program] : programs_)
            if (is_ours(program)) return false;
        return true;
    }

    void ended(pid_t process, int status)
    {
        programs_.erase(process);
        if (process == first_) status_ = status;
    }

    void stopped(pid_t process, int status)
    {
        auto [known, is_new] = programs_.try_emplace(process);
        if (is_new) known->second = program_of(process);
        const int signal = WSTOPSIG(status);
        switch (status >> 16) {
        case PTRACE_EVENT_SECCOMP:
            before_call(process, known->second);
            break;
        case PTRACE_EVENT_EXEC: {
            unsigned long former = 0; // a thread that becomes its whole process
            ::ptrace(PTRACE_GETEVENTMSG, process, nullptr, &former);
            if (static_cast<pid_t>(former) != process) programs_.erase(static_cast<pid_t>(former));
            programs_[process] = program_of(process);
            break;
        }
        case PTRACE_EVENT_STOP:
            if (signal != SIGTRAP) {
                ::ptrace(PTRACE_LISTEN, process, nullptr, nullptr);
                return;
            }
            break;
        case 0:
            ::ptrace(PTRACE_CONT, process, nullptr, signal);
            return;
        default:
            break;
        }
        ::ptrace(PTRACE_CONT, process, nullptr, nullptr);
    }

    void before_call(pid_t process, const std::string& program)
    {
        if (!is_ours(program)) return;
        __ptrace_syscall_info info{};
        if (::ptrace(PTRACE_GET_SYSCALL_INFO, process, sizeof info, &info) <= 0) return;
        if (info.op != PTRACE_SYSCALL_INFO_SECCOMP) return;
        const auto shape = calls_.find(static_cast<int>(info.seccomp.nr));
        if (shape == calls_.end()) return;
        const std::string path = path_of(process, *shape->second, info.seccomp.args);
        if (!is_below(path)) return;
        const long number = ++counts_[{program, shape->second->kind}];
        if (program != wishes_.program || wishes_.kind != shape->second->kind || wishes_.at == 0) return;
        if (number < wishes_.at || (number > wishes_.at && !wishes_.on)) return;
        if (number == wishes_.at) fault_ = program + " " + shape->second->call + " " + path;
        if (wishes_.error != 0) return refuse_call(process, wishes_.error);
        for (const auto& [one, name] : programs_)
            if (wishes_.kill.count(name) != 0) ::kill(one, SIGKILL);
    }

    static std::string path_of(pid_t process, const Shape& shape, const std::uint64_t* arguments)
    {
        const std::string path =
            shape.path < 0 ? std::string() : text_at(process, arguments[static_cast<std::size_t>(shape.path)]);
        if (!path.empty() && path.front() == '/') return path;
        const int directory =
            shape.directory < 0 ? AT_FDCWD : static_cast<int>(arguments[static_cast<std::size_t>(shape.directory)]);
        const std::string top = directory == AT_FDCWD ? link_text(proc(process, "cwd"))
                                                      : link_text(proc(process, "fd/" + std::to_string(directory)));
        return path.empty() ? top : top + "/" + path;
    }

    bool is_below(const std::string& path) const
    {
        for (const std::string& top : wishes_.below)
            if (path.compare(0, top.size(), top) == 0 && (path.size() == top.size() || path[top.size()] == '/'))
                return true;
        return false;
    }

    void write_log() const
    {
        if (wishes_.log.empty()) return;
        FILE* const log = std::fopen(wishes_.log.c_str(), "we");
        if (log == nullptr) die(wishes_.log.c_str());
        for (const auto& [what, count] : counts_)
            std::fprintf(log, "count %s %s %ld\n", what.first.c_str(), what.second.c_str(), count);
        if (!fault_.empty()) std::fprintf(log, "fault %s\n", fault_.c_str());
        for (const auto& [process, program] : programs_) std::fprintf(log, "stray %s\n", program.c_str());
        std::fclose(log);
    }

    Wishes wishes_;
    std::map<int, const Shape*> calls_; ///< by the number of the system call
    std::map<pid_t, std::string> programs_;
    std::map<std::pair<std::string, std::string>, long> counts_;
    std::string fault_;
    pid_t first_ = 0;
    int status_ = 0;
};

Wishes wishes_of(int count, char** words)
{
    Wishes wishes;
    int i = 1;
    for (; i < count && std::string_view(words[i]) != "--"; ++i) {
        const std::string_view option = words[i];
        if (option == "--on") {
            wishes.on = true;
            continue;
        }
        if (++i == count) std::exit(98);
        const std::string value = words[i];
        if (option == "--below")
            wishes.below.push_back(value);
        else if (option == "--program")
            wishes.program = value;
        else if (option == "--calls")
            wishes.kind = value;
        else if (option == "--at")
            wishes.at = std::stol(value);
        else if (option == "--error")
            wishes.error = std::stoi(value);
        else if (option == "--log")
            wishes.log = value;
        else if (option == "--kill") {
            std::istringstream names(value);
            for (std::string name; std::getline(names, name, ',');) wishes.kill.insert(name);
        } else
            std::exit(98);
    }
    for (++i; i < count; ++i) wishes.command.push_back(words[i]);
    if (wishes.command.empty()) std::exit(98);
    wishes.command.push_back(nullptr);
    return wishes;
}

} // namespace

int main(int count, char** words) { return Injector(wishes_of(count, words)).run(); }
