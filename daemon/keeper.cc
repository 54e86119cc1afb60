// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/keeper.h"

#include "daemon/message_of_the_day.h"
#include "daemon/vetted_order.h"
#include "lib/build/signing_service.h"
#include "lib/config/framework.h"
#include "lib/install/recover.h"
#include "lib/plan/gaps.h"
#include "lib/process/background.h"
#include "lib/process/end_of_child.h"
#include "lib/process/message.h"
#include "lib/process/sandbox.h"
#include "lib/process/wide_command.h"
#include "lib/tree/lock.h"
#include "lib/tree/room.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
constexpr auto longest_end = std::chrono::minutes(5); // of a step whose dkmsd is gone
constexpr auto death_takes = std::chrono::seconds(5); // at most, for a process that has been killed

ucred peer_of(const Descriptor& connection)
{
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(connection.number(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        throw Error(ErrorCode::internal, {{"reason", "SO_PEERCRED: " + errno_text(errno)}});
    return peer;
}

void require_root(const ucred& peer, const char* what)
{
    if (peer.uid != 0)
        throw Error(ErrorCode::access_denied, {{"who", "User " + std::to_string(peer.uid)}, {"what", what}});
}

json ended(const ExitStatus& status) { return {{"ended", {{"code", status.code}, {"signal", status.signal}}}}; }

class Keeper {
public:
    Keeper(UnitKind kind, Descriptor connection)
        : kind_(kind), connection_(std::move(connection)), sender_(peer_of(connection_))
    {
    }

    /// Hears one thing after the other, until what it hears is the last.
    void serve()
    {
        for (bool more = true; more;) {
            std::vector<pollfd> sources{{connection_.number(), POLLIN, 0}, {signals_.signal_descriptor(), POLLIN, 0}};
            ::poll(sources.data(), sources.size(), -1);
            if (sources[0].revents == 0 && signals_.requested()) return; // nothing has been begun
            auto message = receive_message(connection_.number());
            if (!message) return;
            try {
                more = obey(json::parse(message->text), std::move(message->descriptors));
            } catch (const Error& error) {
                say({{"refused", to_json(error)}});
                return;
            } catch (const json::exception& fault) {
                say({{"refused", to_json(Error(ErrorCode::invalid_args, {{"reason", fault.what()}}))}});
                return;
            }
        }
    }

private:
    bool obey(const json& words, std::vector<Descriptor> beside);
    bool obey_dkmsd(const json& words, std::vector<Descriptor> beside);
    void claim(const std::string& mode, bool try_sandbox);
    bool wait_for_lock(const Layout& layout, const LockHolder& holder);
    bool do_step(const json& words, std::vector<Descriptor> beside);
    void run_command(const json& words, std::vector<Descriptor> beside);
    void inhibit(const std::string& why);
    ExitStatus keep_worker(Child& child);

    void say(const json& words, const std::vector<int>& beside = {}) const
    {
        send_message(connection_.number(), words.dump(-1, ' ', false, json::error_handler_t::replace), beside);
    }

    UnitKind kind_;
    Descriptor connection_;
    ucred sender_;
    bool connected_ = true; ///< dkmsd has not gone while its step ran
    Cancellation signals_;  ///< SIGTERM of the service manager
};

/// Whether more may be said on this connection.
bool Keeper::obey(const json& words, std::vector<Descriptor> beside)
{
    if (kind_ != UnitKind::script) return obey_dkmsd(words, std::move(beside));
    require_root(sender_, "run commands");
    run_command(words, std::move(beside));
    return false;
}

bool Keeper::obey_dkmsd(const json& words, std::vector<Descriptor> beside)
{
    if (words.at("protocol") != worker_protocol()) {
        say({{"outdated", worker_protocol()}});
        return false;
    }
    if (words.contains("order")) return do_step(words, std::move(beside));
    if (words.contains("claim")) {
        claim(words.at("claim").get<std::string>(), words.value("try_sandbox", false));
        return true;
    }
    if (words.contains("recover")) {
        const auto process = words.at("recover").get<pid_t>();
        if (process <= 1 ||
            !ends_within(process, static_cast<unsigned>(std::chrono::milliseconds(death_takes).count())))
            throw Error(ErrorCode::invalid_args, {{"reason", "that process is at work"}});
        recover_from(process, resolve_places({}));
    } else if (words.contains("inhibit")) {
        inhibit(words.at("inhibit").get<std::string>());
        return false;
    } else if (words.contains("tell_at_login")) {
        tell_at_login("/run", kernel_gaps(resolve_places({})));
    }
    say({{"done", true}});
    return false;
}

/// What it got it gives away, and keeps nothing: whoever asked lets go of it by closing his.
void Keeper::claim(const std::string& mode, bool try_sandbox)
{
    const Places places = resolve_places({});
    TreeLock lock(Layout(places), mode == "service" ? mode : "", sender_.pid);
    while (!lock.try_take())
        if (!wait_for_lock(Layout(places), lock.holder())) return;
    recover(places);
    json words{{"held", true}};
    if (const auto shortage = shortage_of(Layout(places))) words["short"] = to_json(*shortage);
    if (try_sandbox) words["private_builds"] = available_sandbox() != SandboxKind::none;
    say(words, {lock.descriptor()});
}

/// False: whoever asked has gone.
bool Keeper::wait_for_lock(const Layout& layout, const LockHolder& holder)
{
    say({{"waits", holder.text()}, {"process", holder.pid}});
    Child waiter = Child::start(command_that_waits(layout));
    std::vector<pollfd> sources{
        {waiter.descriptor(), POLLIN, 0}, {connection_.number(), POLLIN, 0}, {signals_.signal_descriptor(), POLLIN, 0}};
    ::poll(sources.data(), sources.size(), -1);
    return sources[1].revents == 0 && sources[2].revents == 0;
}

/// In the unit for trees, where no foreign code runs outside a sandbox that ends before its step, another step may
/// follow: the start of a unit takes longer than most of them.
bool Keeper::do_step(const json& words, std::vector<Descriptor> beside)
{
    WorkerGifts gifts;
    const auto names = words.value("with", std::vector<std::string>());
    if (names.size() != beside.size()) throw Error(ErrorCode::internal, {{"reason", "descriptors are missing"}});
    for (std::size_t i = 0; i < names.size(); ++i)
        for (const auto& [name, member] : gift_names())
            if (names[i] == name) gifts.*member = beside[i].number();
    const Places places = resolve_places({});
    const WorkOrder order = vetted(work_order_from_json(words.at("order")), gifts, places, sender_.uid);
    WorkerChild worker = start_worker("/proc/self/exe", -1, order, gifts,
                                      {"DKMS_SCRIPT_UNIT=" + socket_of(UnitKind::script).string(),
                                       "DKMS_BUILD_UNITS=" + socket_of(UnitKind::build).parent_path().string(),
                                       "DKMS_SIGN_UNIT=" + socket_of(UnitKind::sign).string()});
    beside.clear(); // the lock and the ends of pipes are the worker's alone now
    say({{"started", worker.child.pid()}});
    const ExitStatus status = keep_worker(worker.child);
    recover_from(worker.child.pid(), places); // one that was killed has put nothing in order
    json answer = ended(status);
    const bool more = kind_ == UnitKind::tree && connected_ && status.signal == 0 && !signals_.requested();
    answer["more"] = more;
    if (connected_) say(answer);
    return more;
}

/// What is asked for by whoever sent it, or by the service manager. When he is gone, a step that can be ended ends, an
/// install is finished, and what does neither is left to the service manager, which kills it.
ExitStatus Keeper::keep_worker(Child& child)
{
    bool manager_waits = false;
    std::optional<Clock::time_point> end;
    for (;;) {
        std::vector<pollfd> sources{{child.descriptor(), POLLIN, 0},
                                    {connected_ ? connection_.number() : -1, POLLIN, 0},
                                    {manager_waits ? -1 : signals_.signal_descriptor(), POLLIN, 0}};
        const auto left = end ? std::chrono::ceil<std::chrono::milliseconds>(*end - Clock::now()).count() : -1;
        const int ready = ::poll(sources.data(), sources.size(), static_cast<int>(end && left < 0 ? 0 : left));
        if (const auto status = child.poll()) return *status;
        if (ready == 0 && end) {
            child.signal_group(SIGKILL);
            return child.wait();
        }
        if (sources[2].revents != 0) {
            manager_waits = true;
            child.signal(SIGTERM);
        }
        if (sources[1].revents == 0) continue;
        const auto message = receive_message(connection_.number());
        const json words = message ? json::parse(message->text, nullptr, false) : json();
        if (message && words.is_object() && words.contains("kill")) {
            child.signal_group(SIGKILL);
            continue;
        }
        child.signal(SIGTERM);
        if (message) continue;
        connected_ = false;
        end = Clock::now() + longest_end;
    }
}

/// A script is not cut off by a shutdown: the service manager waits for it as it waits for the step.
void Keeper::run_command(const json& words, std::vector<Descriptor> beside)
{
    Command command = command_from_json(words);
    if (beside.size() != 3) throw Error(ErrorCode::internal, {{"reason", "descriptors are missing"}});
    command.input = beside[0].number();
    command.output = beside[1].number();
    command.error = beside[2].number();
    if (words.value("background", false)) yield_to_others();
    Child child = Child::start(command);
    beside.clear();
    bool connected = true;
    while (!child.poll()) {
        std::vector<pollfd> sources{{child.descriptor(), POLLIN, 0},
                                    {connected ? connection_.number() : -1, POLLIN, 0}};
        ::poll(sources.data(), sources.size(), -1);
        if (sources[1].revents == 0) continue;
        connected = receive_message(connection_.number()).has_value();
        if (connected || command.die_with_parent) stop(child); // it was told to, or whoever wanted it is gone
    }
    if (connected) say(ended(child.wait()));
}

void Keeper::inhibit(const std::string& why)
{
    sd_bus* bus = nullptr;
    sd_bus_message* reply = nullptr;
    int held = -1;
    int failed = ::sd_bus_open_system(&bus);
    if (failed >= 0)
        failed = ::sd_bus_call_method(bus, "org.freedesktop.login1", "/org/freedesktop/login1",
                                      "org.freedesktop.login1.Manager", "Inhibit", nullptr, &reply, "ssss",
                                      "shutdown:sleep", "dkmsd", why.c_str(), "block");
    if (failed >= 0) failed = ::sd_bus_message_read(reply, "h", &held);
    try {
        if (failed >= 0)
            say({{"inhibited", true}}, {held});
        else
            say({{"done", true}}); // no logind, or it will not have it
    } catch (const Error&) {
        // It is not wanted any more.
    }
    ::sd_bus_message_unref(reply);
    ::sd_bus_flush_close_unref(bus);
}

} // namespace

int keep(UnitKind kind, Descriptor connection)
{
    if (kind == UnitKind::sign) {
        require_root(peer_of(connection), "have modules signed");
        serve_signing(connection, resolve_places({}), service_settings());
        return 0;
    }
    Keeper(kind, std::move(connection)).serve();
    return 0;
}

} // namespace dkms
