// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/build_step.h"

#include "lib/build/build_environment.h"
#include "lib/build/built_modules.h"
#include "lib/build/input_files.h"
#include "lib/build/job_share.h"
#include "lib/build/make_command.h"
#include "lib/build/make_progress.h"
#include "lib/build/patches.h"
#include "lib/build/sandbox_choice.h"
#include "lib/build/scripts.h"
#include "lib/build/shown_log.h"
#include "lib/build/trouble.h"
#include "lib/files/inside.h"
#include "lib/model/error.h"
#include "lib/process/own_usage.h"
#include "lib/tree/directory.h"
#include "lib/tree/scan.h"
#include "lib/tree/stale_build.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// The event and the error for a module that is not meant for this kernel.
Error exclusion_error(const Work& work, const Exclusion& exclusion)
{
    return Error(ErrorCode::build_excluded, {{"module", work.step.module.text()},
                                             {"kernel", work.step.kernel.release},
                                             {"reason", exclusion.reason},
                                             {"tree", work.places.dkms_tree.string()}});
}

nlohmann::json names_of(const std::vector<ConfModule>& modules)
{
    nlohmann::json names = nlohmann::json::array();
    for (const ConfModule& module : modules) names.push_back(module.dest_name);
    return names;
}

/// It says nothing of the module, so nothing is noted of it.
bool was_cut_off(const Error& error)
{
    return error.code() == ErrorCode::cancelled || error.code() == ErrorCode::interrupted;
}

/// It concerns whoever maintains the module, who reads logs; no one else can do anything about it.
std::string deprecation_text(const Deprecated& one)
{
    return "Deprecated: " + one.directive + " in " + one.file + (one.instead.empty() ? "" : "; use " + one.instead) +
           ".";
}

class BuildStep : public Action {
public:
    explicit BuildStep(Work& work) : work_(work), layout_(work.places) {}

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override;

private:
    const ModuleId& module() const { return work_.step.module; }
    const KernelId& kernel() const { return work_.step.kernel; }

    bool is_built() const;
    bool is_source_replaced() const;
    bool is_stale() const;
    std::optional<Error> find_headers_or_config();
    std::optional<Error> read_inputs();
    void build();
    void set_up_signing();
    void show_signing();
    void set_up();
    void report_progress() const;
    void make();
    MakeSettings make_settings() const;
    std::vector<CommandText> make_texts() const;
    void take_results();
    void finish();
    std::vector<InputFile> files_read() const;
    BuildRecord record_of(std::vector<BuildRecord::Module> modules) const;
    void write_dependency_marks() const;
    Error with_log(const Error& error) const;

    Work& work_;
    Layout layout_;
    BuildInputs inputs_;
    std::string source_stamp_; ///< before anything of it was read
    std::optional<Signer> signer_;
    Signing signing_;
    std::optional<SandboxChoice> sandbox_;
    std::optional<VersionTurn> turn_;
    std::optional<Workplace> workplace_;
    std::optional<MakeLog> log_;
    std::optional<ShownLog> shown_log_;
    std::optional<BuildCommands> commands_;
    std::optional<MakeProgress> progress_;
    JobShare jobs_{work_, inputs_};
    std::optional<Staging> staging_;
    std::string make_command_;
    bool is_signed_ = false;
    bool all_signed_ = false;
    bool published_ = false;
    Clock::time_point start_ = Clock::now();
};

void BuildStep::prepare()
{
    const auto status = scan_module(work_.places, module());
    if (!status)
        throw Error(ErrorCode::no_such_module, {{"module", module().text()}, {"tree", layout_.tree().string()}});
    if (status->broken)
        throw Error(ErrorCode::broken_module,
                    {{"module", module().text()}, {"path", layout_.source_link(module()).string()}});
    require_writable(layout_.version(module()));
}

