// SPDX-License-Identifier: LGPL-2.1-or-later
// What is behind a Queue: how what was accepted gets into the table of jobs, and what of it may start. The rest of
// Queue is in queue.cc.
#pragma once

#include "lib/queue/course.h"
#include "lib/queue/queue.h"

#include <map>
#include <string>
#include <vector>

namespace dkms {

struct Queue::State {
    QueueLimits limits;
    JobId next_job;
    std::string running_release;
    Course course;
    std::map<std::string, JobId> latest = {}; ///< of each module's name: the job that was accepted last
    bool closed = false;
    bool may_start = true;
    bool has_room = true;
    Starts starts = Starts::all;
    bool settled = true; ///< nothing has happened since the last look at who can start

    JobTable& table() { return course.table(); }

    QueuedJob* twin(const Request& request, JobId inside);
    void check_room(unsigned uid);
    JobId insert(JobId id, JobPlan plan, JobId parent, unsigned uid, double now);
    void take_its_place(JobId id, const std::vector<Resource>& scope);
    void set_children(JobId id, std::vector<JobPlan> plans);
    void add_jobs(StepId step, Outcome& outcome, double now);
    void stop_family(JobId job, bool force);
    void start_what_can();
    void doubt_plans();

private:
    std::vector<JobId> insert_children(JobId parent, std::vector<JobPlan> plans, unsigned uid, double now);
};

} // namespace dkms
