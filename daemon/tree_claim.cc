// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/tree_claim.h"

#include "lib/install/recover.h"

#include <utility>

namespace dkms {

TreeClaim::TreeClaim(Loop& loop, const Places& places, const std::string& mode, std::function<void()> freed)
    : loop_(loop), places_(places), lock_(Layout(places), mode), freed_(std::move(freed))
{
}

bool TreeClaim::take()
{
    if (lock_.held() || is_shared_) return true;
    if (waiter_) return false;
    if (lock_.try_take()) {
        recover(places_);
        return true;
    }
    is_shared_ = lock_.held_by_ancestor();
    if (!is_shared_) wait();
    return is_shared_;
}

void TreeClaim::wait()
{
    Command command;
    command.argv = {"flock", "--exclusive", Layout(places_).lock().string(), "true"};
    command.environment = base_environment();
    waiter_ = Child::start(command);
    on_freed_ = loop_.on_readable(waiter_->descriptor(), [this] { have_waited(); });
}

void TreeClaim::have_waited()
{
    stop_waiting();
    freed_();
}

void TreeClaim::stop_waiting()
{
    on_freed_ = Source();
    waiter_.reset();
}

void TreeClaim::release()
{
    stop_waiting();
    lock_.release();
    is_shared_ = false;
}

} // namespace dkms
