// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/unit_protocol.h"
#include "daemon/workers.h"
#include "lib/process/message.h"
#include "lib/tree/lock.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <set>
#include <utility>

#include <fcntl.h>
#include <poll.h>

namespace dkms {
namespace {

using nlohmann::json;
constexpr std::size_t most_ready = 4;
constexpr auto patience = std::chrono::seconds(10); // with a unit that is to put something in order

json greeting() { return {{"protocol", worker_protocol()}}; }

Error not_started(const std::string& what, const std::string& reason, const std::string& unit)
{
    return Error(ErrorCode::unit_failed, {{"step", what}, {"reason", reason}, {"unit", unit}});
}

bool is_readable(int descriptor, std::chrono::milliseconds within = {})
{
    pollfd source{descriptor, POLLIN, 0};
    return ::poll(&source, 1, static_cast<int>(within.count())) > 0;
}

/// The next message of a unit as an object; null: its end, or what nobody understands.
std::pair<json, std::vector<Descriptor>> next_from(const Descriptor& unit)
{
    auto message = receive_message(unit.number());
    json value = message ? json::parse(message->text, nullptr, false) : json();
    if (!value.is_object()) value = json();
    return {std::move(value), message ? std::move(message->descriptors) : std::vector<Descriptor>()};
}

/// A connection whose unit starts, or has started, and waits for what it is to do.
struct ReadyUnit {
    Descriptor connection;
    bool fresh; ///< it has done nothing yet
};

/// What the units of one dkmsd share.
struct Units {
    Places places;
    std::filesystem::path sockets;
    std::function<void()> outdated;
    std::multimap<UnitKind, ReadyUnit> ready;
    std::set<pid_t> lost;          ///< workers whose units ended without a word
    std::optional<Error> shortage; ///< why the tree takes nothing new, as a unit has last seen it

    Descriptor open(UnitKind kind, const std::string& what)
    {
        for (auto found = ready.find(kind); found != ready.end(); found = ready.find(kind)) {
            Descriptor connection = std::move(found->second.connection);
            ready.erase(found);
            if (connection && !is_readable(connection.number())) return connection; // else it has ended
        }
        return open_another(kind, what);
    }

    /// One that has done something and would do more. Of several modules several end at about the same time.
    void keep(UnitKind kind, Descriptor connection)
    {
        if (ready.count(kind) < most_ready) ready.emplace(kind, ReadyUnit{std::move(connection), false});
    }

    void hear_of_room(const json& words)
    {
        shortage.reset();
        if (words.contains("short")) shortage = error_from_json(words.at("short"));
    }

    /// Of a unit that is started for this, whatever waits.
    Descriptor open_another(UnitKind kind, const std::string& what) const
    {
        try {
            return connect_to(socket_of(kind, sockets));
        } catch (const Error& error) {
            throw not_started(what, error.parameters().at("reason"), "dkms-" + std::string(name_of(kind)) + ".socket");
        }
    }
};

class UnitWorker : public StartedWorker {
public:
    UnitWorker(Units& units, const WorkOrder& order, const WorkerGifts& gifts)
        : units_(units), step_(name_of(order.step.kind)), unit_(units.open(UnitKind::tree, step_))
    {
        json words = greeting();
        words["order"] = to_json(order);
        std::vector<int> descriptors;
        for (const auto& [name, member] : gift_names()) {
            if (gifts.*member < 0) continue;
            words["with"].push_back(name);
            descriptors.push_back(gifts.*member);
        }
        send_message(unit_.number(), words.dump(), descriptors);
    }

    ~UnitWorker() override
    {
        if (!has_ended_) UnitWorker::kill();
    }

    pid_t pid() const override { return pid_; }
    void terminate() override { tell({{"stop", true}}); }
    void kill() override { tell({{"kill", true}}); }
    int descriptor() const override { return unit_.number(); }

