// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/job_share.h"

#include "lib/build/make_command.h"

namespace dkms {

void JobShare::take_one()
{
    if (work_.jobserver && tokens_.empty()) tokens_.push_back(work_.jobserver->take(work_.cancellation));
}

/// `jobs` of 0: as many as there are processors.
void JobShare::take_up_to(unsigned jobs)
{
    take_one();
    if (jobs == 0) jobs = processors();
    for (auto& token : work_.jobserver->take_free(jobs - 1)) tokens_.push_back(std::move(token));
}

void JobShare::keep_one()
{
    while (tokens_.size() > 1) tokens_.pop_back();
}

JobShare::Make JobShare::for_make(int jobs)
{
    const std::string& make = inputs_.conf.make;
    if (!work_.jobserver) return {make, false};
    take_one();
    if (jobs >= 0) { // somebody wants that many, whatever runs beside it
        take_up_to(begins_with_make(make) || jobs_of(make) != 1 ? static_cast<unsigned>(jobs) : 1);
        return {make, false};
    }
    const auto another = make_for_jobs(work_, processors() + 1);
    if (another && *another != make) {
        if (auto shared = without_jobs_of_dkms(make, *another)) return {std::move(*shared), true};
        take_up_to(processors());
        return {make_for_jobs(work_, static_cast<unsigned>(tokens_.size())).value_or(make), false};
    }
    const unsigned own = jobs_of(make);
    if (own == 1 && begins_with_make(make)) return {make, true};
    take_up_to(own);
    return {make, false};
}

} // namespace dkms
