// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/recover.h"
#include "lib/install/transaction.h"
#include "tests/catch.h"
#include "tests/unit/tree_fixture.h"

#include <sys/wait.h>
#include <unistd.h>

using namespace dkms;
namespace fs = std::filesystem;

namespace {

const ModuleId foo{"foo", "1.0"};

/// A system with something to replace, to delete, to move and to leave alone.
struct Scene : System {
    Scene()
    {
        put_module("foo", "1.0");
        put_file(installed("updates/foo.ko"), "old");
        put_file(installed("kernel/drivers/foo.ko"), "original");
        put_file(installed("kernel/drivers/other.ko"), "other");
        put_file(installed("gone/deep/bar.ko"), "bar");
        fs::create_symlink("0.9/x/y", layout().active_link("foo", kernel_6));
        fs::create_directories(layout().own());
    }

    void plan(Transaction& transaction) const
    {
        const auto archived = layout().originals("foo", kernel_6) / "foo.ko";
        transaction.remove(installed("updates/foo.ko"));
        transaction.put_copy(layout().built_modules(foo, kernel_6) / "foo.ko", installed("updates/foo.ko"));
        transaction.put_copy(installed("kernel/drivers/foo.ko"), archived);
        transaction.put_text("origin\n", archived.string() + ".origin");
        transaction.remove(installed("kernel/drivers/foo.ko"));
        transaction.put_text("new", installed("extra/new/baz.ko"));
        transaction.remove(installed("gone/deep/bar.ko"));
        transaction.remove(installed("never/there.ko"));
        transaction.put_link("1.0/6.1.0-1-test/x86_64", layout().active_link("foo", kernel_6));
        transaction.put_text("{}", layout().install_record("foo", kernel_6));
        transaction.prune(installed("gone/deep"));
        transaction.prune(installed("gone"));
        transaction.prune(installed("kernel/drivers")); // is not empty
    }

    std::map<std::string, std::string> all() const { return contents(path()); }
};

void carry_out(const Scene& scene, const StopPoint& stop = {})
{
    Transaction transaction(scene.places, foo, kernel_6, ErrorCode::install_failed, stop);
    scene.plan(transaction);
    transaction.stage();
    transaction.apply();
    transaction.commit();
}

/// What everything looks like at the end, but for the lists of intents.
std::map<std::string, std::string> without_own(std::map<std::string, std::string> contents)
{
    for (auto entry = contents.begin(); entry != contents.end();)
        entry = entry->first.find("/.dkmsd") != std::string::npos ? contents.erase(entry) : std::next(entry);
    return contents;
}

/// Does it in a child that dies at its n-th moment. False when it came to its end before.
bool dies_at(const Scene& scene, unsigned moment, pid_t* process = nullptr)
{
    const pid_t child = ::fork();
    if (process != nullptr) *process = child;
    REQUIRE(child >= 0);
    if (child == 0) {
        unsigned count = 0;
        carry_out(scene, [&](std::string_view) {
            if (count++ == moment) ::_exit(77);
        });
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status) == 77;
}

} // namespace

TEST_CASE("a transaction does what it was told, and leaves nothing else behind")
{
    const Scene scene;
    carry_out(scene);
    CHECK(text_of_file(scene.installed("updates/foo.ko")) ==
          text_of_file(scene.layout().built_modules(foo, kernel_6) / "foo.ko"));
    CHECK(text_of_file(scene.layout().originals("foo", kernel_6) / "foo.ko") == "original");
    CHECK(!fs::exists(scene.installed("kernel/drivers/foo.ko")));
    CHECK(fs::exists(scene.installed("kernel/drivers/other.ko")));
    CHECK(text_of_file(scene.installed("extra/new/baz.ko")) == "new");
    CHECK(!fs::exists(scene.installed("gone")));
    CHECK(fs::read_symlink(scene.layout().active_link("foo", kernel_6)) == "1.0/6.1.0-1-test/x86_64");
    CHECK(fs::is_empty(scene.layout().intents()));
    for (const auto& [path, content] : without_own(scene.all())) CHECK(path.find(".dkmsd-") == std::string::npos);
    CHECK(recover(scene.places).empty());
}

TEST_CASE("an installed copy has mode and time of the built file")
{
    const Scene scene;
    const auto built = scene.layout().built_modules(foo, kernel_6) / "foo.ko";
    carry_out(scene);
    CHECK(fs::last_write_time(built) == fs::last_write_time(scene.installed("updates/foo.ko")));
    CHECK(fs::status(scene.installed("updates/foo.ko")).permissions() == fs::status(built).permissions());
}