Outcome BuildStep::run()
{
    const bool replaced = is_built() && is_source_replaced();
    if (replaced && !work_.step.options.refresh) // else whoever asked has told it
        work_.reporter.report(Event(EventKind::stale, {{"module", module().text()},
                                                       {"kernel", kernel().release},
                                                       {"what", "source"},
                                                       {"path", layout_.source_in_source_tree(module()).string()}}));
    if (is_built() && !replaced && !work_.step.options.force && !(work_.step.options.refresh && is_stale())) {
        work_.reporter.report(Event(EventKind::already_built, {{"kernel", kernel().release}}));
        return {Result::skipped, std::nullopt, {}};
    }
    try {
        work_.reporter.stage(Stage::prepare, 0);
        signer_.emplace(work_); // it starts while we read
        if (const auto excluded = read_inputs()) {
            record_trouble(work_, *excluded, {});
            return {Result::skipped, excluded, {}};
        }
        build();
        return {};
    } catch (const Error& error) {
        // What goes wrong while we are told to stop is part of stopping.
        if (published_ || was_cut_off(error) || work_.cancellation.requested()) throw;
        const Error complete = with_log(error);
        record_trouble(work_, complete, log_ ? log_->path() : fs::path());
        throw complete;
    }
}

void BuildStep::undo() noexcept
{
    if (commands_) work_.commands = work_.commands + commands_->usage();
    jobs_.give_back();
    staging_.reset();
    shown_log_.reset();
    // What is left is deleted while the user of its unit is no one else's.
    try {
        if (workplace_) workplace_->clear();
    } catch (const Error& error) {
        work_.reporter.warning(error.name(), error.parameters(), error.message());
    }
    commands_.reset();
    log_.reset();
    workplace_.reset();
    turn_.reset();
}

/// Also that no module is lost which was built.
bool BuildStep::is_built() const
{
    const auto status = scan_module(work_.places, module(), ScanDepth::full);
    return status && std::any_of(status->kernels.begin(), status->kernels.end(), [this](const KernelStatus& one) {
               const bool built = one.state == KernelState::built || one.state == KernelState::installed;
               return one.kernel == kernel() && built && !one.build_missing;
           });
}

bool BuildStep::is_source_replaced() const { return is_marked_stale(layout_, module(), kernel()); }

bool BuildStep::is_stale() const
{
    const auto record = read_build_record(layout_, module(), kernel());
    return record && first_changed(input_files_from_json(record->inputs.value("files", nlohmann::json())),
                                   work_.places) != nullptr;
}

/// The error where there are no headers; there may be a configuration all the same.
std::optional<Error> BuildStep::find_headers_or_config()
{
    const Options& options = work_.step.options;
    try {
        inputs_.headers = find_headers(kernel(), work_.places, options);
        return std::nullopt;
    } catch (const Error& error) {
        if (!lacks_headers(error)) throw;
        inputs_.headers.config =
            read_kernel_config(kernel_config_file(headers_directory(kernel(), work_.places, options), options));
        return error;
    }
}

/// Everything that is known before the first file is copied; the error to end with when the module excludes itself.
std::optional<Error> BuildStep::read_inputs()
{
    inputs_.module = module();
    inputs_.kernel = kernel();
    inputs_.framework = read_framework(work_.places, work_.settings);
    inputs_.source = source_of(module(), work_.places);
    source_stamp_ = stamp_of_source(inputs_.source);
    inputs_.conf = read_conf_for_build(work_, inputs_.framework);

    // The configuration may exclude a kernel by its name alone, and then nobody needs that kernel's headers.
    const auto without_headers = find_headers_or_config();
    Exclusion exclusion = exclusion_for(inputs_.conf, kernel(), inputs_.headers.config);
    if (!exclusion.reason.empty())
        work_.reporter.report(Event(
            EventKind::excluded,
            {{"kernel", kernel().release}, {"reason", exclusion.reason}, {"modules", names_of(exclusion.excluded)}}));
    if (!exclusion.reason.empty() && exclusion.meant.empty()) {
        if (!without_headers) show_signing();
        return exclusion_error(work_, exclusion);
    }
    inputs_.modules = std::move(exclusion.meant);

    check_source(module(), layout_.source(module()));
    if (without_headers) throw Error(*without_headers);
    set_up_signing();
    inputs_.toolchain = choose_toolchain(module(), kernel(), inputs_.headers, work_.places);
    check_dependencies(work_, inputs_.conf);
    return std::nullopt;
}

void BuildStep::build()
{
    set_up();
    const auto patches = patches_for(inputs_.conf.patches, kernel().release);
    if (!patches.empty()) work_.reporter.stage(Stage::patch, 0);
    apply_patches(*commands_, patches);
    progress_.emplace(work_.places, module());
    report_progress();
    jobs_.take_one();
    run_build_script(*commands_, "pre_build", inputs_.conf.pre_build);
    make();
    take_results();
    finish();
}

