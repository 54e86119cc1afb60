// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/dkms/narrator.h"
#include "client/renderer.h"

#include <deque>
#include <map>
#include <set>
#include <vector>

namespace dkms::legacy {

/// Tells a job and its children as the old program told them: one after the other, although they may run side by side.
/// What a child reports before its turn waits. Jobs that were asked for from inside tell themselves.
class LegacyRenderer : public Renderer {
public:
    /// `said` outlives the renderer and is shared by all renderers of one command.
    LegacyRenderer(Console& console, Style style, std::set<std::string>& said);

    void event(const Event& event) override;
    void say(std::string_view sentence) override { console_.err(std::string(sentence) + "\n"); }
    std::chrono::milliseconds tick_period() const override { return std::chrono::seconds(1); }
    void tick(double now) override;

    /// What was loaded; empty before it is known.
    const ModuleId& loaded() const { return loaded_; }

protected:
    void job_ended(const JobProgress&) override {}

private:
    struct Part {
        Narrator narrator;
        std::deque<Event> waiting;
        bool begun = false; ///< its headline stands there
        bool ended = false;
    };

    void take_new(const Event& event);
    void tell(Part& part, const Event& event);
    void begin(Part& part);
    void end(Part& part, const JobView& job);
    void end_whole(const JobView& job);
    void go_on();
    void tell_summary() const;
    void note_result(const JobView& job);
    bool is_autoinstall() const;

    Style style_;
    std::set<std::string>& said_;
    JobId whole_ = 0;
    std::map<JobId, Part> parts_;
    std::vector<JobId> children_; ///< in the order of their turns
    std::size_t turn_ = 0;
    bool told_by_part_ = false; ///< how the whole ended
    ModuleId loaded_;

    // What the summary of an autoinstall needs.
    std::vector<std::string> succeeded_, skipped_, failed_;
    std::vector<std::string> lines_; ///< about modules whose dependencies are missing
    std::vector<std::string> deferred_;
};

} // namespace dkms::legacy
