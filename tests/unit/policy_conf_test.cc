// SPDX-License-Identifier: LGPL-2.1-or-later
// What dkms-policy.conf(5) promises.
#include "lib/config/policy_conf.h"
#include "tests/catch.h"
#include "tests/unit/scratch.h"

#include <fstream>

using namespace dkms;

namespace {

class Policies {
public:
    Policies() { std::filesystem::create_directories(directory() / "policy.conf.d"); }

    void write(const std::string& name, const std::string& text) { std::ofstream(directory() / name) << text; }
    PolicyConf read() const { return PolicyConf(places_); }
    std::filesystem::path directory() const { return places_.config_dir; }

private:
    Scratch scratch_;
    Places places_ = Places::under(scratch_.path());
};

} // namespace

TEST_CASE("a module that nothing is said of is optional")
{
    const Policies policies;
    CHECK(policies.read().policy_for("hello") == Policy::optional);
    std::filesystem::remove_all(policies.directory());
    CHECK(policies.read().policy_for("hello") == Policy::optional);
    CHECK(policies.read().faults().empty());
}

TEST_CASE("the last line that matches counts, and patterns are globs on the whole name")
{
    Policies policies;
    policies.write("policy.conf",
                   "* required\nnvidia* optional\n\n  zfs\tboot  # the root file system\nnvidia-fs boot");
    const PolicyConf conf = policies.read();
    CHECK(conf.policy_for("hello") == Policy::required);
    CHECK(conf.policy_for("nvidia") == Policy::optional);
    CHECK(conf.policy_for("nvidia-fs") == Policy::boot);
    CHECK(conf.policy_for("zfs") == Policy::boot);
    CHECK(conf.policy_for("openzfs") == Policy::required);
    CHECK(conf.faults().empty());
}

TEST_CASE("files of the directory come later, in the order of their names, and only those that end in .conf")
{
    Policies policies;
    policies.write("policy.conf", "hello boot\n");
    policies.write("policy.conf.d/20-b.conf", "hello optional\n");
    policies.write("policy.conf.d/10-a.conf", "hello required\n");
    policies.write("policy.conf.d/30-c.conf.dpkg-old", "hello boot\n");
    CHECK(policies.read().policy_for("hello") == Policy::optional);
}

TEST_CASE("a line that is not understood is left out, and told with its place")
{
    Policies policies;
    policies.write("policy.conf", "hello required\n# fine\nhello\nhello maybe\nhello boot now\n");
    const PolicyConf conf = policies.read();
    CHECK(conf.policy_for("hello") == Policy::required);
    REQUIRE(conf.faults().size() == 3);
    CHECK(conf.faults().front() ==
          (policies.directory() / "policy.conf").string() +
              ":3: a line is a module and one of optional, required, boot, or a module, a setting and its "
              "values, see dkms-policy.conf(5).");
    CHECK(conf.faults().back().find("policy.conf:5") != std::string::npos);
}

TEST_CASE("settings have values, all matching lines in their order, and are no policies")
{
    Policies policies;
    policies.write("policy.conf", "hello* read /opt/sdk /srv/sdk # both\nhello required\nhello read\n");
    policies.write("policy.conf.d/a.conf", "hello read /mnt\nother read /var\nhello network allow\n");
    const PolicyConf conf = policies.read();
    const auto lines = conf.lines_of("read", "hello");
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].values == std::vector<std::string>{"/opt/sdk", "/srv/sdk"});
    CHECK(lines[0].place == (policies.directory() / "policy.conf").string() + ":1");
    CHECK(lines[1].values == std::vector<std::string>{"/mnt"});
    CHECK(conf.lines_of("write", "hello").empty());
    CHECK(conf.policy_for("hello") == Policy::required);
    CHECK(conf.faults().size() == 1);
    CHECK(conf.faults_for("hello").size() == 1);
    CHECK(conf.faults_for("other").empty());
}

TEST_CASE("what others than root can write is ignored with a sentence, be it the file or its directory")
{
    Policies policies;
    policies.write("policy.conf", "hello boot\n");
    policies.write("policy.conf.d/a.conf", "other network allow\n");
    std::filesystem::permissions(policies.directory() / "policy.conf", std::filesystem::perms(0666));
    std::filesystem::permissions(policies.directory() / "policy.conf.d", std::filesystem::perms(0777));
    const PolicyConf conf = policies.read();
    CHECK(conf.policy_for("hello") == Policy::optional);
    CHECK(conf.lines_of("network", "other").empty());
    REQUIRE(conf.faults_for("any").size() == 2);
    CHECK(conf.faults().front() == (policies.directory() / "policy.conf").string() +
                                       " is ignored: others than root can write " +
                                       (policies.directory() / "policy.conf").string() + ".");
    CHECK(conf.faults().back().ends_with("others than root can write " +
                                         (policies.directory() / "policy.conf.d").string() + "."));
}

TEST_CASE("a directory that cannot be read is told")
{
    Policies policies;
    std::filesystem::remove(policies.directory() / "policy.conf.d");
    std::filesystem::create_symlink("policy.conf.d", policies.directory() / "policy.conf.d"); // root is refused as well
    const PolicyConf conf = policies.read();
    REQUIRE(conf.faults().size() == 1);
    CHECK(conf.faults().front().starts_with((policies.directory() / "policy.conf.d").string() + " cannot be read: "));
}

TEST_CASE("a file that cannot be read is told, and keeps no other from being read")
{
    Policies policies;
    std::filesystem::create_directory(policies.directory() / "policy.conf");
    policies.write("policy.conf.d/a.conf", "hello boot\r\n");
    const PolicyConf conf = policies.read();
    CHECK(conf.policy_for("hello") == Policy::boot);
    REQUIRE(conf.faults().size() == 1);
    CHECK(conf.faults().front().find("policy.conf") != std::string::npos);
}
