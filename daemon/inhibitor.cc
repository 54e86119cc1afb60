// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/inhibitor.h"

#include "lib/kernel/kernel_image.h"

#include <algorithm>
#include <chrono>

namespace dkms {
namespace {

constexpr auto linger = std::chrono::milliseconds(100); // the next step follows at once

bool must_not_be_cut_off(const JobView& job)
{
    if (!job.cancelable) return true;
    if (!job.step) return false;
    switch (*job.step) {
    case StepKind::install:
    case StepKind::uninstall:
    case StepKind::depmod:
    case StepKind::initramfs:
        return true;
    default:
        return false;
    }
}

bool is_about(const JobView& job, const std::string& release)
{
    return !release.empty() && std::any_of(job.request.kernels.begin(), job.request.kernels.end(),
                                           [&](const KernelId& kernel) { return kernel.release == release; });
}

bool makes_modules(Verb verb)
{
    return verb == Verb::install || is_choice(verb) || verb == Verb::rebuild || verb == Verb::autoinstall ||
           verb == Verb::match;
}

std::string subject_of(const JobView& job)
{
    const std::string what = job.request.module.name.empty() ? "Kernel modules are" : job.request.module.text() + " is";
    return what + " being installed";
}

} // namespace

Inhibitor::Inhibitor(Loop& loop, sdbus::IConnection& connection, const Supervisor& supervisor)
    : loop_(loop), connection_(connection), supervisor_(supervisor)
{
}

void Inhibitor::job_new() { next_kernel_ = next_kernel(supervisor_.places()).release; }

std::string Inhibitor::reason_for(const JobView& job) const
{
    if (job.state != JobState::running) return {};
    if (makes_modules(job.request.verb) && is_about(job, next_kernel_))
        return subject_of(job) + " for kernel " + next_kernel_ + ", which boots next";
    if (!must_not_be_cut_off(job)) return {};
    const auto& kernels = job.request.kernels;
    if (job.request.verb == Verb::uninstall || job.request.verb == Verb::unbuild || job.request.verb == Verb::remove)
        return job.request.module.text() + " is being taken out of kernels";
    return subject_of(job) + (kernels.size() == 1 ? " for kernel " + kernels.front().release : "");
}

void Inhibitor::job_changed(JobId job)
{
    const auto view = supervisor_.view(job);
    const std::string reason = view ? reason_for(*view) : std::string();
    if (reason.empty())
        reasons_.erase(job);
    else
        reasons_.emplace(job, reason);
    reasons_changed();
}

void Inhibitor::job_ended(JobId job)
{
    reasons_.erase(job);
    reasons_changed();
}

void Inhibitor::reasons_changed()
{
    if (!reasons_.empty()) {
        on_release_ = Source();
        if (!held_) take();
    } else if (held_) {
        on_release_ = loop_.after(linger, [this] {
            held_.reset();
            logind_.reset();
        });
    }
}

void Inhibitor::take()
{
    held_ = std::make_shared<Descriptor>();
    const bool is_asked_for_us =
        supervisor_.workers().inhibit(reasons_.begin()->second, [slot = std::weak_ptr(held_)](Descriptor held) {
            if (const auto wanted = slot.lock()) *wanted = std::move(held);
        });
    if (is_asked_for_us) return;
    try {
        logind_ = sdbus::createProxy(connection_, bus::ServiceName{"org.freedesktop.login1"},
                                     sdbus::ObjectPath{"/org/freedesktop/login1"});
        auto call =
            logind_->createMethodCall(bus::InterfaceName{"org.freedesktop.login1.Manager"}, bus::MethodName{"Inhibit"});
        call << std::string("shutdown:sleep") << std::string("dkmsd") << reasons_.begin()->second
             << std::string("block");
        bus::call_later(*logind_, call, [this](sdbus::MethodReply* reply, const std::string&) { taken(reply); });
    } catch (const sdbus::Error&) {
        return; // the bus is gone, and whoever looks after it will notice
    }
}

void Inhibitor::taken(sdbus::MethodReply* reply)
{
    if (reply == nullptr) return; // no logind, or it will not have it
    try {
        if (held_) *held_ = bus::read_descriptor(*reply);
    } catch (const Error&) {
        return;
    }
}

} // namespace dkms
