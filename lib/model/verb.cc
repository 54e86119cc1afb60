// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/verb.h"

#include "lib/model/names.h"

namespace dkms {
namespace {

constexpr NameTable<Verb, 7> verbs{{"add", "build", "install", "uninstall", "unbuild", "remove", "rebuild"}};
constexpr NameTable<StepKind, 7> steps{{"add", "build", "install", "uninstall", "unbuild", "remove", "initramfs"}};
constexpr NameTable<Stage, 7> stages{{"prepare", "patch", "build", "sign", "install", "depmod", "initramfs"}};
constexpr NameTable<Result, 4> results{{"done", "failed", "cancelled", "skipped"}};
constexpr NameTable<JobState, 3> states{{"queued", "running", "ended"}};

} // namespace

std::string_view name_of(Verb verb) { return verbs.name(verb); }
std::string_view name_of(StepKind kind) { return steps.name(kind); }
std::string_view name_of(Stage stage) { return stages.name(stage); }
std::string_view name_of(Result result) { return results.name(result); }
std::string_view name_of(JobState state) { return states.name(state); }

std::optional<Verb> verb_of(std::string_view name) { return verbs.value(name); }
std::optional<StepKind> step_kind_of(std::string_view name) { return steps.value(name); }
std::optional<Stage> stage_of(std::string_view name) { return stages.value(name); }
std::optional<Result> result_of(std::string_view name) { return results.value(name); }
std::optional<JobState> job_state_of(std::string_view name) { return states.value(name); }

} // namespace dkms
