// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/signer.h"

#include "lib/files/copy_tree.h"
#include "lib/kernel/module_image.h"
#include "lib/model/error.h"
#include "lib/process/message.h"
#include "lib/process/refusal.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* unit_name = "dkms-sign@*.service";

Error unit_failed(const std::string& reason)
{
    return Error(ErrorCode::unit_failed, {{"step", "signing"}, {"reason", reason}, {"unit", unit_name}});
}

Descriptor connection_to_unit()
{
    if (const char* const number = std::getenv("DKMS_SIGN_CONNECTION")) {
        Descriptor connection(::fcntl(std::atoi(number), F_DUPFD_CLOEXEC, 3));
        if (!connection) throw unit_failed("its connection: " + errno_text(errno));
        return connection;
    }
    const char* const socket = std::getenv("DKMS_SIGN_UNIT");
    if (socket == nullptr) return {};
    try {
        return connect_to(socket);
    } catch (const Error& error) {
        throw unit_failed(error.parameter("reason"));
    }
}

/// Puts a copy of what is open as `content` into the place of `file`.
void replace(const fs::path& file, int content)
{
    const fs::path draft = fs::path(file) += ".signed";
    const Descriptor copy(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!copy) refuse_change(draft, errno);
    if (const int failed = copy_at_most(content, copy.number(), largest_module).failed) refuse_change(draft, failed);
    if (::fchmod(copy.number(), 0644) < 0 || ::rename(draft.c_str(), file.c_str()) < 0) refuse_change(file, errno);
}

} // namespace

Signer::Signer(const Work& work) : work_(work), unit_(connection_to_unit()) {}

/// Waits for what the unit says, and reports what it has to report.
json Signer::answer()
{
    std::array<pollfd, 3> sources{{{unit_.number(), POLLIN, 0},
                                   {work_.cancellation.signal_descriptor(), POLLIN, 0},
                                   {work_.cancellation.parent_descriptor(), POLLIN, 0}}};
    do {
        ::poll(sources.data(), sources.size(), -1);
        work_.cancellation.check(); // the end of the connection ends what the unit does
    } while (sources[0].revents == 0);
    auto message = receive_message(unit_.number());
    json words = message ? json::parse(message->text, nullptr, false) : json();
    if (!words.is_object()) throw unit_failed("it ended before it had answered");
    beside_ = message->descriptors.empty() ? Descriptor() : std::move(message->descriptors.front());
    for (const json& event : words.value("events", json::array())) work_.reporter.report(event_from_json(event));
    if (words.contains("refused")) throw Error(error_from_json(words.at("refused")));
    return words;
}

json Signer::ask(const json& words, int beside)
{
    try {
        send_message(unit_.number(), words.dump(-1, ' ', false, json::error_handler_t::replace),
                     beside < 0 ? std::vector<int>() : std::vector<int>{beside});
    } catch (const Error& error) {
        throw unit_failed(error.parameter("reason"));
    }
    return answer();
}

Signing Signer::prepare(const BuildInputs& inputs)
{
    if (!is_elsewhere()) return prepare_signing(work_, inputs);
    const json words = ask({{"signing", 1},
                            {"module", inputs.module.name},
                            {"version", inputs.module.version},
                            {"kernel", inputs.kernel.text()}});
    return signing_from_json(words.at("signing"));
}

bool Signer::sign(const Signing& signing, const fs::path& file, const std::string& name)
{
    if (!is_elsewhere()) return sign_module(work_, signing, file, name);
    const Descriptor module(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!module) refuse_read(file, errno);
    const json words = ask({{"sign", file.filename().string()}, {"name", name}}, module.number());
    if (!words.at("signed").get<bool>()) return false;
    if (!beside_) throw unit_failed("it has sent nothing that is signed");
    replace(file, beside_.number());
    return true;
}

Outcome Signer::make_keys() { return outcome_from_json(ask({{"make_keys", 1}}).at("outcome")); }

json to_json(const Signing& signing)
{
    return {{"command", signing.command},         {"hash", signing.hash},
            {"key", without_pin(signing.key)}, // who is told does not sign
            {"certificate", signing.certificate}, {"off_reason", signing.off_reason},
            {"off_path", signing.off_path},       {"is_expected", signing.is_expected},
            {"enforcement", signing.enforcement}};
}

Signing signing_from_json(const json& value)
{
    return {value.at("command").get<std::string>(),    value.at("hash").get<std::string>(),
            value.at("key").get<std::string>(),        value.at("certificate").get<std::string>(),
            value.at("off_reason").get<std::string>(), value.at("off_path").get<std::string>(),
            value.at("is_expected").get<bool>(),       value.at("enforcement").get<std::string>()};
}

} // namespace dkms
