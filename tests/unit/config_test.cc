// SPDX-License-Identifier: LGPL-2.1-or-later
// The native reader: what it reads, and what it leaves to bash.
#include "tests/catch.h"

#include "lib/config/conf_native.h"
#include "tests/unit/conf_data.h"
#include "tests/unit/scratch.h"

#include <set>

#include <sys/stat.h>

using namespace dkms;

namespace {

std::optional<ConfVariables> evaluate(const std::string& text, const ConfContext& context = ConfData::context())
{
    const ConfSource source{"/nonexistent/dkms.conf", text};
    return evaluate_natively({&source, 1}, conf_scope(context));
}

/// The value of MAKE in a file of this text; "?" when it is left to bash.
std::string make_of(const std::string& text)
{
    const auto variables = evaluate(text);
    if (!variables) return "?";
    const auto make = variables->find("MAKE");
    return make == variables->end() ? "(unset)" : make->second.at(0);
}

template <class Action>
Error error_of(Action action)
{
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    return Error(ErrorCode::internal, {{"reason", "nothing was thrown"}});
}

ErrorCode code_of_reading(const std::filesystem::path& file)
{
    return error_of([&] { read_conf_natively(file, ConfData::context(), Strictness::strict); }).code();
}

} // namespace

TEST_CASE("files that are assignments are read natively, others are left to bash")
{
    const ConfData expected = ConfData::own();
    unsigned natively = 0;
    for (const auto& entry : std::filesystem::directory_iterator(ConfData::directory())) {
        const std::string name = entry.path().filename();
        if (entry.path().extension() != ".conf") continue;
        INFO(name);
        const auto variables =
            evaluate_natively(read_conf_sources(entry.path(), ConfData::context()), conf_scope(ConfData::context()));
        REQUIRE(variables.has_value() == (name.substr(0, 7) == "native-"));
        if (!variables) continue;
        ++natively;
        CHECK(text_of(*variables) == text_of(expected.of(name)));
    }
    CHECK(natively > 10);
}

TEST_CASE("quotes, escapes and variables are read as bash reads them")
{
    CHECK(make_of("MAKE=a'b'\"c\"\\d") == "abcd");
    CHECK(make_of("MAKE=\"$kernelver/${arch}\"") == "6.8.0-31-generic/x86_64");
    CHECK(make_of("X[3]=three\nMAKE=${X[3]}$X.") == "three.");
    CHECK(make_of("MAKE=$PACKAGE_NAME.\nPACKAGE_NAME=late") == ".");
    CHECK(make_of("MAKE='$PACKAGE_NAME.'\nPACKAGE_NAME=late") == "late.");
    CHECK(make_of("MAKE='\\$kernelver'") == "$kernelver");
    CHECK(make_of("MAKE=\"a\n\t b \"") == "a b ");
    CHECK(make_of("MAKE=one\nMAKE=two") == "two");
    CHECK(make_of("MAKE=one; X=2;") == "one");
    CHECK(make_of("MAKE=a\r") == "a");
    CHECK(make_of("") == "(unset)");
}

TEST_CASE("whatever may mean something else to bash is refused")
{
    const std::set<std::string> foreign{"MAKE=$(nproc)",
                                        "MAKE=`nproc`",
                                        "MAKE=\"`nproc`\"",
                                        "MAKE=\"$(nproc)\"",
                                        "MAKE=$((1+1))",
                                        "MAKE=$[1+1]",
                                        "MAKE=${X:-1}",
                                        "MAKE=${#arch}",
                                        "MAKE=${!arch}",
                                        "MAKE=${arch",
                                        "MAKE=$unknown",
                                        "MAKE=$1",
                                        "MAKE=$$",
                                        "MAKE=$?",
                                        "MAKE=$'a'",
                                        "MAKE=$\"a\"",
                                        "MAKE=~/x",
                                        "MAKE=a:~",
                                        "MAKE=\\\n~/x",
                                        "MAKE=$arch\\\nx",
                                        "MAKE=(a b)",
                                        "MAKE+=a",
                                        "MAKE[x]=a",
                                        "MAKE[1+1]=a",
                                        "MAKE[08]=a",
                                        "MAKE[-1]=a",
                                        "MAKE[123456]=a",
                                        "MAKE =a",
                                        "MAKE= a",
                                        "MAKE=a b",
                                        "MAKE=a true",
                                        "MAKE=a >b",
                                        "MAKE=a|b",
                                        "MAKE=a&",
                                        "MAKE=a&&b",
                                        "MAKE=a;;",
                                        "MAKE=\"a",
                                        "MAKE='a",
                                        "MAKE=a\\",
                                        "export MAKE=a",
                                        "[ 1 ] && MAKE=a",
                                        "if true; then MAKE=a; fi",
                                        "f() { :; }",
                                        ". file",
                                        "PATH=/bin",
                                        "IFS=:",
                                        "HOME=/x",
                                        "LC_ALL=C",
                                        "BASH_ENV=x",
                                        "_dkms_names=x",
                                        "MAKE=\"a \"b c\" d\"",
                                        "true",
                                        "PWD=x\nMAKE=$PWD",
                                        "MAKE=a\x01",
                                        "MAKE=\"\x7f\"",
                                        "MAKE='a \"b c\" d'",
                                        "MAKE='`date`'",
                                        "MAKE='$HOME'",
                                        "MAKE=\"a\" \r\nX=1",
                                        "{ MAKE=a; }",
                                        "(MAKE=a)",
                                        "!",
                                        "MAKE='\"'",
                                        "MAKE=a # b\n<",
                                        std::string("X=\0", 3),
                                        std::string("#\0\nMAKE=a", 9)};
    for (const std::string& text : foreign) {
        INFO(text);
        CHECK_FALSE(evaluate(text).has_value());
    }
}

