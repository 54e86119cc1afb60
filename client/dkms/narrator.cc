// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/narrator.h"

#include "client/text.h"

#include <array>
#include <filesystem>
#include <utility>

namespace dkms::legacy {
namespace {

/// Commands that are described by a sentence with "..." behind it, and what is said of them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> descriptions{{
    {"patch", "Applying patch "},
    {"pre_build", "Running the pre_build script"},
    {"make", "Building module(s)"},
    {"post_build", "Running the post_build script"},
    {"depmod", "Running depmod"},
    {"post_transaction", "Executing post-transaction command"},
}};

std::string description_of(const Event& event)
{
    const std::string what = event.text("what");
    for (const auto& [name, text] : descriptions)
        if (what == name) return std::string(text) + (what == "patch" ? event.text("subject") : std::string());
    return {};
}

/// Scripts that run in the source: their output is always shown.
bool is_script(const std::string& what)
{
    return what == "post_add" || what == "pre_install" || what == "post_install" || what == "post_remove";
}

std::string fact_of(const Event& event, const char* group, const char* name)
{
    const auto parameters = event.facts.find(group);
    if (parameters == event.facts.end() || !parameters->contains(name)) return {};
    return parameters->at(name).get<std::string>();
}

std::string parameter(const Event& event, const char* name) { return fact_of(event, "parameters", name); }

/// <install tree>/K/ of a directory in it.
std::string kernel_directory(const std::string& path, const std::string& release)
{
    const auto at = (path + "/").find("/" + release + "/");
    return at == std::string::npos ? path + "/" : path.substr(0, at + release.size() + 1) + "/";
}

/// "<tree>/M/V/tarball//FILE": two slashes, as they always were.
std::string in_its_directory(const std::string& path)
{
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(0, slash) + "/" + path.substr(slash);
}

/// What would sign, as far as that is known.
std::string signing_text(const Event& event)
{
    std::string text;
    if (const std::string command = event.text("command"); !command.empty()) text += "Sign command: " + command + "\n";
    if (const std::string key = event.text("key"); !key.empty())
        text += "Signing key: " + key + "\nPublic certificate (MOK): " + event.text("certificate") + "\n";
    return text;
}

std::string signing_off_text(const Event& event)
{
    constexpr std::array<std::pair<std::string_view, std::string_view>, 10> reasons{{
        {"policy", "Module signing is disabled by policy, modules won't be signed"},
        {"chroot", "Running in chroot, modules won't be signed"},
        {"config-missing", "Kernel config {path} not found, modules won't be signed"},
        {"no-facility", "The kernel is built without module signing facility, modules won't be signed"},
        {"command-missing", "Binary {path} not found, modules won't be signed"},
        {"key-missing", "Key file {path} not found and can't be generated, modules won't be signed"},
        {"certificate-missing", "Certificate file {path} not found and can't be generated, modules won't be signed"},
        {"half-a-pair", "Key file {path} not found and can't be generated, modules won't be signed"},
        {"openssl-missing", "openssl not found, can't generate key and certificate."},
        {"secureboot-policy-missing", "Binary update-secureboot-policy not found, modules won't be signed"},
    }};
    const std::string reason = event.text("reason");
    for (const auto& [name, text] : reasons)
        if (reason == name) {
            // The half that is missing is named as what it is.
            const bool half = name == "half-a-pair" && event.text("path") == event.text("certificate");
            std::string line(half ? "Certificate file {path} not found and can't be generated, modules won't be signed"
                                  : text);
            if (const auto at = line.find("{path}"); at != std::string::npos) line.replace(at, 6, event.text("path"));
            return line;
        }
    return "Modules won't be signed: " + reason;
}

} // namespace

Narrator::Narrator(Console& console, Style style, const Request& request, std::set<std::string>& said)
    : console_(console), style_(std::move(style)), request_(request), said_(said), verbose_(style_.verbose)
{
    if (!request_.kernels.empty()) kernel_ = request_.kernels.front();
}

void Narrator::once(const std::string& text)
{
    if (said_.insert(text).second) err(text);
}

/// "6.1.0-1-amd64 (x86_64)"
std::string Narrator::kernel_text() const { return kernel_.release + " (" + kernel_.arch + ")"; }

Subject Narrator::subject() const { return {request_.verb, request_.module, kernel_}; }

