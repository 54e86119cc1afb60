// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/draft_directory.h"

#include "lib/build/first_error.h"
#include "lib/build/private_directory.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"

#include <cerrno>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kept_output = 256 * 1024;

/// What is in there belongs to the sandbox's user, so that its programs can change it.
void give(const fs::path& path)
{
    const auto [uid, gid] = sandbox_owner();
    const auto hand_over = [&, uid = uid, gid = gid](const fs::path& one) {
        if (::lchown(one.c_str(), uid, gid) < 0) return; // not root, or gone: then it is ours as it should be
    };
    hand_over(path);
    walk(path, [&](const Found& found) { hand_over(path / found.path); });
}

} // namespace

DraftDirectory::DraftDirectory(Work& work, std::string product) : work_(work), product_(std::move(product))
{
    std::string name = "/var/tmp/dkms-pack-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
        if (errno == ENOSPC || errno == EDQUOT) throw Error(ErrorCode::disk_full, {{"path", name}});
        throw Error(ErrorCode::archive_not_writable, {{"path", name}, {"reason", errno_text(errno)}});
    }
    path_ = name;
    directory_ = path_;
}

DraftDirectory::~DraftDirectory() { remove_quietly(path_); }

Command DraftDirectory::command(std::vector<std::string> argv, const std::string& package,
                                std::vector<std::string> environment) const
{
    require_tool(product_, argv.front(), package);
    give(path_);
    Command command;
    command.argv = std::move(argv);
    command.environment = base_environment();
    for (std::string& setting : environment) command.environment.push_back(std::move(setting));
    command.environment.push_back("TMPDIR=" + path_.string());
    command.directory = directory_;
    Sandbox sandbox;
    sandbox.writable = {{path_, path_}};
    return sandboxed(std::move(command), sandbox);
}

void DraftDirectory::check(const std::vector<std::string>& argv, const ExitStatus& status,
                           const std::string& said) const
{
    if (status.ok()) return;
    if (tells_of_full_disk(said)) throw Error(ErrorCode::disk_full, {{"path", path_.string()}});
    std::string reason = first_error(said, path_.string());
    if (reason.empty()) reason = "it ended with " + std::to_string(status.code);
    throw Error(ErrorCode::packaging_failed, {{"product", product_}, {"program", argv.front()}, {"reason", reason}});
}

void DraftDirectory::run(std::vector<std::string> argv, const std::string& package,
                         std::vector<std::string> environment)
{
    std::string said;
    const ExitStatus status = run_heard(
        command(argv, package, std::move(environment)),
        [&](std::string_view text) {
            write_all(STDOUT_FILENO, text);
            said.append(text);
            if (said.size() > kept_output) said.erase(0, said.size() - kept_output);
        },
        &work_.cancellation);
    check(argv, status, said);
}

std::string DraftDirectory::output_of(std::vector<std::string> argv, const std::string& package,
                                      std::vector<std::string> environment)
{
    Command to_run = command(argv, package, std::move(environment));
    to_run.error = STDERR_FILENO;
    const Captured said = capture(std::move(to_run), {16 * 1024 * 1024, std::chrono::minutes(10)}, &work_.cancellation);
    check(argv, said.status, said.output);
    return said.output;
}

void require_tool(const std::string& product, const std::string& program, const std::string& package)
{
    if (!find_program(program))
        throw Error(ErrorCode::tool_missing, {{"product", product}, {"program", program}, {"package", package}});
}

} // namespace dkms
