// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/taken.h"

#include "lib/build/used_space.h"
#include "lib/process/descendants.h"

namespace dkms {

Taken taken_below(pid_t process, const TakenQuestion& question)
{
    const Descendants all = descendants_of(process, question.most_tasks);
    Taken taken{all.tasks, all.memory, 0};
    const std::uint64_t in_files = all.processes.empty() ? 0 : memory_in_files_of(all.processes.back());
    taken.memory += in_files;
    if (taken.memory > question.exact_beyond) taken.memory = exact_memory_of(all.processes, in_files);
    if (!question.deleted_at.empty()) taken.deleted = space_of_deleted_files(question.deleted_at, all.processes);
    return taken;
}

} // namespace dkms
