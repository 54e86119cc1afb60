// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/tree_claim.h"

#include "lib/install/recover.h"
#include "lib/tree/lock.h"
#include "lib/tree/room.h"

#include <utility>

namespace dkms {
namespace {

class OwnClaim : public TreeClaim {
public:
    OwnClaim(Loop& loop, const Places& places, const std::string& mode, std::function<void()> freed)
        : loop_(loop), places_(places), lock_(Layout(places), mode), freed_(std::move(freed))
    {
    }

    bool take() override
    {
        if (lock_.held() || is_shared_) return true;
        if (waits_) return false;
        if (lock_.try_take()) return put_in_order();
        is_shared_ = lock_.held_by_ancestor();
        if (!is_shared_) wait();
        return is_shared_;
    }

    bool waits() const override { return waits_; }
    std::string holder() const override { return lock_.holder().text(); }
    pid_t holder_process() const override { return lock_.holder().pid; }
    int descriptor() const override { return lock_.descriptor(); }
    bool is_wanted() const override { return lock_.is_wanted(); }
    std::optional<Error> shortage() const override
    {
        return lock_.held() ? shortage_of(Layout(places_)) : std::nullopt;
    }

    void release() override
    {
        on_freed_ = Source();
        waits_ = false;
        lock_.release();
        is_shared_ = false;
    }

private:
    bool put_in_order()
    {
        try {
            recover(places_);
        } catch (...) {
            lock_.release(); // nothing may be begun before that
            throw;
        }
        return true;
    }

    void wait()
    {
        on_freed_ = Source(); // before what it watches is closed
        const int descriptor = lock_.wait();
        waits_ = true;
        on_freed_ = descriptor >= 0 ? loop_.on_readable(descriptor, [this] { wait_on(); })
                                    : loop_.next_turn([this] { stop_waiting(); });
    }

    void wait_on()
    {
        try {
            wait();
        } catch (const Error&) {
            stop_waiting(); // take() will say it
        }
    }

    void stop_waiting()
    {
        on_freed_ = Source();
        waits_ = false;
        freed_();
    }

    Loop& loop_;
    Places places_;
    TreeLock lock_;
    std::function<void()> freed_;
    bool is_shared_ = false; ///< the lock is held above us, for as long as we live
    bool waits_ = false;
    Source on_freed_;
};

} // namespace

std::unique_ptr<TreeClaim> claim_by_ourselves(Loop& loop, const Places& places, const std::string& mode,
                                              std::function<void()> freed)
{
    return std::make_unique<OwnClaim>(loop, places, mode, std::move(freed));
}

} // namespace dkms
