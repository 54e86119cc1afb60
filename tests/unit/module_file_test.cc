// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/compression.h"
#include "lib/kernel/module_file.h"
#include "lib/kernel/module_image.h"
#include "lib/kernel/module_likeness.h"
#include "lib/kernel/module_name.h"
#include "lib/process/child.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"
#include "tests/unit/symbol_module.h"
#include "tests/unit/tiny_module.h"

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> info{"license=GPL",          "vermagic=6.1.0-1-amd64 SMP mod_unload ",
                                    "version=1.2",          "srcversion=ABC",
                                    "depends=videodev,snd", "alias=usb:v1*",
                                    "alias=usb:v2*"};

std::string reason_for(const fs::path& file)
{
    const Error error = error_of([&] { read_module(file); });
    return error.code() == ErrorCode::verify_failed ? error.parameters().at("reason") : "accepted";
}

} // namespace

TEST_CASE("a module says what it is")
{
    const Scratch scratch;
    const fs::path file = scratch.path() / "tiny.ko";
    put_file(file, tiny_module(info));
    const ModuleFacts facts = read_module(file);
    CHECK(facts.vermagic == "6.1.0-1-amd64 SMP mod_unload ");
    CHECK(facts.version == "1.2");
    CHECK(facts.srcversion == "ABC");
    CHECK(facts.depends == std::vector<std::string>{"videodev", "snd"});
    CHECK(facts.aliases == std::vector<std::string>{"usb:v1*", "usb:v2*"});
    CHECK(facts.elf_machine == EM_X86_64);
    CHECK_FALSE(facts.is_signed);

    put_file(file, tiny_module(info, EM_AARCH64) + "signature~Module signature appended~\n");
    CHECK(read_module(file).is_signed);
    CHECK(read_module(file).elf_machine == EM_AARCH64);
}

TEST_CASE("compressed modules are read as well")
{
    for (const auto& [kind, options] : {std::pair<Compression, std::string>{Compression::gzip, "-9"},
                                        {Compression::xz, "--check=crc32 --lzma2=dict=1MiB"},
                                        {Compression::zstd, "-q --rm -T0"}}) {
        const Scratch scratch;
        const fs::path file = scratch.path() / "tiny.ko";
        put_file(file, tiny_module(info));
        const std::string tool = kind == Compression::gzip ? "gzip" : kind == Compression::xz ? "xz" : "zstd";
        if (!find_program(tool)) continue;
        const fs::path compressed = compress_file(file, kind, options);
        CHECK(compressed == file.string() + std::string(suffix_of(kind)));
        CHECK_FALSE(fs::exists(file));
        CHECK(read_module(compressed).version == "1.2");
        CHECK(module_name_of(compressed) == "tiny");
    }
    const Scratch scratch;
    put_file(scratch.path() / "tiny.ko", "x");
    CHECK(compress_file(scratch.path() / "tiny.ko", Compression::none, "") == scratch.path() / "tiny.ko");
    CHECK(error_of([&] { compress_file(scratch.path() / "tiny.ko", Compression::gzip, "--no-such-option"); }).code() ==
          ErrorCode::system_failed);
}

TEST_CASE("what is no module is refused")
{
    const Scratch scratch;
    const fs::path file = scratch.path() / "x.ko";
    CHECK(reason_for(file) == "No such file or directory");
    put_file(file, "");
    CHECK(reason_for(file) == "it is empty");
    put_file(file, "#!/bin/sh\n");
    CHECK(reason_for(file) == "it is not an object file");
    put_file(file, std::string("LRZI\0\6", 6) + std::string(100, '\0')); // for which libarchive would start lrzip
    CHECK(reason_for(file) == "it is not an object file");
    put_file(file, tiny_module({}));
    CHECK(reason_for(file) == "it is not a kernel module");
    put_file(file, tiny_module(info).substr(0, 70));
    CHECK(reason_for(file) == "it is not a kernel module");
    fs::remove(file);
    fs::create_directory(file);
    CHECK(reason_for(file) == "it is not a regular file");
}