void Narrator::tell(const Event& event)
{
    switch (event.kind) {
    case EventKind::step_started:
        if (const std::string kernel = event.text("kernel"); !kernel.empty()) {
            const KernelId next = parse_kernel(kernel);
            const bool separates = request_.verb == Verb::uninstall || request_.verb == Verb::unbuild;
            if (separates && has_steps_behind_ && next != kernel_) out("\n");
            kernel_ = next;
        }
        return tell_clearance(event.text("step"));
    case EventKind::step_ended:
        return tell_step_ended(event);
    case EventKind::command_started:
        return tell_command_started(event);
    case EventKind::command_output:
        return tell_command_output(event);
    case EventKind::command_ended:
        return tell_command_ended(event);
    case EventKind::deprecated:
        return once("Deprecated feature: " + event.text("directive") + " (" + event.text("file") + ")" +
                    (event.text("instead").empty() ? "" : ": use " + event.text("instead") + " instead") + "\n");
    case EventKind::warning:
        return tell_warning(event);
    case EventKind::remove_cancelled:
        return err("Warning: Remove cancelled because --rpm_safe_upgrade scenario detected.\n");
    case EventKind::autoinstall_disabled:
        return out("Automatic installation of modules has been disabled.\n");
    default:
        if (!tell_build(event) && !tell_install(event) && !tell_uninstall(event)) tell_archive(event);
    }
}

void Narrator::tell_clearance(const std::string& step)
{
    const bool clears = style_.action == "kernel_prerm" || style_.action == "kernel_preinst";
    if (!clears || (step != "uninstall" && step != "unbuild")) return;
    if (!std::exchange(clearance_told_, true))
        err("dkms: removing module " + request_.module.text() + " for kernel " + kernel_text() + "\n");
}

void Narrator::tell_step_ended(const Event& event)
{
    const std::string step = event.text("step");
    out(std::exchange(held_back_, {}));
    has_steps_behind_ = true;
    if (event.text("result") == "failed" || event.text("result") == "cancelled") return;
    const bool added_on_the_way = step == "add" && event.text("result") == "done" &&
                                  (request_.verb == Verb::build || request_.verb == Verb::install);
    const bool kernel_is_done = step == "unbuild" && (request_.verb == Verb::remove || style_.action == "kernel_prerm");
    if (added_on_the_way || kernel_is_done) out("\n");
}

void Narrator::tell_command_started(const Event& event)
{
    const std::string what = event.text("what");
    command_ = event.text("command");
    dots_ = 0;
    running_since_ = 0;
    if (is_script(what)) return out("Running the " + what + " script:\n");
    const std::string description = description_of(event);
    if (description.empty()) return;
    verbose_ |= event.facts.value("verbose", false); // framework.conf may say so
    if (verbose_) return out(command_ + "\n");
    out(description + "...");
    running_since_ = event.at;
}

void Narrator::tell_command_output(const Event& event)
{
    if (verbose_ || is_script(event.text("what"))) out(event.text("text"));
}

void Narrator::tell_command_ended(const Event& event)
{
    const int code = event.facts.value("exit_code", 0);
    const bool described = std::exchange(running_since_, 0) > 0;
    if (code == 0) {
        if (described) out(" done.\n");
        return;
    }
    if (is_script(event.text("what")) || description_of(event).empty()) return;
    if (described) out("(bad exit status: " + std::to_string(code) + ")\n");
    out("Failed command:\n" + command_ + "\n");
}

void Narrator::tick(double now)
{
    if (running_since_ <= 0 || (request_.module.name.starts_with("dkms") && request_.module.name.ends_with("_test")))
        return;
    constexpr double seconds_a_dot = 3;
    if (now - running_since_ < seconds_a_dot * (dots_ + 1)) return;
    ++dots_;
    out(".");
}

void Narrator::tell_signing(const Event& event)
{
    const std::string text = signing_text(event) + std::exchange(keys_made_, {});
    const bool alone = request_.verb == Verb::generate_key;
    if (said_.insert(text + kernel_.release).second) out(text + (alone ? "" : "\n"));
}

void Narrator::tell_signing_off(const Event& event)
{
    const std::string text = signing_text(event) + signing_off_text(event) + "\n";
    if (said_.insert(text + kernel_.release).second) out(text + "\n");
}

