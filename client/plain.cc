// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/renderer.h"
#include "client/wording.h"

namespace dkms {
namespace {

class Plain : public Renderer {
public:
    using Renderer::Renderer;
    void say(std::string_view sentence) override { console_.err(std::string(sentence) + "\n"); }

protected:
    void activity_changed(const JobProgress& job) override
    {
        console_.err(subject_text(job, board().kernel_columns()) + "  " + activity_text(job) + "\n");
    }
    void job_ended(const JobProgress& job) override { print_ended(job); }
};

class Quiet : public Renderer {
public:
    using Renderer::Renderer;
    void say(std::string_view) override {}
    void insist(std::string_view sentence) override { console_.err(std::string(sentence) + "\n"); }

protected:
    void job_ended(const JobProgress& job) override
    {
        if (job.failed() && !job.waits()) print_ended(job);
    }
};

} // namespace

std::unique_ptr<Renderer> make_plain_renderer(Console& console, bool service)
{
    return std::make_unique<Plain>(console, service);
}

std::unique_ptr<Renderer> make_quiet_renderer(Console& console, bool service)
{
    return std::make_unique<Quiet>(console, service);
}

} // namespace dkms
