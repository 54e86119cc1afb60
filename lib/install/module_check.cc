// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/module_check.h"

#include "lib/build/signature.h"
#include "lib/build/signing.h"
#include "lib/build/verify.h"
#include "lib/install/symbol_check.h"
#include "lib/kernel/module_image.h"
#include "lib/kernel/signature_enforcement.h"
#include "lib/kernel/vermagic.h"
#include "lib/model/error.h"
#include "lib/tree/digest.h"
#include "lib/tree/directory.h"
#include "lib/tree/record.h"

#include <algorithm>
#include <optional>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// A candidate with what it says about itself.
struct Opened {
    const Candidate* candidate;
    Descriptor content;
    ModuleFacts facts;
};

const char* word_for(Compression compression)
{
    switch (compression) {
    case Compression::gzip:
        return "gzip";
    case Compression::xz:
        return "xz";
    case Compression::zstd:
        return "zstd";
    case Compression::none:
        break;
    }
    return "nothing";
}

KernelHeaders headers_or_none(const Work& work)
{
    try {
        return find_headers(work.step.kernel, work.places, work.step.options);
    } catch (const Error& error) {
        if (!lacks_headers(error)) throw;
        return {}; // a kernel that has been installed without them: less is known about it
    }
}

Error error_about(const Work& work, const fs::path& file, const std::string& reason)
{
    return Error(ErrorCode::verify_failed, {{"file", file.string()},
                                            {"module", work.step.module.text()},
                                            {"kernel", work.step.kernel.release},
                                            {"reason", reason}});
}

/// Opens `path`; what is wrong with it is said of `shown`.
Descriptor opened_module(const Work& work, const fs::path& path, const fs::path& shown)
{
    try {
        const auto directory = Directory::open(path.parent_path());
        return open_module_at(directory ? directory->number() : -1, path.filename());
    } catch (const Error& error) {
        if (is_of_system(error)) throw;
        throw error_about(work, shown, error.parameter("reason"));
    }
}

class ModuleCheck {
public:
    ModuleCheck(const Work& work, const std::vector<Candidate>& modules, bool force)
        : work_(work), modules_(modules), force_(force),
          record_(read_build_record(Layout(work.places), work.step.module, work.step.kernel))
    {
        inputs_.module = work.step.module;
        inputs_.kernel = work.step.kernel;
        inputs_.headers = headers_or_none(work);
    }

    void run();

private:
    void open_all();
    void check_machine_and_version(const Verifier& verifier) const;
    void check_symbols(const Verifier& verifier) const;
    void check_compression() const;
    void check_digests(const std::vector<std::string>& digests) const;
    void check_signatures();
    void check_signature(const Opened& module, const Signing& signing) const;
    Error error_for(const Candidate& module, const std::string& reason) const;
    void object(const Error& error, bool can_be_forced = true) const;
    void warn(const Error& error, const std::string& addition) const;

    const Work& work_;
    const std::vector<Candidate>& modules_;
    bool force_;
    BuildInputs inputs_; ///< as far as they are about the kernel and its signatures
    std::optional<BuildRecord> record_;
    std::vector<Opened> opened_;
};

Error ModuleCheck::error_for(const Candidate& module, const std::string& reason) const
{
    return error_about(work_, module.shown, reason);
}

void ModuleCheck::warn(const Error& error, const std::string& addition) const
{
    work_.reporter.warning(error.name(), error.parameters(), error.message() + addition);
}

void ModuleCheck::object(const Error& error, bool can_be_forced) const
{
    if (!force_ || !can_be_forced) throw Error(error);
    warn(error, " It is installed because of --force.");
}

void ModuleCheck::run()
{
    std::vector<fs::path> paths;
    for (const Candidate& module : modules_) paths.push_back(module.path);
    open_all();
    const Verifier verifier(work_.step.kernel, inputs_.headers,
                            flags_of_kernel(work_.places, work_.step.kernel.release));
    check_machine_and_version(verifier);
    check_compression();
    check_symbols(verifier);
    check_digests(sha256_of(record_ ? paths : std::vector<fs::path>()));
    check_signatures();
}