void BuildStep::set_up_signing()
{
    signing_ = signer_->prepare(inputs_);
    if (signing_.on()) {
        work_.reporter.report(Event(EventKind::signing, {{"command", signing_.command},
                                                         {"key", without_pin(signing_.key)},
                                                         {"certificate", signing_.certificate}}));
        return;
    }
    nlohmann::json facts{{"reason", signing_.off_reason}};
    if (!signing_.off_path.empty()) facts["path"] = signing_.off_path;
    if (!signing_.command.empty()) facts["command"] = signing_.command;
    if (!signing_.key.empty())
        facts.update({{"key", without_pin(signing_.key)}, {"certificate", signing_.certificate}});
    work_.reporter.report(Event(EventKind::signing_off, std::move(facts)));
}

/// How it would be signed, were it built: people expect the line in any case.
void BuildStep::show_signing()
{
    try {
        set_up_signing();
    } catch (const Error& error) {
        if (error.code() != ErrorCode::signing_failed) throw;
    }
}

void BuildStep::set_up()
{
    // A unit starts while we go on.
    auto place = command_place(build_switches(work_.places, module().name, work_.settings).network);
    sandbox_ = choose_sandbox(work_);
    turn_.emplace(*sandbox_, work_);
    workplace_.emplace(work_.places, module(), kernel(), inputs_.source, sandbox_->switches, sandbox_->kind);
    if (workplace_->sandboxed()) show_inputs(workplace_->surroundings(), work_, inputs_);
    log_.emplace(workplace_->log_file(), module(), kernel(), STDOUT_FILENO);
    for (const Deprecated& one : inputs_.conf.deprecated) log_->note(deprecation_text(one));
    commands_.emplace(work_, *workplace_, *log_, build_environment(work_, inputs_, workplace_->sandboxed()),
                      std::move(place));
    commands_->settle([this](std::pair<uid_t, gid_t> user) { workplace_->give_to(user); });
    workplace_->fill();
    shown_log_.emplace(layout_, module(), log_->path());
    work_.cancellation.check();
}

MakeSettings BuildStep::make_settings() const
{
    MakeSettings settings;
    settings.release = kernel().release;
    settings.source_dir = inputs_.headers.for_make;
    settings.build = workplace_->shown_build();
    settings.variables = inputs_.toolchain.make_variables;
    const int jobs = wanted_jobs(work_.step.options, inputs_.framework);
    if (jobs >= 0)
        settings.jobs = MakeJobs{jobs > 0, static_cast<unsigned>(jobs)};
    else if (!work_.jobserver)
        settings.jobs = MakeJobs{true, processors()};
    return settings;
}

void BuildStep::report_progress() const
{
    work_.reporter.report(Event(
        EventKind::stage,
        {{"stage", name_of(Stage::build)}, {"percent", progress_->percent()}, {"objects", progress_->objects()}}));
}

void BuildStep::make()
{
    if (!find_program("make"))
        throw Error(ErrorCode::make_missing, {{"module", module().text()}, {"program", "make"}, {"package", "make"}});
    const JobShare::Make share = jobs_.for_make(wanted_jobs(work_.step.options, inputs_.framework));
    make_command_ = make_command(share.text, make_settings());
    BuildCommand make;
    make.what = "make";
    make.subject = module().text();
    make.description = "Building module(s)";
    make.text = make_command_;
    make.command.argv = {"bash", "-c", make_command_}; // MAKE is a line for a shell
    progress_->begin();
    make.heard = [this](std::string_view output) {
        if (progress_->heard(output)) report_progress();
    };

    if (share.has_jobserver) {
        const int read = work_.jobserver->read_end();
        const int write = work_.jobserver->write_end();
        make.command.inherit = {{read, read}, {write, write}};
        commands_->environment()["MAKEFLAGS"] = Jobserver::makeflags(read, write);
    }
    const ExitStatus status = commands_->run(std::move(make));
    commands_->environment().erase("MAKEFLAGS");
    jobs_.keep_one();
    if (!status.ok())
        throw commands_->explained(
            Error(ErrorCode::build_failed,
                  {{"module", module().text()}, {"kernel", kernel().release}, {"status", std::to_string(status.code)}}),
            make_texts());
}

