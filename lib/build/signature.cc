// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/signature.h"

#include "lib/kernel/module_image.h"
#include "lib/model/error.h"
#include "lib/process/child.h"
#include "lib/process/descriptor.h"
#include "lib/process/memory_file.h"
#include "lib/process/open_path.h"
#include "lib/process/refusal.h"
#include "lib/process/unprivileged.h"

#include <cstdint>
#include <optional>

#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view marker = "~Module signature appended~\n";
constexpr std::string_view pem_begin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view pem_end = "-----END CERTIFICATE-----";
constexpr std::size_t trailer_size = 12; // struct module_signature of the kernel
constexpr std::size_t largest_certificate = 65536;

unsigned char byte_at(std::string_view bytes, std::size_t index) { return static_cast<unsigned char>(bytes[index]); }

std::string base64(std::string_view bytes)
{
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) group = (group << 8) | (i + k < bytes.size() ? byte_at(bytes, i + k) : 0U);
        for (std::size_t k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : letters[(group >> (18 - 6 * k)) & 63U];
        if (i % 48 == 45) text += '\n';
    }
    return text + "\n";
}

/// Only the certificate, as PEM: some files hold the private key beside it.
std::optional<std::string> certificate_text(const fs::path& file)
{
    std::string content;
    try {
        content = read_file(file, largest_certificate);
    } catch (const Error& error) {
        if (is_of_system(error)) throw;
        return std::nullopt;
    }
    const auto begin = content.find(pem_begin);
    if (begin == std::string::npos)
        return std::string(pem_begin) + "\n" + base64(content) + std::string(pem_end) + "\n";
    const auto end = content.find(pem_end, begin);
    if (end == std::string::npos) return std::nullopt;
    return content.substr(begin, end - begin) + std::string(pem_end) + "\n";
}

/// A failure says something about the signature only if openssl has compared it, or it could not be read as one: it
/// fails as well for want of memory, or where a policy of the system's does not let it use an algorithm.
SignatureVerdict verdict_of(const Captured& said)
{
    if (said.status.ok()) return SignatureVerdict::good;
    const auto says = [&](std::string_view words) { return said.output.find(words) != std::string::npos; };
    if (says("signer certificate not found") || says("no matching signature")) return SignatureVerdict::other_signer;
    // Reasons in openssl's error queue. "CMS Verification failure" is said of everything.
    if (says(":verification failure:") || says("Error reading SMIME Content Info") ||
        says("Error reading S/MIME message"))
        return SignatureVerdict::bad;
    return SignatureVerdict::unknown;
}

} // namespace

SignedParts signed_parts(std::string_view module)
{
    if (!module.ends_with(marker)) return {};
    module.remove_suffix(marker.size());
    if (module.size() < trailer_size) return {};
    const std::string_view trailer = module.substr(module.size() - trailer_size);
    module.remove_suffix(trailer_size);
    constexpr unsigned char pkcs7 = 2;
    if (byte_at(trailer, 2) != pkcs7) return {{}, {}, true};
    std::size_t size = 0;
    for (std::size_t i = 8; i < trailer_size; ++i) size = (size << 8) | byte_at(trailer, i);
    if (size == 0 || size > module.size()) return {};
    return {module.substr(0, module.size() - size), module.substr(module.size() - size), false};
}

SignatureVerdict verify_signature(int module, const fs::path& name, const fs::path& certificate,
                                  Cancellation* cancellation)
{
    const auto pem = certificate_text(certificate);
    if (!pem || !find_program("openssl")) return SignatureVerdict::unknown;
    const ModuleImage image = ModuleImage::of(module, name);
    const std::string bytes = image.content();
    const SignedParts parts = signed_parts(bytes);
    if (parts.other_kind) return SignatureVerdict::unknown;
    if (parts.signature.empty()) return SignatureVerdict::bad;
    const NamedFile content(parts.content);
    const Descriptor signature = memory_file(parts.signature);
    const NamedFile signer(*pem);
    Command command;
    command.argv = words_without_privileges().value_or(std::vector<std::string>()); // what it reads is foreign
    command.argv.insert(command.argv.end(),
                        {"openssl", "cms", "-verify", "-binary", "-noverify", "-nointern", "-inform", "DER", "-content",
                         content.path_as(3), "-certfile", signer.path_as(4), "-out", "/dev/null"});
    command.environment = base_environment();
    command.input = signature.number();
    command.inherit = {{content.number(), 3}, {signer.number(), 4}};
    return verdict_of(capture(std::move(command), {}, cancellation));
}

} // namespace dkms
