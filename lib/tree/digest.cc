// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/digest.h"

#include "lib/model/error.h"
#include "lib/process/refusal.h"
#include "lib/process/regular_file.h"

#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t block_size = std::size_t{256} << 10;

[[noreturn]] void refuse_digest() { refuse_call("libcrypto: SHA-256", ENOTSUP); }

struct Free {
    void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};

/// One digest after the other. Nothing in the system's settings of libcrypto is about this one, so none are read.
class Digester {
public:
    Digester() : block_(block_size)
    {
        ::OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
        context_.reset(::EVP_MD_CTX_new());
        if (!context_) refuse_digest();
    }

    std::string of(const fs::path& path)
    {
        const Descriptor file = open_regular(path);
        if (!file) refuse_read(path, errno);
        return of(file.number(), path);
    }

    /// From its beginning, wherever it has been read or written to.
    std::string of(int file, const fs::path& path)
    {
        if (::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr) != 1) refuse_digest();
        for (off_t at = 0;;) {
            const ssize_t got = ::pread(file, block_.data(), block_.size(), at);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) refuse_read(path, errno);
            if (got == 0) break;
            at += got;
            if (::EVP_DigestUpdate(context_.get(), block_.data(), static_cast<std::size_t>(got)) != 1) refuse_digest();
        }
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
        unsigned size = 0;
        if (::EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1) refuse_digest();
        std::string text;
        for (unsigned i = 0; i < size; ++i) {
            constexpr std::string_view digits = "0123456789abcdef";
            text += digits[digest.at(i) >> 4U];
            text += digits[digest.at(i) & 15U];
        }
        return text;
    }

private:
    std::unique_ptr<EVP_MD_CTX, Free> context_;
    std::vector<char> block_;
};

} // namespace

std::vector<std::string> sha256_of(const std::vector<fs::path>& files)
{
    std::vector<std::string> digests;
    if (files.empty()) return digests;
    Digester digester;
    for (const fs::path& file : files) digests.push_back(digester.of(file));
    return digests;
}

std::string sha256_of_open(int file, const fs::path& shown) { return Digester().of(file, shown); }

} // namespace dkms