void Narrator::tell_warning(const Event& event)
{
    const std::string name = event.text("name");
    if (name == "script-not-executable")
        return err("\nWarning: The " + parameter(event, "script") + " script is not executable.\n");
    if (name == "MissingDependencies")
        return err("Warning: Trying to build module " + request_.module.text() + " for kernel " + kernel_text() +
                   " despite of missing BUILD_DEPENDS: " + parameter(event, "dependencies") + ".\n");
    if (name == "BrokenModule") {
        const std::string module = parameter(event, "module");
        Subject broken = subject();
        broken.module = {module.substr(0, module.find('/')), module.substr(module.find('/') + 1)};
        return err(error_text(Error(ErrorCode::broken_module), broken));
    }
    if (name == "several-modules")
        return err("Warning: Cannot do version sanity checking because multiple " + parameter(event, "module") +
                   ".ko modules were found in kernel " + kernel_.release + ".\n");
    if (name == "conf-complaint") return once(event.text("message") + "\n");
    if (name == "conf") return once("dkms.conf: Warning! " + event.text("message") + "\n");
    std::string message = by_its_own_name(event.text("message"));
    if (!message.ends_with('\n')) message += '\n';
    if (name == "no-sandbox" && console_.insist && said_.insert(message).second)
        return console_.insist("Warning: " + message);
    once("Warning: " + message);
}

bool Narrator::tell_build(const Event& event)
{
    const bool builds = request_.verb == Verb::build || request_.verb == Verb::rebuild;
    switch (event.kind) {
    case EventKind::source_linked:
        out("Creating symlink " + event.text("link") + " -> " + event.text("target") + "\n");
        return true;
    case EventKind::signing:
        tell_signing(event);
        return true;
    case EventKind::signing_off:
        tell_signing_off(event);
        return true;
    case EventKind::key_generated:
        keys_made_ = "Certificate or key are missing, generating " +
                     (event.text("program") == "openssl" ? "self signed certificate for MOK"
                                                         : "them using " + event.text("program")) +
                     "...\n";
        return true;
    case EventKind::module_signed:
        out("Signing module " + event.text("path") + "\n");
        return true;
    case EventKind::already_built:
        if (builds)
            out("Module " + request_.module.text() + " already built for kernel " + kernel_text() +
                ", skip. You may override by specifying --force.\n");
        return true;
    case EventKind::not_built:
        out("Module " + request_.module.text() + " is not built for kernel " + kernel_text() + ". Skipping...\n");
        return true;
    default:
        return false;
    }
}

bool Narrator::tell_install(const Event& event)
{
    switch (event.kind) {
    case EventKind::already_installed:
        out("Module " + request_.module.text() + " already installed on kernel " + kernel_text() +
            ", skip. You may override by specifying --force.\n");
        return true;
    case EventKind::forcing:
        if (event.text("what") == "add")
            err("\nForcing install of " + request_.module.text() + "\n");
        else
            out((event.text("what") == "install" ? "Forcing installation of " : "Forcing version override of ") +
                request_.module.name + "\n");
        return true;
    case EventKind::version_refused:
        tell_refusal(event);
        return true;
    case EventKind::original_archived:
        if (std::exchange(taken_out_, false)) out("\n");
        out("Found pre-existing " + event.text("path") + ", archiving for uninstallation\n");
        return true;
    case EventKind::installed_file:
        if (std::exchange(taken_out_, false)) out("\n");
        out("Installing " + event.text("path") + "\n");
        return true;
    case EventKind::weak_modules:
        out(event.text("action") == "add" ? "Adding linked weak modules...\n" : "Removing linked weak modules...\n");
        return true;
    case EventKind::depmod_skipped:
        out(verbose_ ? "Skipping depmod because '" + event.text("path") + "' is missing.\n"
                     : "Running depmod... done.\n");
        return true;
    default:
        return false;
    }
}

