// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "daemon/supervisor.h"

#include <nlohmann/json_fwd.hpp>

#include <deque>

namespace dkms {

/// `dkmsd --stdio`: the queue and its workers without a bus, for one client, as lines of JSON on standard input and
/// output (docs/architecture.md, "Lines"). Its jobs belong to the client: at the end of input, or on SIGTERM, what may
/// be cut off is cancelled and the rest is finished.
class StdioFront : private Observer {
public:
    /// `run`: where it is told at the end which kernels lack modules, if the tree has changed, see tell_at_login;
    /// empty: nowhere.
    StdioFront(Loop& loop, Supervisor::Setup setup, std::filesystem::path run = {});

    /// Serves until the end of input. The exit code.
    int run();

private:
    void event(const Event& event) override;
    void tree_changed() override { tree_has_changed_ = true; }
    void read_input();
    void answer(const std::string& line);
    nlohmann::json answer_to(const nlohmann::json& call);
    Descriptor handle_of(const Request& request);
    void say(const nlohmann::json& line);
    void leave();
    void tell_gaps() const;

    Loop& loop_;
    Supervisor supervisor_;
    LineBuffer lines_;
    std::deque<Descriptor> handles_; ///< that lay beside lines which have not been answered
    Source on_input_;
    Source on_terminate_;
    Source on_interrupt_;
    std::filesystem::path run_;
    bool tree_has_changed_ = false;
    bool leaving_ = false;
};

} // namespace dkms
