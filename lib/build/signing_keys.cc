// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/private_directory.h"
#include "lib/build/signing.h"
#include "lib/build/staging.h"
#include "lib/files/file_kind.h"
#include "lib/model/error.h"
#include "lib/process/child.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"
#include "lib/tree/directory.h"

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Only one process makes keys in a directory at a time.
Descriptor lock_directory(const fs::path& directory)
{
    Descriptor lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock) refuse_change(directory, errno);
    while (::flock(lock.number(), LOCK_EX) < 0 && errno == EINTR) {
    }
    return lock;
}

/// Where keys are made until both halves are complete: beside their place, since nothing else has to be writable for
/// whoever makes them. What a crash has left is replaced.
class KeyDraft {
public:
    explicit KeyDraft(const fs::path& directory) : path_(directory / ".dkmsd-keys")
    {
        remove_quietly(path_);
        if (::mkdir(path_.c_str(), 0700) < 0) refuse_change(path_, errno);
    }
    ~KeyDraft() { remove_quietly(path_); }
    KeyDraft(const KeyDraft&) = delete;
    KeyDraft& operator=(const KeyDraft&) = delete;

    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

void run_openssl(const fs::path& key, const fs::path& certificate, Cancellation& cancellation)
{
    Command command;
    command.argv = {"openssl",
                    "req",
                    "-new",
                    "-x509",
                    "-nodes",
                    "-newkey",
                    "rsa:2048",
                    "-days",
                    "36500",
                    "-subj",
                    "/CN=DKMS module signing key",
                    "-addext",
                    "extendedKeyUsage=codeSigning",
                    "-outform",
                    "DER",
                    "-keyout",
                    key.string(),
                    "-out",
                    certificate.string()};
    command.environment = base_environment();
    const Captured said = capture(std::move(command), {}, &cancellation);
    if (!said.status.ok()) refuse_command({"openssl"}, said.output);
}

/// Gives `made` its name, unless there is such a file: a key is never overwritten.
void put_in_place(const fs::path& made, const std::string& name, mode_t mode)
{
    if (::chmod(made.c_str(), mode) < 0 || ::link(made.c_str(), name.c_str()) < 0) refuse_change(name, errno);
}

void make_pair(const KeyPair& pair, Cancellation& cancellation)
{
    const fs::path key_directory = fs::path(pair.key).parent_path();
    const fs::path certificate_directory = fs::path(pair.certificate).parent_path();
    const KeyDraft draft(key_directory);
    const fs::path key = draft.path() / "mok.key";
    fs::path certificate = draft.path() / "mok.pub";
    run_openssl(key, certificate, cancellation);
    std::optional<KeyDraft> elsewhere; // it may be on another file system
    if (certificate_directory != key_directory) {
        elsewhere.emplace(certificate_directory);
        const Descriptor made(::open(certificate.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!made) refuse_read(certificate, errno);
        certificate = elsewhere->path() / "mok.pub";
        copy_file_to(made, certificate);
    }
    put_in_place(certificate, pair.certificate, 0644);
    try {
        put_in_place(key, pair.key, 0600);
    } catch (const Error&) {
        ::unlink(pair.certificate.c_str()); // half a pair would stay that
        throw;
    }
    sync_directory(certificate_directory);
    sync_directory(key_directory);
}

void have_pair_made(const KeyPair& pair, Cancellation& cancellation)
{
    Command command;
    command.argv = {program_of(pair.made_by), "--new-key"};
    command.environment = base_environment();
    command.environment.emplace_back("SHIM_NOTRIGGER=y"); // enrolling it is for later, when somebody can answer
    const Captured said = capture(std::move(command), {}, &cancellation);
    if (!said.status.ok() || !is_present(pair.key) || !is_present(pair.certificate))
        refuse_command({program_of(pair.made_by)}, said.output);
}

/// Unsigned modules are no use to a kernel that enforces signatures; but who says that modules are not to be signed may
/// have another way to sign them.
void check_enforcement(const Signing& signing, const BuildInputs& inputs)
{
    if (signing.enforcement.empty() || signing.off_reason == "policy") return;
    const std::string note = unsigned_note(signing);
    const std::string why = signing.off_reason == "chroot"
                                ? "in a chroot modules are signed only with try_sign_modules=true"
                            : note.empty() ? "signing is off (" + signing.off_reason + ")"
                                           : note;
    throw Error(ErrorCode::signing_failed, {{"file", inputs.module.text()},
                                            {"kernel", inputs.kernel.release},
                                            {"reason", signing.enforcement + "; " + why}});
}

void tell_pair_not_made(const Work& work, const Error& error)
{
    std::string reason = error.message();
    if (reason.ends_with('.')) reason.pop_back();
    const Error told(ErrorCode::key_not_made, {{"reason", std::move(reason)}});
    const bool is_read_only = error.parameter("errno") == std::to_string(EROFS);
    work.reporter.warning(told.name(), told.parameters(),
                          told.message() + (is_read_only ? " What signs may not write there; framework.conf(5) says "
                                                           "how to have a pair in such a place."
                                                         : ""));
}

} // namespace

void make_missing_keys(const Work& work, const KeyPair& pair)
{
    if (!pair.may_be_made) return;
    for (const std::string& file : {pair.key, pair.certificate}) make_directories(fs::path(file).parent_path());
    const Descriptor lock = lock_directory(fs::path(pair.key).parent_path());
    if (is_present(pair.key) || is_present(pair.certificate)) return;
    if (pair.made_by == KeyMaker::openssl)
        make_pair(pair, work.cancellation);
    else
        have_pair_made(pair, work.cancellation);
    work.reporter.report(
        Event(EventKind::key_generated,
              {{"program", program_of(pair.made_by)}, {"key", pair.key}, {"certificate", pair.certificate}}));
}

Signing prepare_signing(const Work& work, const BuildInputs& inputs)
{
    Signing signing = decide_signing(work, inputs);
    if (!signing.on()) {
        check_enforcement(signing, inputs);
        return signing;
    }
    try {
        make_missing_keys(work, key_pair(work, inputs));
    } catch (const Error& error) {
        if (error.code() == ErrorCode::cancelled) throw;
        tell_pair_not_made(work, error);
        const fs::path certificate = signing.certificate;
        const bool is_certificate = fs::path(signing.key).parent_path() != certificate.parent_path() &&
                                    error.parameter("path").starts_with(certificate.parent_path().string());
        signing.off_reason = is_certificate ? "certificate-missing" : "key-missing";
        signing.off_path = is_certificate ? signing.certificate : signing.key;
        check_enforcement(signing, inputs);
    }
    return signing;
}

} // namespace dkms
