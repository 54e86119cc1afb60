// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/pack_step.h"

#include "lib/package/archive_name.h"
#include "lib/package/archive_writer.h"
#include "lib/package/handle.h"
#include "lib/tree/directory.h"
#include "lib/tree/layout.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/registration.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <map>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

bool is_a_directory(const fs::path& path)
{
    std::error_code ignored;
    return fs::is_directory(path, ignored);
}

class PackStep : public Action {
public:
    explicit PackStep(Work& work) : work_(work), layout_(work.places), module_(work.step.module) {}

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override;

private:
    void open_content();
    Descriptor open_below(const fs::path& path) const;
    fs::path conf_file() const;
    std::time_t time_of_everything() const;
    void announce() const;
    void open_output();
    void write() const;
    void write_builds(ArchiveWriter& writer) const;
    void write_conf(ArchiveWriter& writer) const;
    void publish();
    [[noreturn]] void refuse(const fs::path& path, int number) const;

    Work& work_;
    Layout layout_;
    ModuleId module_;
    Descriptor source_; ///< the source, or for binaries only its dkms.conf
    std::map<KernelId, Descriptor> builds_;
    std::string name_; ///< of the archive's file
    fs::path target_;  ///< where it will be; empty if it goes to the handle
    std::string temporary_;
    std::vector<fs::path> made_;
    Descriptor output_;
};

void PackStep::refuse(const fs::path& path, int number) const
{
    if (number == ENOSPC || number == EDQUOT) throw Error(ErrorCode::disk_full, {{"path", path.string()}});
    throw Error(ErrorCode::archive_not_writable, {{"path", path.string()}, {"reason", errno_text(number)}});
}

void PackStep::prepare()
{
    const Options& options = work_.step.options;
    if (!is_a_directory(layout_.version(module_)))
        throw Error(ErrorCode::no_such_module, {{"module", module_.text()}, {"tree", layout_.tree().string()}});
    if (!Registration::is_added(layout_, module_))
        throw Error(ErrorCode::broken_module,
                    {{"module", module_.text()}, {"path", layout_.source_link(module_).string()}});
    read_module_conf(work_, Strictness::lax); // nobody could load it with a bad one
    const auto& kernels = work_.step.kernels;
    const bool with_builds = !options.source_only;
    name_ = options.archive.empty() ? archive_name(module_, with_builds ? kernels : std::vector<KernelId>{})
                                    : fs::path(options.archive).filename().string();
    if (name_.empty() || name_ == "." || name_ == "..") refuse(options.archive, EISDIR);
    open_content();
}

/// Held open from here on: what is replaced meanwhile is packed as it was.
void PackStep::open_content()
{
    const Options& options = work_.step.options;
    if (options.binaries_only) {
        source_ = Descriptor(::open(conf_file().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!source_) throw Error(ErrorCode::conf_missing, {{"file", conf_file().string()}});
    } else {
        source_ = open_below(layout_.source_link(module_));
    }
    if (options.source_only) return;
    for (const KernelId& kernel : work_.step.kernels) {
        if (!is_a_directory(layout_.built_modules(module_, kernel)))
            throw Error(ErrorCode::not_built,
                        {{"module", module_.text()}, {"kernel", kernel.release}, {"arch", kernel.arch}});
        builds_[kernel] = open_below(layout_.kernel(module_, kernel));
    }
}

Descriptor PackStep::open_below(const fs::path& path) const
{
    Descriptor opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened)
        throw Error(ErrorCode::source_unreadable,
                    {{"module", module_.text()}, {"path", path.string()}, {"reason", errno_text(errno)}});
    return opened;
}

fs::path PackStep::conf_file() const
{
    const auto& named = work_.step.options.conf_file;
    return named.empty() ? layout_.source_link(module_) / "dkms.conf" : named;
}

/// SOURCE_DATE_EPOCH if the caller has one, else the newest time of what is packed.
std::time_t PackStep::time_of_everything() const
{
    if (const auto set = work_.settings.find("SOURCE_DATE_EPOCH"); set != work_.settings.end()) {
        std::time_t given = 0;
        const std::string& text = set->second;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), given);
        if (read.ec == std::errc() && read.ptr == text.data() + text.size() && given >= 0) return given;
    }
    struct stat facts {};
    ::fstat(source_.number(), &facts);
    std::time_t newest = S_ISDIR(facts.st_mode) ? newest_file_below(source_) : facts.st_mtime;
    for (const auto& [kernel, directory] : builds_) newest = std::max(newest, newest_file_below(directory));
    return newest;
}