TEST_CASE("values that name each other cannot grow without bound")
{
    std::string text = "A=\"0123456789\"\n";
    for (int i = 0; i < 40; ++i) text += "A=$A$A\n";
    CHECK_FALSE(evaluate(text).has_value());
    std::string wide = "A=" + std::string(10000, 'x') + "\n";
    for (int i = 0; i < 10000; ++i) wide += "MAKE[" + std::to_string(i) + "]=$A\n";
    CHECK_FALSE(evaluate(wide).has_value());
}

TEST_CASE("directives given beside the file win over it")
{
    ConfContext context = ConfData::context();
    context.directives = {"MAKE=mine $kernelver", "PATCH[2]=p=q", "PATH=/nonexistent", "CLEAN=first", "CLEAN=second"};
    const auto variables = evaluate("MAKE=theirs\nPACKAGE_NAME=n", context);
    REQUIRE(variables.has_value());
    CHECK(text_of(*variables) == "CLEAN[0]=second\nMAKE[0]=mine 6.8.0-31-generic\nPACKAGE_NAME[0]=n\nPATCH[2]=p=q\n");
    for (const char* wrong : {"MAKE", "=x", "", "MAKE[=x", "MAKE[x]=y", "MAKE[1=y", "MAKE[]=y"}) {
        context.directives = {wrong};
        CHECK(error_of([&] { conf_scope(context); }).code() == ErrorCode::invalid_args);
    }
}

TEST_CASE("overrides are read in the order of how exactly they fit")
{
    const Scratch scratch;
    ConfContext context = ConfData::context();
    context.module = {"m", "1"};
    context.kernel = {"6.1", "x86_64"};
    context.places.config_dir = scratch.path();
    const auto conf = scratch.path() / "source/dkms.conf";
    write(conf, "PACKAGE_NAME=m\nPACKAGE_VERSION=1\nDEST_MODULE_LOCATION=/extra\nMAKE=0\nHELPER=h");
    const auto make = [&] { return read_conf_natively(conf, context, Strictness::lax)->make; };
    CHECK(make() == "0");
    for (const char* name : {"m", "m-1", "m-1-6.1", "m-1-6.1-x86_64", "m--6.1", "m--6.1-x86_64"}) {
        write(scratch.path() / (std::string(name) + ".conf"), "MAKE=\"$MAKE $HELPER " + std::string(name) + "\"");
        const std::string now = make();
        CHECK(now.substr(now.rfind(' ') + 1) == name);
    }
    CHECK(make() == "0 h m h m-1 h m-1-6.1 h m-1-6.1-x86_64 h m--6.1 h m--6.1-x86_64");
    write(scratch.path() / "m-1.conf", "MAKE=$(date)");
    CHECK_FALSE(read_conf_natively(conf, context, Strictness::lax).has_value());
    std::filesystem::remove(scratch.path() / "m-1.conf");
    std::filesystem::create_directory(scratch.path() / "m-1.conf");
    CHECK(error_of(make).parameters().at("file") == (scratch.path() / "m-1.conf").string());
}

TEST_CASE("a file that cannot be a configuration has its own error and never blocks")
{
    const Scratch scratch;
    const auto& directory = scratch.path();
    CHECK(code_of_reading(directory / "missing.conf") == ErrorCode::conf_missing);
    write(directory / "file", "");
    CHECK(code_of_reading(directory / "file/dkms.conf") == ErrorCode::conf_missing);
    std::filesystem::create_symlink("nowhere", directory / "dangling.conf");
    CHECK(code_of_reading(directory / "dangling.conf") == ErrorCode::conf_missing);
    CHECK(code_of_reading(directory) == ErrorCode::conf_unreadable);
    REQUIRE(::mkfifo((directory / "fifo.conf").c_str(), 0600) == 0);
    CHECK(code_of_reading(directory / "fifo.conf") == ErrorCode::conf_unreadable);
    CHECK(code_of_reading("/dev/zero") == ErrorCode::conf_unreadable);
    std::filesystem::create_symlink("loop.conf", directory / "loop.conf");
    CHECK(code_of_reading(directory / "loop.conf") == ErrorCode::conf_unreadable);
    write(directory / "empty.conf", "");
    CHECK(code_of_reading(directory / "empty.conf") == ErrorCode::conf_invalid);
    write(directory / "large.conf", std::string(conf_size_limit + 1, '\n'));
    CHECK(code_of_reading(directory / "large.conf") == ErrorCode::conf_too_large);
    write(directory / "largest.conf", std::string(conf_size_limit, '\n'));
    CHECK(code_of_reading(directory / "largest.conf") == ErrorCode::conf_invalid);
    write(directory / "bytes.conf",
          "PACKAGE_NAME=n\nPACKAGE_VERSION=1\nDEST_MODULE_LOCATION=/extra\nX=\xff\nMAKE=\"\xe4\"\n");
    const Error error =
        error_of([&] { read_conf_natively(directory / "bytes.conf", ConfData::context(), Strictness::lax); });
    CHECK(error.code() == ErrorCode::conf_not_utf8);
    CHECK(error.parameters().at("directive") == "MAKE");
}