/// What make is told to do. The Makefile is that of the source: the build could have changed its own.
std::vector<CommandText> BuildStep::make_texts() const
{
    std::vector<CommandText> texts{{"MAKE", make_command_}};
    for (const char* name : {"GNUmakefile", "makefile", "Makefile"})
        if (const Descriptor file = open_inside(inputs_.source, name)) texts.push_back({name, beginning_of(file)});
    return texts;
}

void BuildStep::take_results()
{
    staging_.emplace(layout_, module(), kernel());
    BuiltModules modules(*commands_, inputs_, *staging_);
    modules.check_all_are_there();
    modules.strip();
    modules.take(workplace_->results());
    if (!inputs_.conf.post_build.empty()) {
        const Workplace::Exposed result(*workplace_, *staging_);
        run_build_script(*commands_, "post_build", inputs_.conf.post_build);
        modules.take_back(result.results());
    }
    jobs_.give_back();
    // Whatever a script has done to a module: it is signed as it will be installed.
    work_.reporter.stage(Stage::sign, 90);
    const std::size_t count = modules.sign(*signer_, signing_);
    signer_.reset();
    is_signed_ = count > 0;
    all_signed_ = count == inputs_.modules.size();
    modules.compress();
    const BuildRecord record = record_of(modules.verify());
    staging_->write(build_record_name, text_of(record));
}

std::vector<InputFile> BuildStep::files_read() const
{
    std::vector<InputFile> files = input_files(work_, inputs_);
    if (is_signed_) files.push_back({"key", signing_.certificate, 0, 0, {}});
    const auto hash = inputs_.headers.config.find("CONFIG_MODULE_SIG_HASH");
    const bool can_be_signed = hash != inputs_.headers.config.end() && !hash->second.empty();
    if (signing_.off_reason == "chroot" && can_be_signed)
        files.push_back({unsigned_in_image, work_.places.dkms_tree / "mok.pub", 0, 0, {}});
    return files;
}

BuildRecord BuildStep::record_of(std::vector<BuildRecord::Module> modules) const
{
    BuildRecord record;
    record.modules = std::move(modules);
    record.inputs = {{"compiler", inputs_.toolchain.compiler},
                     {"headers", inputs_.headers.for_make.string()},
                     {"make", make_command_},
                     {"source", work_.places.inside(inputs_.source).string()},
                     {"source_stamp", source_stamp_},
                     {"autoinstall", inputs_.conf.autoinstall},
                     {"files", to_json(fingerprint_of(files_read(), work_.places))}};
    for (const ConfPatch& patch : patches_for(inputs_.conf.patches, kernel().release))
        record.inputs["patches"].push_back(patch.file);
    record.build_seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    record.usage = own_usage() + commands_->usage();
    record.sandboxed = workplace_->sandboxed();
    record.opened = sandbox_->switches.opened();
    if (!commands_->root_because().empty()) record.opened.emplace_back(sandbox_by_root);
    if (is_signed_) record.signer = signing_.certificate;
    if (!all_signed_) record.unsigned_reason = unsigned_note(signing_);
    return record;
}

/// The versions of the dependencies that the module was built with, for BUILD_DEPENDS_REBUILD.
void BuildStep::write_dependency_marks() const
{
    if (!inputs_.conf.build_depends_rebuild) return;
    for (const std::string& name : inputs_.conf.build_depends)
        if (const auto version = active_version(layout_, name, kernel()))
            staging_->write(".dep_" + name, *version + "\n");
}

void BuildStep::finish()
{
    write_dependency_marks();
    staging_->take_log(log_->path());
    work_.cancellation.check();
    staging_->publish();
    published_ = true;
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    undo(); // what is left of the build has done its work
    forget_trouble(work_);
    work_.reporter.report(
        Event(EventKind::modules_built,
              {{"kernel", kernel().release}, {"count", inputs_.modules.size()}, {"seconds", seconds}}));
}

/// Names the log, which stays, in the error.
Error BuildStep::with_log(const Error& error) const
{
    if (!log_) return error;
    Parameters parameters = error.parameters();
    parameters.insert_or_assign("log", layout_.failed_log(module(), kernel()).string());
    return Error(error.code(), std::move(parameters));
}

} // namespace

std::unique_ptr<Action> make_build_step(Work& work) { return std::make_unique<BuildStep>(work); }

} // namespace dkms
