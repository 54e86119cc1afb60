// SPDX-License-Identifier: LGPL-2.1-or-later
// framework.conf, the places it names, and the distribution.
#include "tests/catch.h"

#include "lib/config/distribution.h"
#include "lib/config/framework.h"
#include "lib/model/error.h"
#include "lib/process/sandbox.h"
#include "tests/unit/conf_data.h"
#include "tests/unit/scratch.h"

using namespace dkms;

namespace {

class Root {
public:
    void framework(const std::string& text) const { write(scratch_.path() / "etc/dkms/framework.conf", text); }
    void part(const std::string& name, const std::string& text) const
    {
        write(scratch_.path() / "etc/dkms/framework.conf.d" / name, text);
    }
    void os_release(const std::string& text) const { write(scratch_.path() / "etc/os-release", text); }
    const std::filesystem::path& path() const { return scratch_.path(); }
    Places places() const { return Places::under(path()); }

private:
    Scratch scratch_;
};

std::string refused_file(const Root& root)
{
    try {
        read_framework(root.places());
    } catch (const Error& error) {
        return error.parameters().at("file").substr(root.path().string().size());
    }
    return {};
}

} // namespace

TEST_CASE("framework settings have defaults and come from several files")
{
    const Root root;
    CHECK(read_framework(root.places()).compress_zstd_opts == "-q --rm -T0");
    CHECK(read_framework(root.places()).parallel_jobs == -1);
    root.framework(
        "## comment\nsource_tree=\"/src\"\ndkms_tree='/tree'\r\nverbose=yes\nsymlink_modules=\"no\"\nparallel_jobs=0\n"
        "post_transaction=\"run   \\\"it now\\\" "
        "$kernelver\"\nmok_signing_key=\"$dkms_tree/${kernelver}.key\"\nHELPER=x\n");
    root.part("20-b.conf", "sign_file='/b/$kernelver'\nparallel_jobs=3");
    root.part("10-a.conf", "sign_file=/a\nmodprobe_on_install=true");
    root.part("ignored", "this is not read $(date)");
    const Framework framework = read_framework(root.places());
    CHECK(framework.source_tree == "/src");
    CHECK(framework.dkms_tree == "/tree");
    CHECK(framework.install_tree.empty());
    CHECK(framework.verbose);
    CHECK_FALSE(framework.symlink_modules);
    CHECK(framework.modprobe_on_install);
    CHECK(framework.parallel_jobs == 3);
    CHECK(with_kernel(framework.sign_file, "6.1") == "/b/6.1");
    CHECK(with_kernel(framework.mok_signing_key, "6.1") == "/tree/6.1.key");
    CHECK(with_kernel(framework.post_transaction, "6.1") == "run   \"it now\" 6.1");
}

TEST_CASE("settings of the environment hold where no file says otherwise")
{
    const Root root;
    root.framework("parallel_jobs=3");
    const Framework framework = read_framework(root.places(), {{"parallel_jobs", "1"}, {"sign_file", "/x"}});
    CHECK(framework.parallel_jobs == 3);
    CHECK(framework.sign_file == "/x");
}

TEST_CASE("a framework file that is wrong is named")
{
    const Root root;
    for (const char* wrong :
         {"sign_file=$(", "parallel_jobs=many", "parallel_jobs=-1", "dkms_tree=relative", "try_sign_modules=perhaps"}) {
        INFO(wrong);
        root.framework(wrong);
        CHECK(refused_file(root) == "/etc/dkms/framework.conf");
    }
    root.framework("");
    root.part("a.conf", "if true; then\n");
    CHECK(refused_file(root) == "/etc/dkms/framework.conf.d/a.conf");
}

TEST_CASE("framework files that are there and cannot be read are not passed over")
{
    const Root root;
    root.framework("");
    const auto parts = root.path() / "etc/dkms/framework.conf.d";
    std::filesystem::create_directory(parts);
    std::filesystem::create_symlink("nowhere", parts / "dangling.conf");
    CHECK(refused_file(root).empty());
    std::filesystem::create_symlink("circle.conf", parts / "circle.conf"); // root is refused as well
    CHECK(refused_file(root) == "/etc/dkms/framework.conf.d/circle.conf");
    std::filesystem::remove_all(parts);
    std::filesystem::create_symlink("framework.conf.d", parts);
    CHECK(refused_file(root) == "/etc/dkms/framework.conf.d");
}

TEST_CASE("a framework file may be a script, as long as it changes nothing")
{
    const Root root;
    root.framework(
        "export A=1\nif [ -z \"$tmp_location\" ]; then parallel_jobs=$(echo 7); fi\nsign_file=\"/b/$kernelver\"\n"
        "touch " +
        (root.path() / "touched").string() + "\n");
    root.part("a.conf", "for one in 1; do tmp_location=/t/$parallel_jobs; done\n");
    const Framework framework = read_framework(root.places());
    CHECK(framework.parallel_jobs == 7);
    CHECK(with_kernel(framework.sign_file, "6.1") == "/b/6.1");
    CHECK(framework.tmp_location == "/t/7");
    if (available_sandbox() != SandboxKind::none) CHECK(!std::filesystem::exists(root.path() / "touched"));
}

TEST_CASE("places are what was named, else what is configured, else the default, all below the root")
{
    const Root root;
    root.framework("dkms_tree=/configured/tree\nsource_tree=/configured/src");
    PlaceOptions options;
    options.root = root.path();
    options.source_tree = "/named/src";
    const Places places = resolve_places(options);
    CHECK(places.dkms_tree == root.path() / "configured/tree");
    CHECK(places.source_tree == root.path() / "named/src");
    CHECK(places.install_tree == root.path() / "lib/modules");
}

TEST_CASE("only whole names of the kernel variable are replaced")
{
    CHECK(with_kernel("$kernelver ${kernelver}$kernelver.x", "6.1") == "6.1 6.16.1.x");
    CHECK(with_kernel("$kernelversion $kernel $ {", "6.1") == "$kernelversion $kernel $ {");
}

TEST_CASE("the distribution is the one that os-release says it is like")
{
    const Root root;
    CHECK_THROWS_AS(distribution(root.places()), Error);
    const auto is = [&](const std::string& text) {
        root.os_release(text);
        return distribution(root.places());
    };
    CHECK(is("NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n") == Distribution::debian);
    CHECK(is("ID=ubuntu\nID_LIKE=debian\n") == Distribution::ubuntu);
    CHECK(is("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n") == Distribution::ubuntu);
    CHECK(is("ID=fedora") == Distribution::fedora);
    CHECK(is("ID=\"rhel\"\nID_LIKE=\"fedora\"") == Distribution::fedora);
    CHECK(is("ID='centos'\nID_LIKE='rhel fedora'") == Distribution::rhel);
    CHECK(is("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"") == Distribution::suse);
    CHECK(is("ID=arch") == Distribution::arch);
    CHECK(is("ID=gentoo") == Distribution::gentoo);
    CHECK(is("ID=mine\nID_LIKE=\"yours arch\"") == Distribution::arch);
    CHECK(is("ID=void") == Distribution::other);
    CHECK(is("") == Distribution::other);
}

TEST_CASE("distributions have their own directory for modules")
{
    CHECK(destination_override(Distribution::debian) == "/updates/dkms");
    CHECK(destination_override(Distribution::rhel) == "/extra");
    CHECK(destination_override(Distribution::suse) == "/updates");
    CHECK_FALSE(destination_override(Distribution::other).has_value());
    CHECK(destination_override(Distribution::debian, "own/dir") == "/own/dir");
    CHECK(destination_override(Distribution::other, "/own") == "/own");
}
