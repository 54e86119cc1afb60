// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace dkms {

/// Looks at the trees in processes of their own, so that a large tree or a slow disk holds up only those who asked.
///
/// Many questions share one look, and no answer is older than its question: a look answers those who had asked before
/// it began, and nothing is kept afterwards. At any time at most one look runs for privileged users and one for all
/// others; the latter is followed by a pause as long as it took.
class TreeReader {
public:
    explicit TreeReader(Loop& loop) : lanes_{{loop, *this}, {loop, *this}}, loop_(loop) {}
    TreeReader(const TreeReader&) = delete;
    TreeReader& operator=(const TreeReader&) = delete;

    /// Runs in the other process, of which nothing but the value comes back. May throw.
    using Look = std::function<nlohmann::json()>;
    struct Answer {
        std::shared_ptr<const nlohmann::json> found; ///< null: it failed
        std::size_t bytes = 0;                       ///< about the size of a message that holds it
        Error failure{ErrorCode::internal, {}};      ///< what the look threw, or why it did not end
    };
    using Hear = std::function<void(const Answer&)>;

    /// `what`: the same text for the same look. `hear` is called from the loop, in a turn of its own.
    void ask(const std::string& what, bool privileged, Look look, Hear hear);

    bool idle() const; ///< everybody has been answered

private:
    struct Question {
        std::string what;
        Look look;
        std::vector<Hear> hearers;
    };
    class Running;
    struct Lane {
        Lane(Loop& loop, TreeReader& reader);
        ~Lane();
        Lane(const Lane&) = delete;
        Lane& operator=(const Lane&) = delete;
        void begin();
        void ended(const Answer& answer, std::chrono::microseconds took);

        Loop& loop;
        TreeReader& reader;
        std::deque<Question> waiting;
        std::unique_ptr<Running> running;
        std::unique_ptr<Running> ended_now; ///< it is in the middle of telling so
        bool is_pausing = false;
        Source on_pause_end;
    };
    void answer(std::vector<Hear> hearers, const Answer& answer);
    void answer_one();

    std::vector<pid_t> abandoned_; ///< killed, and not gone when that was last looked at
    Lane lanes_[2];                ///< of others, of the privileged
    Loop& loop_;
    std::deque<std::function<void()>> answers_;
    Source on_answer_;
};

} // namespace dkms
