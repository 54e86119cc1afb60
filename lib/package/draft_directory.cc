// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/draft_directory.h"

#include "lib/build/first_error.h"
#include "lib/build/private_directory.h"
#include "lib/build/sandbox_choice.h"
#include "lib/files/remove_tree.h"
#include "lib/model/error.h"
#include "lib/process/descendants.h"
#include "lib/process/refusal.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kept_output = 256 * 1024;
constexpr std::size_t most_products = 100;
constexpr std::uint64_t largest_product = std::uint64_t{8} << 30;

[[noreturn]] void refuse(const fs::path& path, int number)
{
    if (number == ENOSPC || number == EDQUOT) refuse_change(path, number);
    throw Error(ErrorCode::archive_not_writable,
                {{"path", path.string()}, {"reason", errno_text(number)}, {"errno", std::to_string(number)}});
}

fs::path made_directory()
{
    std::string name = "/var/tmp/dkms-pack-XXXXXX"; // mode 0700
    if (::mkdtemp(name.data()) == nullptr) refuse(name, errno);
    return name;
}

} // namespace

DraftDirectory::DraftDirectory(const Work& work, std::string product)
    : work_(work), product_(std::move(product)), kind_(choose_sandbox(work).kind), path_(made_directory()),
      input_(path_ / "input"), output_(path_ / "output")
{
    const auto [uid, gid] = sandbox_owner(kind_);
    if (::mkdir(input_.c_str(), 0755) == 0 && ::mkdir(output_.c_str(), 0755) == 0 &&
        (uid == ::geteuid() || ::chown(output_.c_str(), uid, gid) == 0))
        return;
    const int number = errno;
    remove_quietly(path_);
    refuse(path_, number);
}

DraftDirectory::~DraftDirectory()
{
    try {
        remove_private_directory(path_);
    } catch (const Error& error) {
        work_.reporter.warning(error.name(), error.parameters(), error.message());
    }
}

Command DraftDirectory::command(Tool tool)
{
    require_tool(product_, tool.argv.front(), tool.package);
    Command command;
    command.argv = std::move(tool.argv);
    command.environment = base_environment();
    for (std::string& setting : tool.environment) command.environment.push_back(std::move(setting));
    command.environment.push_back("TMPDIR=" + output_.string());
    command.directory = tool.directory.empty() ? output_ : tool.directory;
    if (!limits_) limits_.emplace(limits_for(work_), work_.step.module, KernelId(), std::vector<fs::path>{output_});
    command.limits = limits_->begin();
    Sandbox sandbox;
    sandbox.empty = {path_}; // which only we can enter: there the programs find the two sides of it
    sandbox.read_only = {{input_, input_}};
    sandbox.writable = {{output_, output_}};
    return sandboxed(std::move(command), sandbox, kind_);
}

void DraftDirectory::check(const std::string& program, const ExitStatus& status, const std::string& said) const
{
    if (status.ok()) return;
    if (tells_of_full_disk(said)) throw Error(ErrorCode::disk_full, {{"path", path_.string()}});
    std::string reason = first_error(said, path_.string());
    if (reason.empty()) reason = "it ended with " + std::to_string(status.code);
    throw Error(ErrorCode::packaging_failed, {{"product", product_}, {"program", program}, {"reason", reason}});
}

void DraftDirectory::run_within_limits(const std::string& program, Command command,
                                       const std::function<void(std::string_view)>& heard)
{
    std::string said;
    const auto hear = [&](std::string_view text) {
        limits_->heard(text.size());
        said.append(text);
        if (said.size() > kept_output) said.erase(0, said.size() - kept_output);
        heard(text);
    };
    Watch watch;
    watch.look = [&](pid_t) { limits_->judge(taken_below(::getpid(), limits_->question())); };
    LeftBehind left_behind;
    const ExitStatus status = run_heard(std::move(command), hear, &work_.cancellation, &watch);
    left_behind.end_all();
    limits_->end(status, said);
    check(program, status, said);
}

void DraftDirectory::run(Tool tool)
{
    const std::string program = tool.argv.front();
    run_within_limits(program, command(std::move(tool)), [](std::string_view text) { write_all(STDOUT_FILENO, text); });
}

std::string DraftDirectory::output_of(Tool tool)
{
    const std::string program = tool.argv.front();
    Command to_run = command(std::move(tool));
    to_run.error = STDERR_FILENO;
    std::string said;
    run_within_limits(program, std::move(to_run), [&](std::string_view text) { said.append(text); });
    return said;
}

void DraftDirectory::copy_to_output(const std::string& name)
{
    run({{"cp", "-a", "--", (input_ / name).string(), output_.string()}, "coreutils"});
}

Gate DraftDirectory::gate() const { return {output_, sandbox_owner(kind_).first, work_.step.module.text()}; }

Product DraftDirectory::take(const fs::path& name) const
{
    Descriptor file = gate().open(name, largest_product);
    if (file) return {name.filename().string(), std::move(file)};
    throw Error(ErrorCode::packaging_failed,
                {{"product", product_}, {"program", name.filename().string()}, {"reason", "no such file was made"}});
}

Products DraftDirectory::take_all(const fs::path& name) const
{
    std::string into = (path_ / "taken-XXXXXX").string();
    if (::mkdtemp(into.data()) == nullptr) refuse(into, errno);
    const Descriptor opened(::open(into.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened) refuse(into, errno);
    Products products;
    for (const std::string& taken : gate().take_flat(name, opened.number(), most_products, largest_product).taken)
        products.push_back(opened_product(fs::path(into) / taken));
    return products;
}

void require_tool(const std::string& product, const std::string& program, const std::string& package)
{
    if (!find_program(program))
        throw Error(ErrorCode::tool_missing, {{"product", product}, {"program", program}, {"package", package}});
}

} // namespace dkms
