// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/bus_service.h"

#include "daemon/authority.h"
#include "daemon/bus_front.h"
#include "daemon/instance_lock.h"
#include "daemon/kernel_watch.h"
#include "daemon/known_gaps.h"
#include "daemon/loop.h"
#include "lib/plan/needs.h"

#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr auto gaps_are_looked_at_after = std::chrono::milliseconds(200); // jobs that end together count once
constexpr auto pause_before_leaving = std::chrono::milliseconds(10);      // while calls are answered that came before
constexpr auto pause_between_connects = std::chrono::milliseconds(250);

/// A bus that starts a service tells it the bus's address with the identity that this instance of the bus has. One that
/// comes back has another, and would be refused.
void forget_identity_of_bus()
{
    constexpr const char* variable = "DBUS_SYSTEM_BUS_ADDRESS";
    const char* given = std::getenv(variable);
    if (given == nullptr) return;
    std::string address(given);
    for (auto at = address.find(",guid="); at != std::string::npos; at = address.find(",guid=", at))
        address.erase(at, address.find_first_of(",;", at + 1) - at);
    ::setenv(variable, address.c_str(), 1);
}

/// The service's life: start, bus lost and found, idle, end.
class BusService : private Observer {
public:
    explicit BusService(const BusServiceSetup& setup)
        : only_one_(setup.supervisor.job_directory), version_(setup.version), run_(setup.run),
          idle_exit_(setup.idle_exit), authority_(::geteuid()), supervisor_(loop_, setup.supervisor, *this),
          reader_(loop_), gaps_(reader_, setup.supervisor.places)
    {
        for (Source* source : {&on_terminate_, &on_interrupt_})
            *source = loop_.on_signal(source == &on_terminate_ ? SIGTERM : SIGINT, [this] { shut_down(); });
    }

    int run()
    {
        forget_identity_of_bus();
        sd_event_set_watchdog(loop_.raw(), 1);
        front_ = make_front();
        supervisor_
            .resume(); // before the name is there, so that nobody's request goes before what was accepted earlier
        front_->take_name();
        has_name_ = true;
        sd_notify(0, "READY=1");
        kernels_.emplace(loop_, supervisor_.places(),
                         KernelWatch::Listener{[this](const KernelId& kernel) { make_complete(kernel); },
                                               [this] { look_at_gaps_soon(); }});
        was_used();
        return loop_.run();
    }

private:
    std::unique_ptr<BusFront> make_front()
    {
        return std::make_unique<BusFront>(
            loop_, supervisor_, authority_, reader_, gaps_, version_,
            BusFront::Listener{[this] { was_used(); }, [this] { return arriving(); }, [this] { bus_is_gone(); }});
    }

    void shut_down(int code = 0)
    {
        sd_notify(0, "STOPPING=1");
        on_idle_ = Source();
        supervisor_.shut_down([this, code] { loop_.leave(code); });
    }

    void bus_is_gone()
    {
        std::cerr << "dkmsd: the connection to the bus is lost\n";
        on_reconnect_ = loop_.next_turn([this] {
            front_.reset();
            look_for_bus();
        });
    }

    void look_for_bus()
    {
        // Without work there is nothing to keep: the bus that comes back starts the service when somebody calls it.
        if (supervisor_.idle()) return loop_.leave(1);
        try {
            front_ = make_front();
            front_->take_name();
            std::cerr << "dkmsd: connected to the bus again\n";
        } catch (const Error&) {
            front_.reset();
            on_reconnect_ = loop_.after(pause_between_connects, [this] { look_for_bus(); });
        }
    }

    void was_used()
    {
        if (idle_exit_ && !leaving_) on_idle_ = loop_.after(*idle_exit_, [this] { leave_if_idle(); });
    }

    /// The service manager is told first, so that it starts us anew for whoever asks from now on; then the name is
    /// given back, and what had arrived until then is answered. If that made a job, it is done before leaving.
    void leave_if_idle()
    {
        if (!supervisor_.idle() || !front_) return;
        if (!std::exchange(leaving_, true)) sd_notify(0, "STOPPING=1");
        if (std::exchange(has_name_, false)) front_->give_name_back();
        if (front_->has_calls() || !reader_.idle()) {
            on_idle_ = loop_.after(pause_before_leaving, [this] { leave_if_idle(); });
            return;
        }
        if (supervisor_.idle()) return loop_.leave();
        has_name_ = true;
        try {
            front_->take_name();
        } catch (const Error& error) {
            std::cerr << "dkmsd: " << error.message()
                      << '\n'; // the next instance has it already; this one ends after its job
        }
    }

