// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/command_unit.h"

#include "lib/model/error.h"
#include "lib/process/memory_file.h"
#include "lib/process/message.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using Heard = std::function<void(std::string_view)>;
constexpr auto between_looks = std::chrono::milliseconds(200);
constexpr std::size_t longest_reason = 4096;
constexpr auto end_takes = std::chrono::seconds(30); // at most, of what has been killed

json pairs_of(const std::vector<std::pair<std::filesystem::path, std::filesystem::path>>& binds)
{
    json list = json::array();
    for (const auto& [what, where] : binds) list.push_back({what.string(), where.string()});
    return list;
}

std::vector<std::pair<std::filesystem::path, std::filesystem::path>> pairs_in(const json& list)
{
    std::vector<std::pair<std::filesystem::path, std::filesystem::path>> binds;
    for (const json& one : list) binds.emplace_back(one.at(0).get<std::string>(), one.at(1).get<std::string>());
    return binds;
}

json to_json(const Sandbox& sandbox)
{
    json empty = json::array();
    for (const auto& path : sandbox.empty) empty.push_back(path.string());
    json value{{"empty", std::move(empty)},
               {"read_only", pairs_of(sandbox.read_only)},
               {"writable", pairs_of(sandbox.writable)},
               {"network", sandbox.network},
               {"drop_user", sandbox.drop_user}};
    if (sandbox.seems) value["seems"] = *sandbox.seems;
    return value;
}

Sandbox sandbox_from_json(const json& value)
{
    Sandbox sandbox;
    for (const json& path : value.at("empty")) sandbox.empty.emplace_back(path.get<std::string>());
    sandbox.read_only = pairs_in(value.at("read_only"));
    sandbox.writable = pairs_in(value.at("writable"));
    sandbox.network = value.at("network").get<bool>();
    sandbox.drop_user = value.at("drop_user").get<bool>();
    if (value.contains("seems")) sandbox.seems = value.at("seems").get<std::pair<uid_t, gid_t>>();
    return sandbox;
}

/// Does nothing but look whether what is to be written can be.
Command trial_of(const Sandbox& sandbox, const std::filesystem::path& directory)
{
    Command trial;
    trial.argv = {"sh", "-c", R"(for place; do test -w "$place" || { echo "$place cannot be written"; exit 1; }; done)",
                  "sh"};
    for (const auto& [what, where] : sandbox.writable) trial.argv.push_back(where.string());
    trial.environment = base_environment();
    trial.directory = directory;
    return trial;
}

