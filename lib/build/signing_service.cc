// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/signing_service.h"

#include "lib/build/key_step.h"
#include "lib/build/private_directory.h"
#include "lib/build/signer.h"
#include "lib/files/copy_tree.h"
#include "lib/kernel/module_image.h"
#include "lib/model/error.h"
#include "lib/process/memory_file.h"
#include "lib/process/message.h"
#include "lib/process/refusal.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

[[noreturn]] void refuse(const std::string& reason) { throw Error(ErrorCode::invalid_args, {{"reason", reason}}); }

/// What steps report, until it is sent.
class Events {
public:
    Events() : memory_(::memfd_create("events", MFD_CLOEXEC | MFD_ALLOW_SEALING))
    {
        if (!memory_) throw Error(ErrorCode::internal, {{"reason", "memfd_create: " + errno_text(errno)}});
    }

    int descriptor() const { return memory_.number(); }

    json take()
    {
        json events = json::array();
        LineBuffer lines;
        lines.add(content_of(memory_, largest_module));
        for (std::string line; lines.next(line);) events.push_back(json::parse(line));
        if (::ftruncate(memory_.number(), 0) < 0 || ::lseek(memory_.number(), 0, SEEK_SET) < 0)
            throw Error(ErrorCode::internal, {{"reason", "events: " + errno_text(errno)}});
        return events;
    }

private:
    Descriptor memory_;
};

/// A copy of a foreign module, under its own name in a directory that only we can enter.
class ModuleCopy {
public:
    ModuleCopy(int module, const std::string& name)
    {
        std::string directory = "/var/tmp/dkms-sign-XXXXXX";
        if (::mkdtemp(directory.data()) == nullptr) refuse_change(directory, errno);
        path_ = fs::path(directory) / name;
        try {
            fill(module);
        } catch (...) {
            remove_quietly(directory);
            throw;
        }
    }
    ~ModuleCopy() { remove_quietly(path_.parent_path()); }
    ModuleCopy(const ModuleCopy&) = delete;
    ModuleCopy& operator=(const ModuleCopy&) = delete;

    const fs::path& path() const { return path_; }
    Descriptor opened() const
    {
        Descriptor file(::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!file) refuse_read(path_, errno);
        return file;
    }

private:
    void fill(int module) const
    {
        struct stat facts {};
        if (::fstat(module, &facts) < 0 || !S_ISREG(facts.st_mode)) refuse("a module is a regular file");
        const Descriptor copy(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!copy) refuse_change(path_, errno);
        const auto [copied, failed] = copy_at_most(module, copy.number(), largest_module);
        if (failed != 0) refuse_change(path_, failed);
        if (copied > largest_module) refuse("no module is that large");
    }

    fs::path path_;
};

/// An ELF file of the kind that a kernel links, and nothing else to which a signature of this form could be appended: a
/// policy, a firmware, a program. Whether a kernel will take it, others find out.
bool is_module(const ModuleCopy& copy)
{
    std::array<char, 18> head{};
    const Descriptor file = copy.opened();
    if (::read(file.number(), head.data(), head.size()) != static_cast<ssize_t>(head.size())) return false;
    constexpr char big_endian = 2;
    constexpr char relocatable = 1; // ET_REL
    const bool big = head[5] == big_endian;
    return std::string_view(head.data(), 4) == "\177ELF" && head[big ? 17 : 16] == relocatable &&
           head[big ? 16 : 17] == 0;
}

class SigningService {
public:
    SigningService(const Descriptor& connection, const Places& places,
                   const std::map<std::string, std::string>& settings)
        : connection_(connection), cancellation_(connection.number()),
          work_{Step(), places, Reporter(events_.descriptor()), cancellation_, std::nullopt, 0, -1, settings}
    {
    }

    void serve()
    {
        while (hear()) {
        }
    }

private:
    /// Whether there may be more to hear.
    bool hear();
    json obey(const json& words, const std::vector<Descriptor>& beside);
    json prepare(const json& words);
    json sign(const json& words, const std::vector<Descriptor>& beside);
    json make_keys();
    json rest();

    const Descriptor& connection_;
    Events events_;
    Cancellation cancellation_;
    Work work_;
    std::optional<Signing> signing_;
    Descriptor signed_; ///< to be sent with the answer
};

bool SigningService::hear()
{
    std::array<pollfd, 2> sources{{{connection_.number(), POLLIN, 0}, {cancellation_.signal_descriptor(), POLLIN, 0}}};
    ::poll(sources.data(), sources.size(), -1);
    if (sources[1].revents != 0) return false;
    const auto message = receive_message(connection_.number());
    if (!message) return false;
    json answer;
    try {
        answer = obey(json::parse(message->text), message->descriptors);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::cancelled) return false; // whoever has asked is gone
        answer = {{"refused", to_json(error)}};
    } catch (const json::exception& fault) {
        answer = {{"refused", to_json(Error(ErrorCode::invalid_args, {{"reason", fault.what()}}))}};
    }
    if (!answer.contains("rest")) answer["events"] = events_.take();
    const Descriptor module = std::move(signed_);
    send_message(connection_.number(), answer.dump(-1, ' ', false, json::error_handler_t::replace),
                 module ? std::vector<int>{module.number()} : std::vector<int>());
    return true;
}

json SigningService::obey(const json& words, const std::vector<Descriptor>& beside)
{
    if (words.contains("signing")) return prepare(words);
    if (words.contains("sign")) return sign(words, beside);
    if (words.contains("make_keys")) return make_keys();
    if (words.contains("rest")) return rest();
    refuse("nothing that this unit does");
}

json SigningService::prepare(const json& words)
{
    if (words.at("signing") != 1) refuse("a build of another version of dkms-worker");
    BuildInputs inputs;
    inputs.module = {words.at("module").get<std::string>(), words.at("version").get<std::string>()};
    inputs.kernel = parse_kernel(words.at("kernel").get<std::string>());
    check(inputs.module);
    check(inputs.kernel);
    inputs.framework = read_framework(work_.places, work_.settings);
    inputs.headers = find_headers(inputs.kernel, work_.places, {});
    work_.step.module = inputs.module;
    work_.step.kernel = inputs.kernel;
    signing_ = prepare_signing(work_, inputs);
    return {{"signing", to_json(*signing_)}};
}

json SigningService::sign(const json& words, const std::vector<Descriptor>& beside)
{
    const auto file = words.at("sign").get<std::string>();
    const bool is_name = !file.empty() && file.front() != '.' && file.find('/') == std::string::npos &&
                         file.find('\0') == std::string::npos && file.size() < 256;
    if (!is_name || beside.size() != 1) refuse("a module lies beside its name");
    if (!signing_ || !signing_->on()) refuse("modules of this build are not signed");
    const ModuleCopy copy(beside.front().number(), file);
    if (!is_module(copy) || !sign_module(work_, *signing_, copy.path(), words.at("name").get<std::string>()))
        return {{"signed", false}};
    signed_ = copy.opened();
    return {{"signed", true}};
}

json SigningService::make_keys()
{
    const auto step = make_key_step_here(work_);
    step->prepare();
    return {{"outcome", to_json(step->run())}};
}

json SigningService::rest()
{
    signing_.reset();
    return {{"rest", true}};
}

} // namespace

void serve_signing(const Descriptor& connection, const Places& places,
                   const std::map<std::string, std::string>& settings)
{
    SigningService(connection, places, settings).serve();
}

} // namespace dkms