void ModuleCheck::open_all()
{
    for (const Candidate& module : modules_) {
        work_.cancellation.check();
        Opened opened{&module, opened_module(work_, module.path, module.shown), {}};
        try {
            opened.facts = read_module(opened.content, module.shown);
            opened_.push_back(std::move(opened));
        } catch (const Error& error) {
            if (error.code() != ErrorCode::verify_failed) throw;
            throw error_for(module, error.parameter("reason"));
        }
    }
}

void ModuleCheck::check_machine_and_version(const Verifier& verifier) const
{
    for (const Opened& module : opened_)
        for (const Objection& objection : verifier.objections(module.facts))
            object(error_for(*module.candidate, objection.reason), objection.can_be_forced);
}

void ModuleCheck::check_compression() const
{
    for (const Opened& module : opened_)
        if (!can_be_loaded(module.facts.compression, work_.step.kernel, inputs_.headers.config, work_.places))
            object(error_for(*module.candidate, std::string("it is compressed with ") +
                                                    word_for(module.facts.compression) +
                                                    ", which neither this kernel nor kmod reads"));
}

void ModuleCheck::check_symbols(const Verifier& verifier) const
{
    std::map<std::string, ModuleFacts> package;
    for (const Opened& module : opened_) package.emplace(module.candidate->file, module.facts);
    SymbolCheck symbols(work_, verifier.symvers(), package);
    for (const Opened& module : opened_) {
        const auto fault = symbols.fault_of(module.facts);
        if (!fault) continue;
        const Error error = error_for(*module.candidate, fault->reason);
        if (fault->excused)
            warn(error, " Install that module, too.");
        else
            object(error);
    }
}

void ModuleCheck::check_digests(const std::vector<std::string>& digests) const
{
    if (!record_) return;
    for (std::size_t i = 0; i < modules_.size(); ++i) {
        const auto known = std::find_if(record_->modules.begin(), record_->modules.end(),
                                        [&](const auto& built) { return built.file == modules_[i].file; });
        if (known == record_->modules.end() || known->sha256.empty() || known->sha256 == digests[i]) continue;
        object(Error(ErrorCode::build_changed, {{"file", modules_[i].shown.string()},
                                                {"module", work_.step.module.text()},
                                                {"kernel", work_.step.kernel.release}}));
    }
}

void ModuleCheck::check_signatures()
{
    inputs_.framework = read_framework(work_.places, work_.settings);
    Signing signing = decide_signing(work_, inputs_);
    signing.certificate = key_pair(work_, inputs_).certificate; // also where nothing is signed here
    for (const Opened& module : opened_) check_signature(module, signing);
}

/// Who has said in framework.conf that modules are not to be signed may sign them later; elsewhere an unsigned one is
/// refused where the kernel would refuse it. A kernel that does not enforce loads what is signed by a key that it does
/// not know, but nothing with a signature that is wrong.
void ModuleCheck::check_signature(const Opened& module, const Signing& signing) const
{
    const bool enforced = !signing.enforcement.empty();
    const auto object_if_enforced = [&](const std::string& reason) {
        if (!enforced) return;
        const Error error =
            error_for(*module.candidate, reason + ", and the kernel loads only signed modules: " + signing.enforcement);
        return signing.off_reason == "policy" ? warn(error, "") : object(error);
    };
    if (!module.facts.is_signed) return object_if_enforced("it is not signed");
    switch (
        verify_signature(module.content.number(), module.candidate->shown, signing.certificate, &work_.cancellation)) {
    case SignatureVerdict::bad:
        return object(error_for(*module.candidate, "its signature is not valid"));
    case SignatureVerdict::other_signer:
        return object_if_enforced("it is not signed with the key of " + signing.certificate);
    case SignatureVerdict::good:
    case SignatureVerdict::unknown:
        return;
    }
}

} // namespace

void require_module_file(const Work& work, const fs::path& built) { opened_module(work, built, built); }

void check_modules(const Work& work, const std::vector<Candidate>& modules, bool force)
{
    ModuleCheck(work, modules, force).run();
}

} // namespace dkms