    std::optional<WorkerEnd> end() override
    {
        if (!is_readable(unit_.number())) return std::nullopt;
        const json words = next_from(unit_).first;
        if (words.contains("started")) {
            pid_ = words.at("started").get<pid_t>();
            return std::nullopt;
        }
        has_ended_ = true;
        return end_from(words);
    }

private:
    WorkerEnd end_from(const json& words)
    {
        // Ours is watched by the loop until we are destroyed, so the next step gets a descriptor of its own.
        if (words.contains("more") && words.at("more") == true)
            units_.keep(UnitKind::tree, Descriptor(::fcntl(unit_.number(), F_DUPFD_CLOEXEC, 0)));
        if (words.contains("ended")) {
            units_.hear_of_room(words);
            return {{words.at("ended").at("code").get<int>(), words.at("ended").at("signal").get<int>()}};
        }
        if (words.contains("refused")) return {{1}, error_from_json(words.at("refused"))};
        if (words.contains("outdated")) {
            units_.outdated();
            return {{1}, std::nullopt, true};
        }
        if (pid_ == 0) return {{1}, not_started(step_, "its unit ended before it began", unit_pattern(UnitKind::tree))};
        units_.lost.insert(pid_);
        return {{1},
                Error(ErrorCode::interrupted,
                      {{"reason", "the unit of its worker, " + unit_pattern(UnitKind::tree) + ", was ended"}})};
    }

    /// A unit that is gone is noticed where its end is looked for.
    void tell(const json& words)
    {
        try {
            send_message(unit_.number(), words.dump());
        } catch (const Error&) {
            return;
        }
    }

    Units& units_;
    std::string step_;
    Descriptor unit_;
    pid_t pid_ = 0;
    bool has_ended_ = false;
};

class UnitClaim : public TreeClaim {
public:
    UnitClaim(Loop& loop, Units& units, std::string mode, std::function<void()> news)
        : loop_(loop), units_(units), mode_(std::move(mode)), news_(std::move(news))
    {
    }

    bool take() override
    {
        if (lock_) return true;
        if (failed_) {
            const Error error = *failed_;
            failed_.reset();
            throw Error(error);
        }
        if (!unit_ && !is_outdated_) ask();
        return false;
    }

    bool is_undecided() const override { return unit_ && holder_.empty(); }
    bool waits() const override { return !holder_.empty(); }
    std::string holder() const override { return holder_; }
    pid_t holder_process() const override { return holder_process_; }
    int descriptor() const override { return lock_.number(); }
    std::optional<bool> private_builds() const override { return private_builds_; }
    std::optional<Error> shortage() const override { return lock_ ? units_.shortage : std::nullopt; }
    bool is_wanted() const override { return lock_ && is_turn_taken(turn_.number()); }

    void release() override
    {
        forget_unit();
        lock_.close();
        turn_.close();
        failed_.reset();
    }

private:
    void ask()
    {
        unit_ = units_.open(UnitKind::tree, "first");
        json words = greeting();
        words["claim"] = mode_;
        words["try_sandbox"] = !private_builds_;
        send_message(unit_.number(), words.dump());
        on_answer_ = loop_.on_readable(unit_.number(), [this] { hear(); });
    }

    void forget_unit()
    {
        on_answer_ = Source();
        unit_.close();
        holder_.clear();
    }

    void hear()
    {
        auto [words, descriptors] = next_from(unit_);
        if (words.contains("waits")) {
            holder_ = words.at("waits").get<std::string>();
            holder_process_ = words.value("process", pid_t{0});
        } else if (words.contains("held") && descriptors.size() == 2) {
            lock_ = std::move(descriptors.front());
            turn_ = std::move(descriptors.back());
            units_.hear_of_room(words);
            if (words.contains("private_builds")) private_builds_ = words.at("private_builds").get<bool>();
            // For the first step there.
            units_.keep(UnitKind::tree, std::move(unit_));
            forget_unit();
        } else if (words.contains("outdated")) {
            // Nothing may be begun any more, and nothing fails: the next dkmsd takes it up.
            is_outdated_ = true;
            forget_unit();
            return units_.outdated();
        } else {
            if (words.contains("refused"))
                failed_ = error_from_json(words.at("refused"));
            else
                failed_ =
                    not_started("first", "its unit ended before it had the tree's lock", unit_pattern(UnitKind::tree));
            forget_unit();
        }
        news_();
    }

