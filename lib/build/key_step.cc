// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/key_step.h"

#include "lib/build/signer.h"
#include "lib/files/file_kind.h"
#include "lib/process/child.h"
#include "lib/tree/directory.h"

#include <filesystem>
#include <utility>

namespace dkms {
namespace {

bool is_there(const std::string& file) { return file.starts_with("pkcs11:") || leads_somewhere(file); }

[[noreturn]] void refuse(const std::string& reason) { throw Error(ErrorCode::key_not_made, {{"reason", reason}}); }

class KeyStep : public Action {
public:
    explicit KeyStep(Work& work) : work_(work) {}

    void prepare() override
    {
        inputs_.kernel = {running_release(), running_architecture()};
        inputs_.framework = read_framework(work_.places, work_.settings);
        try {
            inputs_.headers = find_headers(inputs_.kernel, work_.places, work_.step.options);
        } catch (const Error& error) {
            if (!lacks_headers(error)) throw;
            // only the place of the signing program depends on them
        }
        pair_ = key_pair(work_, inputs_);
        if (!std::exchange(pair_.may_be_made, true)) pair_.made_by = KeyMaker::openssl; // somebody asks for it
        const bool key = is_there(pair_.key);
        if (key != is_there(pair_.certificate))
            refuse((key ? pair_.certificate : pair_.key) + " is missing, and its other half is not overwritten");
        there_ = key;
        if (!there_ && !find_program(program_of(pair_.made_by)))
            refuse(std::string("the program ") + program_of(pair_.made_by) + " is not installed");
    }

    Outcome run() override
    {
        if (!there_) make();
        const std::string command = sign_command(work_, inputs_);
        work_.reporter.report(Event(EventKind::signing, {{"command", find_program(command) ? command : std::string()},
                                                         {"key", pair_.key},
                                                         {"certificate", pair_.certificate}}));
        return {there_ ? Result::skipped : Result::done, std::nullopt};
    }

    void undo() noexcept override {} // both halves appear at the end, or none

private:
    void make()
    {
        try {
            for (const std::string& file : {pair_.key, pair_.certificate})
                make_directories(std::filesystem::path(file).parent_path());
            make_missing_keys(work_, pair_);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::cancelled) throw;
            refuse(error.message());
        }
    }

    Work& work_;
    BuildInputs inputs_;
    KeyPair pair_;
    bool there_ = false;
};

/// The same, in the unit that sees keys.
class KeyStepElsewhere : public Action {
public:
    explicit KeyStepElsewhere(Signer signer) : signer_(std::move(signer)) {}
    void prepare() override {}
    Outcome run() override { return signer_.make_keys(); }
    void undo() noexcept override {}

private:
    Signer signer_;
};

} // namespace

std::unique_ptr<Action> make_key_step(Work& work)
{
    Signer signer(work);
    if (signer.is_elsewhere()) return std::make_unique<KeyStepElsewhere>(std::move(signer));
    return make_key_step_here(work);
}

std::unique_ptr<Action> make_key_step_here(Work& work) { return std::make_unique<KeyStep>(work); }

} // namespace dkms
