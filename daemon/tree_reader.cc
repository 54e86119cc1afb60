// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/tree_reader.h"

#include "dbus/sdbus_compat.h"
#include "lib/process/refusal.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr auto longest_look = std::chrono::minutes(1);
constexpr std::size_t largest_answer = std::size_t{64} * 1024 * 1024;
constexpr int pipe_in_child = 3;

/// What the other process says: one object, with what was found or with an error.
std::string said_by(const TreeReader::Look& look)
{
    json value;
    try {
        value["found"] = look();
    } catch (const Error& error) {
        value["failed"] = to_json(error);
    } catch (const std::exception& error) {
        value["failed"] = to_json(Error(ErrorCode::internal, {{"reason", error.what()}}));
    }
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Nothing of ours is touched in it, nor closed in order: the connection to the bus, the queue and the locks stay those
/// of the process that made them.
[[noreturn]] void look_and_leave(const TreeReader::Look& look, int pipe)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(pipe, pipe_in_child);
    ::syscall(SYS_close_range, pipe_in_child + 1, ~0U, 0);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    try {
        write_all(pipe_in_child, said_by(look));
    } catch (const std::exception&) {
        ::_exit(1);
    }
    ::_exit(0);
}

TreeReader::Answer failed(const std::string& reason)
{
    return {nullptr, 0, Error(ErrorCode::system_failed, {{"reason", "looking at the tree: " + reason}})};
}

TreeReader::Answer understood(const std::string& said)
{
    json value = json::parse(said, nullptr, false);
    if (!value.is_object()) return failed("it ended without an answer");
    if (value.contains("failed")) return {nullptr, 0, error_from_json(value["failed"])};
    return {std::make_shared<const json>(std::move(value["found"])), said.size(), Error(ErrorCode::internal, {})};
}

} // namespace

/// A look that has begun.
class TreeReader::Running {
public:
    Running(Lane& lane, const Look& look, std::vector<Hear> hearers)
        : lane_(lane), hearers_(std::move(hearers)), began_(Clock::now())
    {
        Pipe pipe = make_pipe();
        pid_ = ::fork();
        if (pid_ == 0) look_and_leave(look, pipe.write.number());
        if (pid_ < 0) refuse_call("fork", errno);
        pipe_ = std::move(pipe.read);
        on_readable_ = lane.loop.on_readable(pipe_.number(), [this] { read(); });
        on_limit_ = lane.loop.after(longest_look, [this] { end(failed("it takes longer than a minute")); });
    }
    ~Running()
    {
        ::kill(pid_, SIGKILL);
        // One that the kernel does not let go of, on a file system that hangs, is not waited for.
        if (::waitpid(pid_, nullptr, has_ended_ ? 0 : WNOHANG) == 0) lane_.reader.abandoned_.push_back(pid_);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    std::vector<Hear> take_hearers() { return std::move(hearers_); }

private:
    void read()
    {
        std::array<char, 65536> buffer;
        const ssize_t size = ::read(pipe_.number(), buffer.data(), buffer.size());
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
        if (size > 0) {
            said_.append(buffer.data(), static_cast<std::size_t>(size));
            if (said_.size() > largest_answer) end(failed("it found too much"));
            return;
        }
        has_ended_ = size == 0;
        end(understood(said_));
    }

    void end(const Answer& answer)
    {
        on_readable_ = Source();
        on_limit_ = Source();
        lane_.ended(answer, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_));
    }

    Lane& lane_;
    std::vector<Hear> hearers_;
    Clock::time_point began_;
    pid_t pid_ = -1;
    Descriptor pipe_;
    std::string said_;
    bool has_ended_ = false;
    Source on_readable_;
    Source on_limit_;
};

TreeReader::Lane::Lane(Loop& its_loop, TreeReader& its_reader) : loop(its_loop), reader(its_reader) {}
TreeReader::Lane::~Lane() = default;

void TreeReader::Lane::begin()
{
    if (running || is_pausing || waiting.empty()) return;
    Question question = std::move(waiting.front());
    waiting.pop_front();
    try {
        running = std::make_unique<Running>(*this, question.look, question.hearers);
    } catch (const Error& error) {
        reader.answer(std::move(question.hearers), {nullptr, 0, error});
    }
}

void TreeReader::Lane::ended(const Answer& answer, std::chrono::microseconds took)
{
    ended_now = std::move(running);
    reader.answer(ended_now->take_hearers(), answer);
    is_pausing = true;
    const bool is_of_privileged = this == &reader.lanes_[1];
    on_pause_end = loop.after(is_of_privileged ? std::chrono::microseconds(0) : took, [this] {
        ended_now.reset();
        is_pausing = false;
        begin();
    });
}

void TreeReader::ask(const std::string& what, bool privileged, Look look, Hear hear)
{
    std::erase_if(abandoned_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    Lane& lane = lanes_[privileged ? 1 : 0];
    const auto same = std::find_if(lane.waiting.begin(), lane.waiting.end(),
                                   [&](const Question& question) { return question.what == what; });
    if (same != lane.waiting.end()) {
        same->hearers.push_back(std::move(hear));
        return;
    }
    lane.waiting.push_back({what, std::move(look), {std::move(hear)}});
    lane.begin();
}

bool TreeReader::idle() const
{
    return answers_.empty() && std::all_of(std::begin(lanes_), std::end(lanes_),
                                           [](const Lane& lane) { return !lane.running && lane.waiting.empty(); });
}

void TreeReader::answer(std::vector<Hear> hearers, const Answer& answer)
{
    for (Hear& hear : hearers) answers_.emplace_back([hear = std::move(hear), answer] { hear(answer); });
    on_answer_ = loop_.next_turn([this] { answer_one(); }, bus::priority_of_bus);
}

/// What goes out is written one answer a turn: a large one takes its time.
void TreeReader::answer_one()
{
    if (answers_.empty()) return;
    const auto tell = std::move(answers_.front());
    answers_.pop_front();
    on_answer_ = Source();
    if (!answers_.empty()) on_answer_ = loop_.next_turn([this] { answer_one(); }, bus::priority_of_bus);
    tell();
}

} // namespace dkms
