// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/verb.h"

#include "lib/model/names.h"
#include "lib/model/pack_format.h"
#include "lib/model/policy.h"

namespace dkms {
namespace {

constexpr NameTable<Verb, 17> verbs{{"add", "build", "install", "uninstall", "unbuild", "remove", "rebuild", "load",
                                     "pack", "match", "autoinstall", "kernel-preinst", "kernel-prerm", "generate-key",
                                     "check", "switch", "rollback"}};
constexpr NameTable<StepKind, 21> steps{
    {"add",          "build",  "install",        "uninstall", "unbuild",  "remove",
     "initramfs",    "load",   "adopt",          "pack",      "pack-rpm", "pack-deb",
     "pack-disk",    "survey", "survey-preinst", "depmod",    "modprobe", "post-transaction",
     "generate-key", "tidy",   "check"}};
constexpr NameTable<Stage, 7> stages{{"prepare", "patch", "build", "sign", "install", "depmod", "initramfs"}};
constexpr NameTable<Result, 4> results{{"done", "failed", "cancelled", "skipped"}};
constexpr NameTable<Policy, 3> policies{{"optional", "required", "boot"}};
constexpr NameTable<PackFormat, 8> formats{{"tarball", "rpm", "deb", "dsc", "bmdeb", "kmp", "kmod", "driver-disk"}};
constexpr NameTable<JobState, 3> states{{"queued", "running", "ended"}};

constexpr VerbShape of_module{Need::required, KernelCount::many, Need::none};
constexpr VerbShape of_kernel{Need::none, KernelCount::one, Need::none};
// In the order of Verb.
constexpr std::array<VerbShape, 17> shapes{{{Need::required, KernelCount::none, Need::none}, // add
                                            of_module,
                                            of_module,
                                            of_module,
                                            of_module,
                                            of_module,
                                            of_module,
                                            {Need::none, KernelCount::none, Need::required},     // load
                                            {Need::required, KernelCount::many, Need::optional}, // pack
                                            {Need::optional, KernelCount::one, Need::none},      // match
                                            of_kernel,
                                            of_kernel,
                                            of_kernel,
                                            {Need::none, KernelCount::none, Need::none}, // generate_key
                                            {Need::none, KernelCount::none, Need::none}, // check
                                            of_module,
                                            of_module}};

} // namespace

const VerbShape& shape_of(Verb verb) { return shapes.at(static_cast<std::size_t>(verb)); }

bool is_choice(Verb verb) { return verb == Verb::switch_version || verb == Verb::roll_back; }

std::string_view name_of(Verb verb) { return verbs.name(verb); }
std::string_view name_of(StepKind kind) { return steps.name(kind); }
std::string_view name_of(Stage stage) { return stages.name(stage); }
std::string_view name_of(Result result) { return results.name(result); }
std::string_view name_of(JobState state) { return states.name(state); }
std::string_view name_of(Policy policy) { return policies.name(policy); }
std::string_view name_of(PackFormat format) { return formats.name(format); }

std::optional<Verb> verb_of(std::string_view name) { return verbs.value(name); }
std::optional<StepKind> step_kind_of(std::string_view name) { return steps.value(name); }
std::optional<Stage> stage_of(std::string_view name) { return stages.value(name); }
std::optional<Result> result_of(std::string_view name) { return results.value(name); }
std::optional<JobState> job_state_of(std::string_view name) { return states.value(name); }
std::optional<PackFormat> pack_format_of(std::string_view name) { return formats.value(name); }

PackedBuilds builds_in(PackFormat format)
{
    switch (format) {
    case PackFormat::dsc:
        return PackedBuilds::none;
    case PackFormat::kmp:
        return PackedBuilds::prepared;
    case PackFormat::deb:
        return PackedBuilds::if_named;
    default:
        return PackedBuilds::wanted;
    }
}

std::optional<Policy> policy_of(std::string_view name) { return policies.value(name); }

} // namespace dkms
