// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/kmp_source.h"

#include "lib/build/build_environment.h"
#include "lib/build/patches.h"
#include "lib/build/sandbox_choice.h"
#include "lib/build/scripts.h"
#include "lib/files/as_user.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/package/archive_writer.h"
#include "lib/package/builtin_specs.h"
#include "lib/package/manifest.h"
#include "lib/package/rpm_build.h"
#include "lib/package/rpm_text.h"
#include "lib/package/spec_file.h"
#include "lib/process/refusal.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// The step as if it were a build's: what prepares a build wants to know its kernel.
Work work_for(const Work& work, const KernelId& kernel)
{
    Step step = work.step;
    step.kernel = kernel;
    return {step, work.places, work.reporter, work.cancellation, std::nullopt, work.job, -1, work.settings};
}

BuildInputs read_inputs(const Work& work)
{
    const Step& step = work.step;
    BuildInputs inputs;
    inputs.module = step.module;
    inputs.kernel = step.kernel;
    inputs.framework = read_framework(work.places, work.settings);
    inputs.source = source_of(step.module, work.places);
    inputs.conf = read_conf_for_build(work, inputs.framework);
    check_source(step.module, Layout(work.places).source(step.module));
    inputs.headers = find_headers(step.kernel, work.places, step.options);
    Exclusion exclusion = exclusion_for(inputs.conf, step.kernel, read_kernel_config(inputs.headers.config_file));
    if (!exclusion.reason.empty() && exclusion.meant.empty())
        throw Error(ErrorCode::build_excluded, {{"module", step.module.text()},
                                                {"kernel", step.kernel.release},
                                                {"reason", exclusion.reason},
                                                {"tree", work.places.dkms_tree.string()}});
    inputs.modules = std::move(exclusion.meant);
    inputs.toolchain = choose_toolchain(step.module, step.kernel, inputs.headers, work.places);
    return inputs;
}

/// The source as make would find it. `commands` live as long as what they leave: their user is no one else's then.
void prepare_source(const Work& work, const BuildInputs& inputs, Workplace& workplace, BuildCommands& commands)
{
    if (workplace.sandboxed()) show_inputs(workplace.surroundings(), work, inputs);
    commands.settle([&](std::pair<uid_t, gid_t> user) { workplace.give_to(user); });
    workplace.fill();
    work.cancellation.check();
    apply_patches(commands, patches_for(inputs.conf.patches, inputs.kernel.release));
    run_build_script(commands, "pre_build", inputs.conf.pre_build);
}

/// Deletes a build directory in the end, and tells what is left of it.
class Clearing {
public:
    Clearing(const Work& work, Workplace& workplace) : work_(work), workplace_(workplace) {}
    ~Clearing()
    {
        try {
            workplace_.clear();
        } catch (const Error& error) {
            work_.reporter.warning(error.name(), error.parameters(), error.message());
        }
    }
    Clearing(const Clearing&) = delete;
    Clearing& operator=(const Clearing&) = delete;

private:
    const Work& work_;
    Workplace& workplace_;
};

/// Throws Error ResultRefused for more than anyone packs as a source: else a few bytes of a script keep the packing
/// busy for days.
void check_extent(const Descriptor& directory, const ModuleId& module)
{
    constexpr std::uint64_t most_entries = 100'000;
    constexpr std::uint64_t most_bytes = std::uint64_t{8} << 30;
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    walk(directory.number(), [&](const Found& found) {
        if (S_ISREG(found.facts.st_mode)) bytes += static_cast<std::uint64_t>(found.facts.st_size);
        if (++entries <= most_entries && bytes <= most_bytes) return;
        throw Error(ErrorCode::result_refused,
                    {{"file", found.path},
                     {"module", module.text()},
                     {"reason", "the directory has more than 100000 entries, or more than 8 GiB"}});
    });
}

/// Packs the directory of a build as `directory`/ into a new file, with the rights of its owner: who built.
void pack_directory(const fs::path& from, const std::string& directory, const fs::path& file, const Work& work,
                    std::time_t time, const std::string& manifest)
{
    const Descriptor opened(::open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    const Descriptor written(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!opened || !written)
        throw Error(ErrorCode::archive_not_writable,
                    {{"path", file.string()}, {"reason", errno_text(errno)}, {"errno", std::to_string(errno)}});
    const auto pack = [&] {
        check_extent(opened, work.step.module);
        ArchiveWriter writer(written.number(), file.filename(), time);
        writer.tree(directory, opened, work.cancellation);
        writer.text(directory + "/" + manifest_name, manifest);
        writer.close();
    };
    struct stat facts {};
    if (::fstat(opened.number(), &facts) < 0) refuse_read(from, errno);
    as_user({facts.st_uid, facts.st_gid}, pack, &work.cancellation);
}

} // namespace

Products make_kmp_source(const Work& work, const PackContent& content, const KernelId& kernel, DraftDirectory& draft)
{
    const ModuleId& module = content.module();
    const std::string product = "The kernel module package of " + module.text();
    const std::string version = rpm_version(module, product);
    const auto foreign =
        foreign_spec({work.step.options.spec, {module.name + "-kmp.spec"}, {}}, module, work.places, product);

    const Work own = work_for(work, kernel);
    const BuildInputs inputs = read_inputs(own);
    const SandboxChoice sandbox = choose_sandbox(own);
    const VersionTurn turn(sandbox, own);
    Workplace workplace(own.places, module, kernel, inputs.source, sandbox.switches, sandbox.kind);
    MakeLog log(workplace.log_file(), inputs.module, inputs.kernel, STDOUT_FILENO);
    BuildCommands commands(own, workplace, log, build_environment(own, inputs, workplace.sandboxed()),
                           command_place(sandbox.switches.network));
    const Clearing clearing(own, workplace);
    prepare_source(own, inputs, workplace, commands);
    RpmBuild build(draft, content.time());
    const std::string tree = module.name + "-" + module.version;
    pack_directory(workplace.build(), tree, build.sources() / (tree + ".tar.bz2"), own, content.time(),
                   text_of(manifest_of(content, own.cancellation, {})));
    const std::string spec =
        foreign ? *foreign
                : filled(kmp_spec(), {{"MODULE", module.name}, {"VERSION", module.version}, {"RPM_VERSION", version}});
    return build.run("-bs", module.name + (foreign ? "-kmp.spec" : ".spec"), spec, rpm_architecture(kernel.arch));
}

} // namespace dkms
