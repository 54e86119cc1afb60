// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/jobs_table.h"

#include "client/table.h"
#include "client/text.h"
#include "client/wording.h"

namespace dkms {
namespace {

std::string kernels_text(const Request& request)
{
    if (request.kernels.size() == 1) return printable(kernel_text(request.kernels.front()));
    if (!request.kernels.empty()) return count_text(request.kernels.size(), "kernel");
    if (request.options.all_kernels) return "every kernel";
    return request.options.all ? "every built kernel" : "–";
}

TableRow row_of(const JobView& job)
{
    return {std::to_string(job.id),
            job.unreadable ? "–" : std::string(command_text(job.request)),
            job.request.module.name.empty() ? "–" : printable(job.request.module.text()),
            kernels_text(job.request),
            activity_text(job),
            printable(job.error ? job.error->message() : job.waits_for)};
}

} // namespace

std::string jobs_table(const std::vector<JobView>& jobs, std::size_t width)
{
    if (jobs.empty()) return "";
    std::vector<TableRow> rows{{"JOB", "COMMAND", "MODULE", "KERNEL", "STATE", "NOTE"}};
    for (const JobView& job : jobs) rows.push_back(row_of(job));
    return table_text(rows, width);
}

std::string job_line(const JobView& job) { return table_text({row_of(job)}); }

} // namespace dkms
