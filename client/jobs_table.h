// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/job.h"

#include <string>
#include <vector>

namespace dkms {

/// The jobs as a table. `width`: columns to fit into, 0 for as many as needed. Empty for no jobs.
std::string jobs_table(const std::vector<JobView>& jobs, std::size_t width);

/// One line about a job: "42  install  xtables-addons/3.23  6.12.117-amd64  building 40 %".
std::string job_line(const JobView& job);

} // namespace dkms