TEST_CASE("what is packed is unpacked once, and up to a limit")
{
    if (!find_program("gzip")) return;
    const Scratch scratch;
    const fs::path file = scratch.path() / "tiny.ko";
    put_file(file, tiny_module(info) + std::string(100'000, 'x'));
    const fs::path packed = compress_file(file, Compression::gzip, "");
    const Descriptor memory(::memfd_create("tiny", MFD_CLOEXEC));
    const auto fault = [&](const fs::path& path, std::uintmax_t limit) {
        const Descriptor opened = open_module(path);
        return error_of([&] { unpack_module(opened.number(), memory.number(), path, limit); }).parameter("reason");
    };
    CHECK(fault(packed, 200'000) == "no error was thrown");
    CHECK(fault(packed, 70'000) == "it is too large when uncompressed");
    fs::rename(packed, scratch.path() / "twice");
    const fs::path twice = compress_file(scratch.path() / "twice", Compression::gzip, "");
    CHECK(fault(twice, 200'000) == "it is compressed more than once");
    CHECK(reason_for(twice) == "it is compressed more than once");
}

TEST_CASE("a module says which symbols it uses and has")
{
    const Scratch scratch;
    const fs::path file = scratch.path() / "symbols.ko";
    put_file(file, symbol_module(info, {{"printk", 7}, {"_GLOBAL_OFFSET_TABLE_", 0}}, {{"mine", 8}}, {"weak_one"}));
    const ModuleFacts facts = read_module(file);
    CHECK(facts.imports == std::vector<std::string>{"printk"});
    CHECK(facts.symbol_versions == std::map<std::string, std::uint64_t>{{"printk", 7}});
    CHECK(facts.exports == std::map<std::string, std::uint64_t>{{"mine", 8}});
    CHECK(facts.elf_class == ELFCLASS64);
    CHECK(facts.compression == Compression::none);
}

TEST_CASE("module names are file names without suffix")
{
    CHECK(module_name_of("/a/foo.ko") == "foo");
    CHECK(module_name_of("foo-bar.ko.xz") == "foo-bar");
    CHECK(module_name_of("foo.ko.gz") == "foo");
    CHECK(module_name_of("foo.o") == "foo");
    CHECK(module_name_of("Module.symvers").empty());
    CHECK(module_name_of(".ko").empty());
}

TEST_CASE("architectures have their ELF machines")
{
    CHECK(elf_machines_of("x86_64") == std::vector<int>{EM_X86_64});
    CHECK(elf_machines_of("aarch64") == std::vector<int>{EM_AARCH64});
    CHECK(elf_machines_of("i686") == std::vector<int>{EM_386});
    CHECK(elf_machines_of("pdp11").empty());
    CHECK(elf_class_of("x86_64") == ELFCLASS64);
    CHECK(elf_class_of("i686") == ELFCLASS32);
    CHECK(elf_class_of("pdp11") == 0);
}

TEST_CASE("modules are compared by what is loaded of them, whatever is around it")
{
    const Scratch scratch;
    const auto put = [&](const std::string& name, const std::string& bytes) {
        put_file(scratch.path() / name, bytes);
        return scratch.path() / name;
    };
    const auto with_signature = [](const std::string& module, const std::string& signature) {
        return module + signature + std::string(8, '\2') + std::string{0, 0, 0, static_cast<char>(signature.size())} +
               "~Module signature appended~\n";
    };
    const std::string bytes = tiny_module(info);
    const fs::path built = put("built.ko", bytes);
    const fs::path built_and_signed = put("signed.ko", with_signature(bytes, "by us"));
    CHECK(likeness_of(built, put("same.ko", bytes)) == Likeness::same);
    CHECK(likeness_of(built, put("later.ko", with_signature(bytes, "by the administrator"))) == Likeness::same);
    CHECK(likeness_of(built_and_signed, put("again.ko", with_signature(bytes, "by another"))) == Likeness::same);
    CHECK(likeness_of(built_and_signed, built) == Likeness::same_code); // may not be loadable any more
    CHECK(likeness_of(built, put("appended.ko", bytes + "more")) == Likeness::same_code);
    auto other = info;
    other.back() = "alias=usb:v3*";
    CHECK(likeness_of(built, put("other.ko", tiny_module(other))) == Likeness::other);
    CHECK(likeness_of(built, put("no_module.ko", "text")) == Likeness::other);
    CHECK(likeness_of(built, put("empty.ko", "")) == Likeness::other);
    CHECK(likeness_of(built, scratch.path() / "missing.ko") == Likeness::other);
    // A length that leads out of the file is none, and nothing is read beyond the end of it.
    CHECK(likeness_of(built, put("lies.ko", bytes + std::string(12, '\xff') + "~Module signature appended~\n")) ==
          Likeness::same_code);
    for (std::size_t size = 0; size < bytes.size(); size += 7)
        CHECK(likeness_of(built, put("cut.ko", bytes.substr(0, size))) != Likeness::same);
    if (find_program("xz"))
        CHECK(likeness_of(built, compress_file(put("packed.ko", bytes), Compression::xz, "--check=crc32")) ==
              Likeness::same);
}