Outcome PackStep::run()
{
    work_.reporter.stage(Stage::prepare, 0);
    announce();
    open_output();
    write();
    publish();
    const std::string where = target_.empty() ? name_of_handle(work_.handle) : target_.string();
    work_.reporter.report(Event(EventKind::packed, {{"path", where}}));
    return {};
}

/// Kernels in the order in which they were asked for; the archive has an order of its own.
void PackStep::announce() const
{
    const auto packing = [this](const nlohmann::json& facts) {
        work_.reporter.report(Event(EventKind::packing, facts));
    };
    if (!work_.step.options.source_only)
        for (const KernelId& kernel : work_.step.kernels) packing({{"what", "kernel"}, {"kernel", kernel.text()}});
    if (work_.step.options.binaries_only)
        packing({{"what", "binaries-structure"}});
    else
        packing({{"what", "source"}, {"path", layout_.source_link(module_).string()}});
}

void PackStep::open_output()
{
    if (work_.handle >= 0) {
        struct stat facts {};
        if (::fstat(work_.handle, &facts) == 0 && S_ISREG(facts.st_mode) &&
            (::ftruncate(work_.handle, 0) < 0 || ::lseek(work_.handle, 0, SEEK_SET) < 0))
            refuse(name_of_handle(work_.handle), errno);
        return;
    }
    target_ = layout_.version(module_) / "tarball" / name_;
    try {
        made_ = make_directories(target_.parent_path());
    } catch (const Error& error) {
        if (error.code() != ErrorCode::tree_not_writable) throw;
        throw Error(ErrorCode::archive_not_writable, error.parameters());
    }
    temporary_ = (target_.parent_path() / ".archive.XXXXXX").string();
    output_ = Descriptor(::mkostemp(temporary_.data(), O_CLOEXEC));
    if (output_) return;
    temporary_.clear();
    refuse(target_, errno);
}

void PackStep::write() const
{
    ArchiveWriter writer(output_ ? output_.number() : work_.handle, target_.empty() ? name_ : target_.string(),
                         time_of_everything());
    writer.directory("");
    if (work_.step.options.binaries_only) write_conf(writer);
    writer.directory("dkms_main_tree");
    writer.text("dkms_main_tree/dkms_dbversion", "2.0.0\n");
    write_builds(writer);
    if (!work_.step.options.binaries_only) writer.tree("dkms_source_tree", source_, work_.cancellation);
    writer.close();
}

void PackStep::write_conf(ArchiveWriter& writer) const
{
    writer.directory("dkms_binaries_only");
    writer.text("dkms_binaries_only/PACKAGE_NAME", module_.name + "\n");
    writer.text("dkms_binaries_only/PACKAGE_VERSION", module_.version + "\n");
    writer.file("dkms_binaries_only/dkms.conf", source_);
}

void PackStep::write_builds(ArchiveWriter& writer) const
{
    std::string release;
    for (const auto& [kernel, directory] : builds_) {
        const std::string path = "dkms_main_tree/" + kernel.release;
        if (kernel.release != release) writer.directory(path);
        release = kernel.release;
        writer.tree(path + "/" + kernel.arch, directory, work_.cancellation);
    }
}

void PackStep::publish()
{
    if (temporary_.empty()) return;
    if (::fchmod(output_.number(), 0644) < 0 || ::fsync(output_.number()) < 0 ||
        ::rename(temporary_.c_str(), target_.c_str()) < 0)
        refuse(target_, errno);
    temporary_.clear();
    sync_directory(target_.parent_path());
}

void PackStep::undo() noexcept
{
    if (target_.empty() && work_.handle >= 0) {
        struct stat facts {};
        if (::fstat(work_.handle, &facts) == 0 && S_ISREG(facts.st_mode) && ::ftruncate(work_.handle, 0) < 0) return;
    }
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) ::rmdir(path->c_str()); // only when it is empty
}

} // namespace

std::unique_ptr<Action> make_pack_step(Work& work) { return std::make_unique<PackStep>(work); }

} // namespace dkms