void hand_on(int from, const Heard& heard, bool& open)
{
    std::array<char, 65536> block;
    for (int turn = 0; open && turn < 16; ++turn) { // everything else gets its turn, too
        const ssize_t got = ::read(from, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        open = got > 0;
        if (open) heard({block.data(), static_cast<std::size_t>(got)});
    }
}

/// One unit, and the connection to it.
class Unit {
public:
    Unit(const std::filesystem::path& directory, const std::string& name)
        : name_("dkms-" + name + "@*.service"), connection_(connect_to(directory / name))
    {
        ask_for_senders(connection_.number());
        send({{"commands", command_protocol}, {"background", ::getpriority(PRIO_PROCESS, 0) > 0}});
    }

    /// Who it runs as, by the kernel's word: waits until it has begun. Throws Error Interrupted, Cancelled.
    std::pair<uid_t, gid_t> user(Cancellation& cancellation);

    ExitStatus run(SentCommand sent, const Heard& heard, LimitWatch& limits, Cancellation& cancellation);
    double cpu_seconds() const { return cpu_seconds_; }

private:
    /// Ends a command that is left running.
    class Running {
    public:
        explicit Running(Unit& unit) : unit_(unit) {}
        ~Running() { unit_.end_it(); }
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;

    private:
        Unit& unit_;
    };

    void start(SentCommand sent, int output);
    ExitStatus wait(int output, const Heard& heard, LimitWatch& limits, Cancellation& cancellation);
    std::optional<ExitStatus> hear(LimitWatch& limits);
    void look(LimitWatch& limits);
    void end_it() noexcept;
    json next();

    void send(const json& words, const std::vector<int>& beside = {}) const
    {
        send_message(connection_.number(), words.dump(-1, ' ', false, json::error_handler_t::replace), beside);
    }

    std::string name_;
    Descriptor connection_;
    std::optional<std::pair<uid_t, gid_t>> user_; ///< known when it has said something
    bool runs_ = false;
    bool asked_ = false; ///< for what it has taken
    Clock::time_point next_look_ = {};
    double cpu_seconds_ = 0;
};

std::pair<uid_t, gid_t> Unit::user(Cancellation& cancellation)
{
    std::array<pollfd, 3> sources{{{connection_.number(), POLLIN, 0},
                                   {cancellation.signal_descriptor(), POLLIN, 0},
                                   {cancellation.parent_descriptor(), POLLIN, 0}}};
    while (!user_) {
        ::poll(sources.data(), sources.size(), -1);
        cancellation.check();
        if (sources[0].revents != 0) next();
    }
    return *user_;
}

ExitStatus Unit::run(SentCommand sent, const Heard& heard, LimitWatch& limits, Cancellation& cancellation)
{
    Pipe pipe = make_pipe();
    ::fcntl(pipe.read.number(), F_SETFL, O_NONBLOCK);
    // As run_heard(): scripts open /dev/stderr.
    if (::fchmod(pipe.write.number(), 0622) < 0) refuse_call("fchmod", errno);
    start(std::move(sent), pipe.write.number());
    pipe.write.close();
    const Running running(*this);
    return wait(pipe.read.number(), heard, limits, cancellation);
}

void Unit::start(SentCommand sent, int output)
{
    const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (sent.command.input < 0) sent.command.input = null.number();
    sent.command.output = output;
    if (sent.command.error < 0) sent.command.error = output;
    const Descriptor file = memory_file(to_bytes(sent));
    std::vector<int> beside{file.number()};
    for (const int number : descriptors_of(sent)) beside.push_back(number);
    send({{"run", true}}, beside);
    runs_ = true;
    asked_ = false;
    next_look_ = Clock::now() + between_looks;
}

ExitStatus Unit::wait(int output, const Heard& heard, LimitWatch& limits, Cancellation& cancellation)
{
    bool open = true;
    bool stopped = false;
    for (;;) {
        std::vector<pollfd> sources{{connection_.number(), POLLIN, 0}, {open ? output : -1, POLLIN, 0}};
        if (!stopped) {
            sources.push_back({cancellation.signal_descriptor(), POLLIN, 0});
            sources.push_back({cancellation.parent_descriptor(), POLLIN, 0});
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_look_ - Clock::now()).count();
        ::poll(sources.data(), sources.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
        if (!stopped && cancellation.requested()) {
            stopped = true;
            send({{"stop", true}});
        }
        const bool said = sources[0].revents != 0;
        hand_on(output, heard, open);
        if (const auto status = said ? hear(limits) : std::nullopt) {
            hand_on(output, heard, open);
            if (stopped) throw Error(ErrorCode::cancelled);
            return *status;
        }
        if (Clock::now() >= next_look_ && !stopped) look(limits);
    }
}

void Unit::look(LimitWatch& limits)
{
    next_look_ = Clock::now() + between_looks;
    limits.judge_time();
    if (asked_) return; // it has not answered yet
    const TakenQuestion question = limits.question();
    send({{"look", true},
          {"most_tasks", question.most_tasks},
          {"exact_beyond", question.exact_beyond},
          {"deleted_at", question.deleted_at.string()}});
    asked_ = true;
}

/// What the unit says; nothing when it is gone, or has said what is not understood.
json Unit::next()
{
    const auto message = receive_message(connection_.number());
    json words = message ? json::parse(message->text, nullptr, false) : json();
    if (words.is_object() && message->sender) user_.emplace(message->sender->uid, message->sender->gid);
    if (words.is_object()) return words;
    runs_ = false;
    throw Error(ErrorCode::interrupted, {{"reason", "the unit of the build's commands, " + name_ + ", was ended"}});
}

/// The end of the command, if that is what the unit has to say.
std::optional<ExitStatus> Unit::hear(LimitWatch& limits)
{
    const json words = next();
    if (words.contains("ready")) return std::nullopt;
    try {
        if (words.contains("taken")) {
            asked_ = false;
            const json& taken = words.at("taken");
            limits.judge({taken.at("tasks").get<std::uint64_t>(), taken.at("memory").get<std::uint64_t>(),
                          taken.at("deleted").get<std::uint64_t>()});
            return std::nullopt;
        }
        runs_ = false;
        if (words.contains("refused")) throw Error(error_from_json(words.at("refused")));
        if (words.contains("cancelled")) throw Error(ErrorCode::cancelled);
        cpu_seconds_ = words.at("cpu_seconds").get<double>();
        const json& ended = words.at("ended");
        return ExitStatus{ended.at("code").get<int>(), ended.at("signal").get<int>()};
    } catch (const json::exception& fault) {
        throw Error(ErrorCode::internal, {{"reason", "what " + name_ + " says is not understood: " + fault.what()}});
    }
}

void Unit::end_it() noexcept
{
    if (!runs_) return;
    try {
        send({{"kill", true}});
        const auto latest = Clock::now() + end_takes;
        while (runs_) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(latest - Clock::now()).count();
            pollfd source{connection_.number(), POLLIN, 0};
            if (left <= 0 || (::poll(&source, 1, static_cast<int>(left)) == 0)) break;
            if (source.revents == 0) continue;
            if (const json words = next(); !words.contains("taken") && !words.contains("ready")) runs_ = false;
        }
    } catch (const std::exception&) {
    }
    if (runs_) connection_.close(); // the service manager kills what is left
    runs_ = false;
}

class InUnits : public CommandPlace {
public:
    InUnits(std::filesystem::path directory, bool network)
        : directory_(std::move(directory)), suffix_(network ? "-network" : "")
    {
        try {
            unit_ = open("build");
        } catch (const Error& error) {
            reason_ = error.message();
        }
    }

    /// While root makes no sandbox, the unit's own, which no other build has at the time.
    std::pair<uid_t, gid_t> user(SandboxKind kind, Cancellation& cancellation) override
    {
        if (kind == SandboxKind::none || !unit_ || by_root_) return sandbox_owner(kind);
        try {
            const auto user = unit_->user(cancellation);
            if (user.first != 0) return user;
            reason_ = "the unit runs as root";
        } catch (const Error& error) {
            if (error.code() != ErrorCode::interrupted) throw;
            reason_ = error.message();
        }
        unit_.reset();
        return sandbox_owner(kind);
    }

    void settle(SandboxKind kind, const Sandbox& sandbox, const std::filesystem::path& directory, LimitWatch& limits,
                Cancellation& cancellation) override
    {
        kind_ = kind;
        if (kind == SandboxKind::none)
            reason_.clear(); // it is not for a lack of the unit's
        else if (unit_ && works(trial_of(sandbox, directory), as_everywhere(sandbox), limits, cancellation))
            return;
        unit_.reset();
        unit_ = open("build-root");
        by_root_ = true;
    }

    ExitStatus run(Command command, const Sandbox& sandbox, const Heard& heard, LimitWatch& limits,
                   Cancellation& cancellation) override
    {
        SentCommand sent{std::move(command), as_everywhere(sandbox)};
        if (kind_ == SandboxKind::none) sent.sandbox.reset();
        return unit_->run(std::move(sent), heard, limits, cancellation);
    }

    Usage usage() const override { return {unit_ ? unit_->cpu_seconds() : 0, 0}; }
    std::string root_because() const override { return reason_; }

private:
    std::unique_ptr<Unit> open(const std::string& name) const
    {
        return std::make_unique<Unit>(directory_, name + suffix_);
    }

    bool works(Command trial, const Sandbox& sandbox, LimitWatch& limits, Cancellation& cancellation)
    {
        std::string said;
        const auto heard = [&](std::string_view text) {
            if (said.size() < longest_reason) said += text;
        };
        try {
            const ExitStatus status = unit_->run({std::move(trial), sandbox}, heard, limits, cancellation);
            if (status.ok()) return true;
            reason_ = said.substr(0, said.find('\n'));
            if (reason_.empty()) reason_ = "exit code " + std::to_string(status.code);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::interrupted && error.code() != ErrorCode::internal) throw;
            reason_ = error.message();
        }
        return false;
    }

    /// Whatever number the unit's user has, inside it is that of dkms-build, whose name is known.
    static Sandbox as_everywhere(Sandbox sandbox)
    {
        sandbox.seems = sandbox_owner(SandboxKind::root);
        return sandbox;
    }

    std::filesystem::path directory_;
    SandboxKind kind_ = SandboxKind::none;
    bool by_root_ = false;
    std::string suffix_;
    std::unique_ptr<Unit> unit_;
    std::string reason_;
};

} // namespace

