// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/built_modules.h"

#include "lib/build/make_command.h"
#include "lib/build/verify.h"
#include "lib/config/build_limits.h"
#include "lib/kernel/compression.h"
#include "lib/kernel/module_file.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"
#include "lib/tree/digest.h"

#include <cerrno>

#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
constexpr const char* symbols_file = "Module.symvers";

const std::string& options_for(Compression compression, const Framework& framework)
{
    switch (compression) {
    case Compression::xz:
        return framework.compress_xz_opts;
    case Compression::zstd:
        return framework.compress_zstd_opts;
    default:
        return framework.compress_gzip_opts;
    }
}

/// Reads a module of `kernel`; what is wrong with it is said of that kernel.
ModuleFacts facts_of(const fs::path& file, const KernelId& kernel)
{
    try {
        return read_module(file);
    } catch (const Error& error) {
        Parameters parameters = error.parameters();
        parameters["file"] = file.filename().string();
        parameters["kernel"] = kernel.release;
        throw Error(error.code(), std::move(parameters));
    }
}

std::uint64_t size_of(const Descriptor& file, const fs::path& name)
{
    struct stat facts {};
    if (::fstat(file.number(), &facts) < 0) refuse_read(name, errno);
    return static_cast<std::uint64_t>(facts.st_size);
}

} // namespace

BuiltModules::BuiltModules(BuildCommands& commands, const BuildInputs& inputs, const Staging& staging)
    : commands_(commands), inputs_(inputs), staging_(staging)
{
    const std::string suffix = is_before_2_6(inputs.kernel.release) ? ".o" : ".ko";
    for (const ConfModule& module : inputs.modules)
        files_.push_back({module, fs::path(module.built_location) / (module.built_name + suffix),
                          staging.modules() / (module.dest_name + suffix)});
}

Error BuiltModules::not_produced(const File& file) const
{
    return Error(
        ErrorCode::module_not_produced,
        {{"module", inputs_.module.text()}, {"kernel", inputs_.kernel.release}, {"file", file.built.string()}});
}

void BuiltModules::check_all_are_there() const
{
    const Gate build = commands_.workplace().results();
    for (const File& file : files_)
        if (!build.open(file.built)) throw commands_.with_complaints(not_produced(file));
}

void BuiltModules::strip() const
{
    Command command;
    command.argv = {find_program(inputs_.toolchain.strip()) ? inputs_.toolchain.strip() : "strip", "-g", "--"};
    const std::size_t words = command.argv.size();
    for (const File& file : files_)
        if (file.conf.strip) command.argv.push_back("./" + file.built.string());
    if (command.argv.size() == words) return;
    command.environment = base_environment();
    const Captured said = commands_.run_quietly(std::move(command));
    if (!said.status.ok())
        commands_.work().reporter.warning("StripFailed", {{"reason", said.output}},
                                          "The debugging information could not be taken out: " + said.output);
}

/// Each is of a plausible size; together they are no more than the build may write: one with holes has not taken that
/// space yet.
void BuiltModules::judge_size(const Gate& gate, const std::vector<fs::path>& names) const
{
    const Work& work = commands_.work();
    std::vector<std::string> told; // by the build's limits
    const std::uint64_t most = build_limits(PolicyConf(work.places), inputs_.module.name, 0, told).space;
    std::uint64_t bytes = 0;
    for (const fs::path& name : names) {
        if (const Descriptor file = gate.open(name)) bytes += size_of(file, name);
        if (bytes > most)
            throw Error(ErrorCode::result_refused,
                        {{"file", name.string()},
                         {"module", inputs_.module.text()},
                         {"reason", "the modules together are larger than " + size_text(most) +
                                        ", which is the limit on space, see dkms-policy.conf(5)"}});
    }
}

void BuiltModules::take(const Gate& build) const
{
    std::vector<fs::path> names;
    for (const File& file : files_) names.push_back(file.built);
    judge_size(build, names);
    for (const File& file : files_) {
        commands_.work().cancellation.check();
        if (!staging_.take_module(build, file.built, file.staged.filename().string())) throw not_produced(file);
    }
    take_symbols(build, symbols_file);
}

/// Other modules may want it; this one does without.
void BuiltModules::take_symbols(const Gate& gate, const fs::path& name) const
{
    try {
        staging_.take_module(gate, name, symbols_file);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::result_refused) throw;
        commands_.work().reporter.warning(error.name(), error.parameters(), error.message());
    }
}

void BuiltModules::take_back(const Gate& result) const
{
    const fs::path modules = "module";
    std::vector<fs::path> names;
    for (const File& file : files_) names.push_back(modules / file.staged.filename());
    judge_size(result, names);
    for (const File& file : files_)
        if (const fs::path name = file.staged.filename(); !staging_.take_module(result, modules / name, name.string()))
            throw not_produced(file);
    take_symbols(result, modules / symbols_file);
    const Gate::Flat extras = staging_.take_extras(result);
    constexpr std::size_t own_directories = 2; // module and log
    if (extras.ignored > own_directories)
        commands_.work().reporter.warning(
            "results-ignored", {{"count", std::to_string(extras.ignored - own_directories)}},
            "POST_BUILD of " + inputs_.module.text() +
                " left links, directories or hidden files beside its modules; they were deleted.");
}

std::size_t BuiltModules::sign(Signer& signer, const Signing& signing) const
{
    std::size_t count = 0;
    for (const File& file : files_) {
        const fs::path name = commands_.workplace().shown_build() / file.built;
        if (signing.on() && signer.sign(signing, file.staged, name.string())) ++count;
    }
    return count;
}

void BuiltModules::compress()
{
    const Compression compression = compression_of(inputs_.kernel, commands_.work().places);
    for (File& file : files_)
        file.staged = compress_file(file.staged, compression, options_for(compression, inputs_.framework),
                                    &commands_.work().cancellation);
}

std::vector<BuildRecord::Module> BuiltModules::verify() const
{
    std::vector<BuildRecord::Module> modules;
    std::vector<fs::path> paths;
    const Verifier verifier(inputs_.kernel, inputs_.headers);
    for (const File& file : files_) {
        commands_.work().cancellation.check();
        BuildRecord::Module module;
        module.file = file.staged.filename().string();
        module.dest_location = file.conf.dest_location;
        if (!is_before_2_6(
                inputs_.kernel.release)) { // those do not say what they were built for in a form that is still read
            ModuleFacts facts = facts_of(file.staged, inputs_.kernel);
            verifier.check(facts, module.file);
            module.depends = std::move(facts.depends);
            module.aliases = std::move(facts.aliases);
        }
        modules.push_back(std::move(module));
        paths.push_back(file.staged);
    }
    const auto digests = sha256_of(paths);
    for (std::size_t i = 0; i < modules.size(); ++i) modules[i].sha256 = digests[i];
    return modules;
}

} // namespace dkms
