// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string_view>

namespace dkms {

/// What a request asks for.
enum class Verb { add, build, install, uninstall, unbuild, remove, rebuild };

/// What one worker process does.
enum class StepKind { add, build, install, uninstall, unbuild, remove, initramfs };

/// How far a step is. Shown as it stands ("prepare") in the Stage property of a job.
enum class Stage { prepare, patch, build, sign, install, depmod, initramfs };

/// How a step or a job ended. `skipped`: there was nothing to do, or the module says that it is not for this kernel.
enum class Result { done, failed, cancelled, skipped };

/// Where a job is. An ended job has a Result.
enum class JobState { queued, running, ended };

std::string_view name_of(Verb verb);
std::string_view name_of(StepKind kind);
std::string_view name_of(Stage stage);
std::string_view name_of(Result result);
std::string_view name_of(JobState state);

/// The value of that name, or nothing.
std::optional<Verb> verb_of(std::string_view name);
std::optional<StepKind> step_kind_of(std::string_view name);
std::optional<Stage> stage_of(std::string_view name);
std::optional<Result> result_of(std::string_view name);
std::optional<JobState> job_state_of(std::string_view name);

} // namespace dkms