std::string to_bytes(const SentCommand& sent)
{
    const Command& command = sent.command;
    json numbers = json::array();
    for (const auto& [ours, theirs] : command.inherit) numbers.push_back(theirs);
    json value{{"argv", command.argv},
               {"environment", command.environment},
               {"directory", command.directory.string()},
               {"numbers", std::move(numbers)},
               {"sandbox", sent.sandbox ? to_json(*sent.sandbox) : json()}};
    if (command.limits.file_size) value["file_size"] = *command.limits.file_size;
    if (command.limits.processes) value["processes"] = *command.limits.processes;
    const auto bytes = json::to_cbor(value);
    return {bytes.begin(), bytes.end()};
}

std::vector<int> descriptors_of(const SentCommand& sent)
{
    std::vector<int> numbers{sent.command.input, sent.command.output, sent.command.error};
    for (const auto& [ours, theirs] : sent.command.inherit) numbers.push_back(ours);
    return numbers;
}

SentCommand sent_command(const std::string& bytes, const std::vector<Descriptor>& beside, std::size_t first)
{
    const std::size_t standard = first + 3; // input, output, error
    SentCommand sent;
    Command& command = sent.command;
    try {
        const json value = json::from_cbor(bytes);
        command.argv = value.at("argv").get<std::vector<std::string>>();
        command.environment = value.at("environment").get<std::vector<std::string>>();
        command.directory = value.at("directory").get<std::string>();
        if (value.contains("file_size")) command.limits.file_size = value.at("file_size").get<std::uint64_t>();
        if (value.contains("processes")) command.limits.processes = value.at("processes").get<std::uint64_t>();
        for (const json& number : value.at("numbers")) command.inherit.emplace_back(-1, number.get<int>());
        if (!value.at("sandbox").is_null()) sent.sandbox = sandbox_from_json(value.at("sandbox"));
    } catch (const json::exception& fault) {
        throw Error(ErrorCode::internal, {{"reason", std::string("a command is not understood: ") + fault.what()}});
    }
    if (beside.size() != standard + command.inherit.size())
        throw Error(ErrorCode::internal, {{"reason", "descriptors of a command are missing"}});
    command.input = beside[first].number();
    command.output = beside[first + 1].number();
    command.error = beside[first + 2].number();
    for (std::size_t i = 0; i < command.inherit.size(); ++i) command.inherit[i].first = beside[standard + i].number();
    return sent;
}

std::unique_ptr<CommandPlace> commands_in_units(const std::filesystem::path& directory, bool network)
{
    return std::make_unique<InUnits>(directory, network);
}

} // namespace dkms