    /// In the background, for nobody who waits: whoever installed the kernel may have asked for the same, and is
    /// joined.
    void make_complete(const KernelId& kernel)
    {
        Request request;
        request.verb = Verb::autoinstall;
        request.kernels = {kernel};
        Caller nobody;
        nobody.uid = ::geteuid();
        nobody.waiting = false;
        try {
            const KernelNeeds needs = needs_of(supervisor_.places(), kernel, quick_source(supervisor_.places()));
            if (needs.switched_off.empty() && !needs.is_complete()) supervisor_.submit(request, nobody);
        } catch (const Error& error) {
            std::cerr << "dkmsd: modules for kernel " << kernel.release << ": " << error.message() << '\n';
        }
    }

    std::vector<std::string> arriving()
    {
        std::vector<std::string> releases;
        if (!kernels_) return releases;
        for (const KernelId& kernel : kernels_->arriving()) releases.push_back(kernel.release);
        return releases;
    }

    void look_at_gaps_soon()
    {
        if (std::exchange(gaps_are_wanted_, true)) return;
        on_gaps_ = loop_.after(gaps_are_looked_at_after, [this] {
            gaps_are_wanted_ = false;
            gaps_.ask(true, [this](const TreeReader::Answer& answer) { tell_gaps(answer); });
        });
    }

    void tell_gaps(const TreeReader::Answer& answer)
    {
        try {
            if (!answer.found) throw answer.failure;
            if (told_gaps_ == *answer.found) return;
            told_gaps_ = *answer.found;
            std::vector<KernelGap> gaps;
            for (const nlohmann::json& gap : *answer.found) gaps.push_back(kernel_gap_from_json(gap));
            tell_those_who_log_in(gaps);
            if (front_) front_->gaps_changed(told_gaps_);
        } catch (const Error& error) {
            std::cerr << "dkmsd: which kernels lack modules is not known: " << error.message() << '\n';
        }
    }

    void tell_those_who_log_in(const std::vector<KernelGap>& gaps)
    {
        try {
            supervisor_.workers().tell_at_login(run_, gaps);
        } catch (const Error& error) {
            std::cerr << "dkmsd: the message of the day: " << error.message() << '\n';
        }
    }

    void job_new(JobId job) override
    {
        if (front_) front_->job_new(job);
    }
    void job_changed(JobId job) override
    {
        if (front_) front_->job_changed(job);
    }
    void job_ended(JobId job) override
    {
        if (front_) front_->job_ended(job);
        look_at_gaps_soon();
        if (leaving_) on_idle_ = loop_.next_turn([this] { leave_if_idle(); });
        was_used();
    }
    void tree_changed() override
    {
        if (front_) front_->tree_changed();
    }

    /// What is installed is another version, whose units do nothing for this one. The next instance takes up what is
    /// left; what runs is finished first.
    void outdated() override
    {
        if (std::exchange(is_outdated_, true)) return;
        std::cerr << "dkmsd: another version has been installed; it goes on with the jobs that are left\n";
        shut_down(EX_TEMPFAIL);
    }

    InstanceLock only_one_;
    std::string version_;
    std::filesystem::path run_;
    std::optional<std::chrono::seconds> idle_exit_;
    bool leaving_ = false;
    bool has_name_ = false;
    Loop loop_;
    Authority authority_;
    Supervisor supervisor_;
    TreeReader reader_;
    KnownGaps gaps_;
    nlohmann::json told_gaps_; ///< nothing: not told since the start
    bool gaps_are_wanted_ = false;
    std::unique_ptr<BusFront> front_;
    std::optional<KernelWatch> kernels_;
    Source on_terminate_;
    Source on_interrupt_;
    Source on_reconnect_;
    Source on_idle_;
    Source on_gaps_;
    bool is_outdated_ = false;
};

} // namespace

int run_bus_service(const BusServiceSetup& setup) { return BusService(setup).run(); }

} // namespace dkms