void Narrator::tell_refusal(const Event& event)
{
    const std::string reason = event.text("reason");
    if (reason == "obsolete") {
        const std::string& by = event.text("installed");
        if (!std::exchange(obsolete_told_, true))
            err("\nModule has been obsoleted due to being included in kernel " + by +
                ".\nWe will avoid installing for future kernels above " + by +
                ".\nYou may override by specifying --force.\n");
    } else if (reason == "older") {
        err(framed("Module version " + event.text("offered") + " for " + event.text("module") +
                   ".ko\nis not newer than what is already found in kernel " + kernel_.release + " (" +
                   event.text("installed") + ").\nYou may override by specifying --force."));
    } else {
        const std::string version = event.text("installed");
        err("Module " + event.text("path") + " already installed " +
            (version.empty() ? "(unversioned module)" : "at version " + version) +
            ", override by specifying --force\n");
    }
}

bool Narrator::tell_uninstall(const Event& event)
{
    // An install takes out what was there before; that is told when it was asked for.
    const bool silent = request_.verb == Verb::install && !request_.options.force;
    switch (event.kind) {
    case EventKind::uninstalling:
        if (silent) return true;
        taken_out_ = request_.verb == Verb::install;
        out("Module " + request_.module.text() + " for kernel " + kernel_text() + ":\n" +
            (event.facts.value("active", true) ? "Before uninstall, this module version was ACTIVE on this kernel.\n"
                                               : "This module version was INACTIVE for this kernel.\n"));
        return true;
    case EventKind::deleted_file:
        if (!silent) out("Deleting " + event.text("path") + "\n");
        return true;
    case EventKind::file_not_found:
        if (!silent)
            out("Module " + event.text("module") + ".ko was not found within " +
                kernel_directory(event.text("directory"), kernel_.release) + "\n");
        return true;
    case EventKind::original_restored:
        out("Restoring archived original module " + event.text("path") + "\n");
        return true;
    case EventKind::original_dropped:
        held_back_ += "Removing original module(s) from DKMS tree for kernel " + kernel_text() + "\n";
        return true;
    case EventKind::not_installed:
        if (!event.facts.value("exclusive", false))
            out("Module " + request_.module.text() + " is not installed for kernel " + kernel_text() +
                ". Skipping...\n");
        return true;
    case EventKind::version_removed:
        out("Deleting module " + request_.module.text() + " completely from the DKMS tree.\n");
        return true;
    default:
        return false;
    }
}

bool Narrator::tell_archive(const Event& event)
{
    switch (event.kind) {
    case EventKind::loading: {
        const std::string module = event.text("module");
        request_.module = {module.substr(0, module.find('/')), module.substr(module.find('/') + 1)};
        if (event.facts.value("of_dkms", false)) out("\nLoading tarball for " + module + "\n");
        return true;
    }
    case EventKind::source_loaded:
        if (event.facts.value("conf_only", false))
            out("Creating " + event.text("path") + "\nCopying dkms.conf to " + event.text("path") + " ...\n");
        return true;
    case EventKind::build_loaded:
        if (event.facts.value("skipped", false))
            err("Warning: " + event.text("path") + " already exists. Skipping...\n");
        else
            out("Loading " + event.text("path") + "...\n");
        return true;
    case EventKind::packing:
        if (event.text("what") == "kernel") {
            const KernelId kernel = parse_kernel(event.text("kernel"));
            out("Marking modules for " + kernel.release + " (" + kernel.arch + ") for archiving...\n");
        } else if (event.text("what") == "source") {
            out("\nMarking " + event.text("path") + " for archiving...\n");
        } else {
            out("\nCreating tarball structure to specifically accommodate binaries.\n");
        }
        return true;
    case EventKind::packed:
        if (request_.options.format != PackFormat::tarball) {
            out((request_.options.format == PackFormat::kmp ? "\nKMP SRPM location: " : "Wrote: ") +
                event.text("path") + "\n");
            return true;
        }
        out("\nTarball location: " + (style_.archive.empty() ? in_its_directory(event.text("path")) : style_.archive) +
            "\n");
        return true;
    default:
        return false;
    }
}

void Narrator::tell_end(const JobView& job)
{
    if (running_since_ > 0) out("\n"); // it was cut off
    running_since_ = 0;
    if (!job.error || job.error->code() == ErrorCode::cancelled) return;
    const bool is_left_to_other = job.result == Result::skipped && job.error->code() == ErrorCode::nothing_installable;
    if (is_left_to_other) return; // a warning has said it
    if (job.result == Result::failed || job.result == Result::skipped) err(error_text(*job.error, subject()));
}

} // namespace dkms::legacy
