// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/build_inputs.h"

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// The share that a build has of the jobs of all builds. What shares the jobserver, a plain make, takes tokens as it
/// goes; everything else cannot know how many there are, so the build holds tokens for it as long as it runs.
///
/// A build holds one token from its first command on. More it takes only if they are free at once: two builds that
/// waited for a second token while holding a first would wait for ever.
class JobShare {
public:
    /// `work` and `inputs` must outlive it.
    JobShare(const Work& work, const BuildInputs& inputs) : work_(work), inputs_(inputs) {}

    /// Waits until the build may run one job. Nothing without a jobserver, or if it holds one. Throws Error Cancelled.
    void take_one();

    /// How the make command of the configuration is run.
    struct Make {
        std::string text;           ///< MAKE[#], its number of jobs adapted to the tokens held
        bool has_jobserver = false; ///< make is to be given the jobserver, and no -j
    };
    /// Decides that, and holds the tokens that the command needs besides the first. `jobs`: what somebody asked for by
    /// -j or parallel_jobs, -1 nothing, 0 no limit. Throws what reading the configuration throws.
    Make for_make(int jobs);

    /// Gives back all tokens but one.
    void keep_one();
    /// Gives back all tokens.
    void give_back() { tokens_.clear(); }

private:
    void take_up_to(unsigned jobs);

    const Work& work_;
    const BuildInputs& inputs_;
    std::vector<Jobserver::Token> tokens_;
};

} // namespace dkms