TEST_CASE("taking a transaction back leaves everything as it was, at any stage of it")
{
    const Scene scene;
    const auto before = without_own(scene.all());
    for (int stages = 0; stages <= 2; ++stages) {
        Transaction transaction(scene.places, foo, kernel_6, ErrorCode::install_failed);
        scene.plan(transaction);
        if (stages > 0) transaction.stage();
        if (stages > 1) transaction.apply();
        CHECK((without_own(scene.all()) == before) == (stages == 0));
        transaction.roll_back();
        CHECK(without_own(scene.all()) == before);
    }
    CHECK(fs::is_empty(scene.layout().intents()));
}

TEST_CASE("a transaction that is forgotten is taken back")
{
    const Scene scene;
    const auto before = without_own(scene.all());
    {
        Transaction transaction(scene.places, foo, kernel_6, ErrorCode::install_failed);
        scene.plan(transaction);
        transaction.stage();
        transaction.apply();
    }
    CHECK(without_own(scene.all()) == before);
}

TEST_CASE("a file that cannot be made is the named error, and nothing has changed after roll_back")
{
    const Scene scene;
    put_file(scene.installed("blocked"), "a file, not a directory");
    const auto before = without_own(scene.all());
    Transaction transaction(scene.places, foo, kernel_6, ErrorCode::install_failed);
    scene.plan(transaction);
    transaction.put_text("x", scene.installed("blocked/foo.ko"));
    CHECK(error_of([&] { transaction.stage(); }).code() == ErrorCode::install_failed);
    transaction.roll_back();
    CHECK(without_own(scene.all()) == before);
}

TEST_CASE("killed at any moment, recover makes it complete or takes it back")
{
    const auto complete = [] {
        const Scene scene;
        carry_out(scene);
        return without_own(Scene::contents(scene.places.install_tree));
    }();
    unsigned moment = 0;
    bool completed_once = false;
    for (bool died = true; died; ++moment) {
        INFO("moment " << moment);
        const Scene scene;
        const auto before = without_own(scene.all());
        died = dies_at(scene, moment);
        const auto recovered = recover(scene.places);
        if (!died) break;
        CHECK(recovered.size() <= 1); // none after the very last moment
        const bool completed = recovered.empty() || recovered.front().completed;
        completed_once |= completed;
        if (completed)
            CHECK(without_own(Scene::contents(scene.places.install_tree)) == complete);
        else
            CHECK(without_own(scene.all()) == before);
        CHECK(fs::is_empty(scene.layout().intents()));
        CHECK(recover(scene.places).empty());
    }
    CHECK(moment > 20);
    CHECK(completed_once);
}

TEST_CASE("what a dead process left is put in order beside a transaction that goes on")
{
    const Scene scene;
    const auto before = without_own(scene.all());
    pid_t child = 0;
    REQUIRE(dies_at(scene, 18, &child));
    const auto module = scene.installed("updates/bar.ko");
    put_file(scene.places.install_tree / "source", "bar");
    Transaction living(scene.places, {"bar", "1.0"}, kernel_6, ErrorCode::install_failed);
    living.put_copy(scene.places.install_tree / "source", module);
    living.stage();
    living.apply();
    CHECK(recover_from(::getpid() + 1 == child ? ::getpid() + 2 : ::getpid() + 1, scene.places).empty());
    CHECK(recover_from(child, scene.places) == std::vector<Recovered>{{foo, kernel_6, false}});
    CHECK(text_of_file(module) == "bar");
    living.commit();
    fs::remove(module);
    fs::remove(scene.places.install_tree / "source");
    CHECK(without_own(scene.all()) == before);
}

TEST_CASE("killed while it recovers, it recovers the next time")
{
    const Scene scene;
    const auto before = without_own(scene.all());
    REQUIRE(dies_at(scene, 18));
    const auto file = fs::directory_iterator(scene.layout().intents())->path();
    const std::string intent = text_of_file(file);
    CHECK(recover(scene.places).size() == 1);
    put_file(file, intent); // as if it had been killed before the last thing it does
    CHECK(recover(scene.places).size() == 1);
    CHECK(without_own(scene.all()) == before);
}

TEST_CASE("recover clears staging and build directories and unfinished intents, and leaves what it does not know")
{
    const Scene scene;
    const Layout layout = scene.layout();
    put_file(layout.staging() / "a/b", "");
    put_file(layout.builds() / "c/d", "");
    put_file(layout.intents() / ".half.json.AbCdEf", "{");
    put_file(layout.intents() / "foreign", "hello");
    CHECK(recover(scene.places).empty());
    CHECK(fs::is_empty(layout.staging()));
    CHECK(fs::is_empty(layout.builds()));
    CHECK(!fs::exists(layout.intents() / ".half.json.AbCdEf"));
    CHECK(fs::exists(layout.intents() / "foreign"));
}
