// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/bus_front.h"

#include "dbus/names.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <utility>

namespace dkms {
namespace {

constexpr auto shown_after_end = std::chrono::seconds(60);
constexpr auto longest_farewell = std::chrono::seconds(2);
constexpr auto pause_between_changes = std::chrono::milliseconds(100);

Error unavailable(const sdbus::Error& error)
{
    return Error(ErrorCode::service_unavailable, {{"reason", std::string(error.getMessage())}});
}

std::unique_ptr<sdbus::IConnection> connect()
{
    try {
        return sdbus::createSystemBusConnection();
    } catch (const sdbus::Error& error) {
        throw unavailable(error);
    }
}

} // namespace

BusFront::BusFront(Loop& loop, Supervisor& supervisor, const Authority& authority, TreeReader& reader, KnownGaps& gaps,
                   const std::string& version, Listener listener)
    : loop_(loop), connection_(connect()), reception_(loop, *connection_, authority, std::move(listener.called)),
      context_{*connection_, supervisor, reception_, reader, gaps, std::move(listener.arriving)},
      inhibitor_(loop, *connection_, supervisor)
{
    try {
        manager_.emplace(
            context_, version,
            [this](const Supervisor::Accepted& accepted, const Caller& caller) {
                show(accepted.job).add_submitter(caller);
                if (!accepted.joined) job_new(accepted.job);
                tell_new();
            },
            [this](JobId job) { show_again(job); });
        inhibitor_.job_new();
        for (const JobView& job : supervisor.jobs()) {
            show_again(job.id);
            inhibitor_.job_changed(job.id);
        }
        pump_.emplace(loop_.raw(), *connection_, std::move(listener.gone));
    } catch (const sdbus::Error& error) {
        throw unavailable(error);
    }
}

BusFront::~BusFront()
{
    pump_.reset();
    bus::write_out(*connection_, longest_farewell);
}

void BusFront::take_name()
{
    try {
        connection_->requestName(bus::ServiceName{bus::service_name});
    } catch (const sdbus::Error& error) {
        throw unavailable(error);
    }
}

void BusFront::give_name_back()
{
    on_bus([this] {
        connection_->releaseName(bus::ServiceName{bus::service_name});
        bus::handle_received(*connection_); // calls that were sent before the bus answered came before its answer
    });
}

/// What cannot be told because the bus is gone is not told: the pump notices, and whoever comes back looks anew.
template <typename Function>
void BusFront::on_bus(Function function)
{
    try {
        function();
    } catch (const sdbus::Error&) {
        return;
    }
}

BusJob& BusFront::show(JobId job)
{
    Shown& shown = jobs_[job];
    if (!shown.object) shown.object = std::make_unique<BusJob>(context_, job);
    return *shown.object;
}

void BusFront::job_new(JobId job)
{
    inhibitor_.job_new();
    on_bus([&] { show(job); });
    // Heard twice of a job that a call made: when that was answered, and from the supervisor.
    if (std::exchange(jobs_[job].is_told, true)) return;
    new_.push_back(job);
    on_new_ = loop_.next_turn([this] { tell_new(); });
}

void BusFront::tell_new()
{
    for (const JobId job : std::exchange(new_, {})) on_bus([&] { manager_->tell_new(job); });
    tell_soon();
}

void BusFront::job_changed(JobId job)
{
    inhibitor_.job_changed(job);
    changed_.insert(job);
    tell_soon();
}

void BusFront::tree_changed()
{
    tree_changed_ = true;
    tell_soon();
}

void BusFront::gaps_changed(const nlohmann::json& gaps)
{
    on_bus([&] { manager_->tell_gaps_changed(gaps); });
}

void BusFront::job_ended(JobId job)
{
    inhibitor_.job_ended(job);
    tell_new();
    changed_.erase(job);
    on_bus([&] {
        BusJob& shown = show(job);
        shown.tell_changes();
        manager_->tell_removed(shown.view());
    });
    show_for_a_while(job);
    tell_soon();
}

void BusFront::show_for_a_while(JobId job)
{
    jobs_[job].expiry = loop_.after(shown_after_end, [this, job] { jobs_.erase(job); });
}

void BusFront::show_again(JobId job)
{
    if (show(job).view().result) show_for_a_while(job);
}

/// The first change is told at once; those that follow within a tenth of a second are told together.
void BusFront::tell_soon()
{
    if (!pausing_) tell_changes();
}

void BusFront::tell_changes()
{
    pausing_ = true;
    on_pause_end_ = loop_.after(pause_between_changes, [this] {
        pausing_ = false;
        if (!changed_.empty() || tree_changed_) tell_changes();
    });
    on_bus([&] {
        for (const JobId job : std::exchange(changed_, {})) show(job).tell_changes();
        manager_->tell_counts();
        if (std::exchange(tree_changed_, false)) manager_->tell_modules_changed();
    });
}

} // namespace dkms
