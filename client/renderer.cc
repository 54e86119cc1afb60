// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/renderer.h"

#include "client/colour.h"
#include "client/wording.h"

namespace dkms {
void Renderer::event(const Event& event)
{
    const JobProgress& job = board_.apply(event);
    if (const std::string notice = notice_text(event); !notice.empty() && said_.insert(notice).second) {
        if (event.kind == EventKind::warning && event.text("name") == "no-sandbox")
            insist(notice);
        else
            say(notice);
    }
    if (event.kind == EventKind::job_ended) {
        if (board_.is_result(job)) job_ended(job);
        return;
    }
    std::string activity = activity_text(job);
    if (std::string& before = activities_[job.id];
        (job.step || job.stage || !job.waiting_for.empty() || !job.waits_because.empty()) && before != activity) {
        before = std::move(activity);
        activity_changed(job);
    }
    progressed(event);
}

std::string Renderer::ended_text(const JobProgress& job) const
{
    const bool bad = job.failed() && !job.waits();
    const std::string result =
        coloured(result_text(job), bad ? Colour::red : Colour::green, bad ? console_.err_look : console_.out_look);
    return subject_text(job, board_.kernel_columns()) + "  " + result + "\n" +
           (bad ? failure_details(job, service_) : packed_text(job) + problems_text(job));
}

void Renderer::print_ended(const JobProgress& job)
{
    (job.failed() && !job.waits() ? console_.err : console_.out)(ended_text(job));
}

std::unique_ptr<Renderer> make_renderer(Console& console, bool service, bool json, bool quiet)
{
    if (json) return make_json_renderer(console, service);
    if (quiet) return make_quiet_renderer(console, service);
    return console.err_look.redraws ? make_tty_renderer(console, service) : make_plain_renderer(console, service);
}

} // namespace dkms