    Loop& loop_;
    Units& units_;
    std::string mode_;
    std::function<void()> news_;
    Descriptor unit_;
    Descriptor lock_;
    Descriptor turn_;
    std::string holder_; ///< not empty: it is waited for
    pid_t holder_process_ = 0;
    std::optional<bool> private_builds_;
    std::optional<Error> failed_;
    bool is_outdated_ = false;
    Source on_answer_;
};

/// One question to the unit for trees, and its answer. Nothing waits for it, so a unit that is ready is left to steps.
class Question {
public:
    Question(Loop& loop, const Units& units, const json& words,
             std::function<void(json, std::vector<Descriptor>)> answered)
        : unit_(units.open_another(UnitKind::tree, "unnamed")), answered_(std::move(answered))
    {
        json whole = greeting();
        whole.update(words);
        send_message(unit_.number(), whole.dump());
        on_answer_ = loop.on_readable(unit_.number(), [this] {
            on_answer_ = Source();
            auto [answer, descriptors] = next_from(unit_);
            answered_(std::move(answer), std::move(descriptors));
        });
    }

private:
    Descriptor unit_;
    std::function<void(json, std::vector<Descriptor>)> answered_;
    Source on_answer_;
};

class UnitWorkers : public Workers {
public:
    UnitWorkers(Loop& loop, Places places, std::filesystem::path sockets, std::function<void()> outdated)
        : loop_(loop), units_{std::move(places), std::move(sockets), std::move(outdated), {}, {}, {}}
    {
    }

    std::unique_ptr<StartedWorker> start(const WorkOrder& order, const WorkerGifts& gifts) override
    {
        return std::make_unique<UnitWorker>(units_, order, gifts);
    }

    void expect(const Step&) noexcept override { expect_unit(UnitKind::tree); }

    /// A unit for trees is kept in readiness, with which nearly every job begins: its start takes longer than many
    /// steps. It has been told nothing yet, so it does nothing, and has no more rights than one that is started later.
    void rest() noexcept override
    {
        std::erase_if(units_.ready,
                      [](const auto& unit) { return unit.first != UnitKind::tree || !unit.second.fresh; });
        expect_unit(UnitKind::tree);
    }

    std::optional<bool> private_builds() override { return std::nullopt; }

    std::unique_ptr<TreeClaim> claim(const std::string& mode, std::function<void()> news) override
    {
        return std::make_unique<UnitClaim>(loop_, units_, mode, std::move(news));
    }

    /// The units do that for each worker of theirs; what is left are those whose unit ended before it.
    void recover(pid_t worker) noexcept override
    {
        if (units_.lost.erase(worker) == 0) return;
        try {
            const Descriptor unit = units_.open(UnitKind::tree, "next");
            json words = greeting();
            words["recover"] = worker;
            send_message(unit.number(), words.dump());
            // Nothing else may be begun before that, and it takes no longer than the start of a unit.
            if (is_readable(unit.number(), patience) && next_from(unit).first.contains("done")) return;
        } catch (const Error&) {
        }
        std::cerr << "dkmsd: what a worker had begun was not put in order; the next job does that\n";
    }

    bool inhibit(const std::string& why, std::function<void(Descriptor)> held) override
    {
        ask(inhibition_, {{"inhibit", why}},
            [held = std::move(held)](const json& answer, std::vector<Descriptor> beside) {
                if (answer.contains("inhibited") && beside.size() == 1) held(std::move(beside.front()));
            });
        return true;
    }

    void tell_at_login(const std::filesystem::path& run, const std::vector<KernelGap>&) override
    {
        if (run.empty()) return;
        ask(telling_, {{"tell_at_login", true}}, [](const json& answer, const std::vector<Descriptor>&) {
            if (answer.contains("refused"))
                std::cerr << "dkmsd: the message of the day: " << error_from_json(answer.at("refused")).message()
                          << '\n';
        });
    }

private:
    void ask(std::unique_ptr<Question>& question, const json& words,
             std::function<void(const json&, std::vector<Descriptor>)> answered)
    {
        try {
            question = std::make_unique<Question>(
                loop_, units_, words,
                [this, answered = std::move(answered)](const json& answer, std::vector<Descriptor> beside) {
                    if (answer.contains("outdated")) return units_.outdated();
                    answered(answer, std::move(beside));
                });
        } catch (const Error& error) {
            std::cerr << "dkmsd: " << error.message() << '\n';
        }
    }

    void expect_unit(UnitKind unit) noexcept
    {
        try {
            if (units_.ready.count(unit) == 0) units_.ready.emplace(unit, ReadyUnit{units_.open(unit, "first"), true});
        } catch (const Error&) {
            return; // whoever needs it will hear of it
        }
    }

    Loop& loop_;
    Units units_;
    std::unique_ptr<Question> inhibition_;
    std::unique_ptr<Question> telling_;
};

} // namespace

std::unique_ptr<Workers> workers_as_units(Loop& loop, Places places, std::filesystem::path sockets,
                                          std::function<void()> outdated)
{
    return std::make_unique<UnitWorkers>(loop, std::move(places), std::move(sockets), std::move(outdated));
}

} // namespace dkms
