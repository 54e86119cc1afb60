// SPDX-License-Identifier: LGPL-2.1-or-later
// How many tokens of the jobserver a build holds for its make command.
#include "lib/build/job_share.h"
#include "tests/catch.h"
#include "tests/unit/build_fixture.h"

#include <algorithm>

#include <sys/ioctl.h>

using namespace dkms;

namespace {

constexpr unsigned all = 4;

/// A build with a jobserver of four tokens.
class Share {
public:
    explicit Share(const std::string& make)
    {
        const ModuleId module{"m", "1.0"};
        put_file(trees_.layout().source_in_source_tree(module) / "dkms.conf",
                 "PACKAGE_NAME=m\nPACKAGE_VERSION=1.0\nBUILT_MODULE_NAME=m\nDEST_MODULE_LOCATION=/extra\nMAKE=\"" +
                     make + "\"\n");
        trees_.link(module);
        Step step;
        step.kind = StepKind::build;
        step.module = module;
        step.kernel = {"6.1.0", "x86_64"};
        run_.emplace(trees_, step, Jobserver::create(all));
        inputs_.conf = read_conf_for_build(run_->work(), {});
        share_.emplace(run_->work(), inputs_);
    }

    JobShare& operator*() { return *share_; }
    JobShare::Make make(int jobs = -1) { return share_->for_make(jobs); }
    unsigned held() const
    {
        int left = 0;
        ::ioctl(run_->work().jobserver->read_end(), FIONREAD, &left);
        return all - static_cast<unsigned>(left);
    }
    const Jobserver& jobserver() const { return *run_->work().jobserver; }

private:
    Trees trees_;
    mutable std::optional<StepRun> run_;
    BuildInputs inputs_;
    std::optional<JobShare> share_;
};

} // namespace

TEST_CASE("a plain make takes its jobs from the jobserver, everything else holds tokens")
{
    struct Row {
        std::string make, text;
        bool has_jobserver;
        unsigned held;
    };
    const unsigned here = std::min(processors(), all);
    const std::vector<Row> rows{
        {"", "", true, 1},
        {"make all", "make all", true, 1},
        {"make -j$parallel_jobs all", "make all", true, 1},
        {"unset X; 'make' -j$parallel_jobs modules", "unset X; 'make' modules", true, 1},
        {"'make' all", "'make' all", false, 1},
        {"env A=b make all", "env A=b make all", false, 1},
        {"./build.sh", "./build.sh", false, 1},
        {"'make' -j3 all", "'make' -j3 all", false, 3},
        {"make -j3 all", "make -j3 all", false, 3},
        {"'make' -j64 all", "'make' -j64 all", false, all},
        {"'make' -j all", "'make' -j all", false, here},
        {"JOBS=$parallel_jobs ./build.sh", "JOBS=" + std::to_string(here) + " ./build.sh", false, here},
    };
    for (const Row& row : rows) {
        INFO(row.make);
        Share share(row.make);
        const JobShare::Make made = share.make();
        CHECK(made.text == row.text);
        CHECK(made.has_jobserver == row.has_jobserver);
        CHECK(share.held() == row.held);
        (*share).keep_one();
        CHECK(share.held() == 1);
        (*share).give_back();
        CHECK(share.held() == 0);
    }
}

TEST_CASE("a number of jobs that somebody asked for is given to make, with as many tokens as are free")
{
    Share share("make all");
    CHECK_FALSE(share.make(3).has_jobserver);
    CHECK(share.held() == 3);
    Share quoted("'make' all"); // is not told how many
    quoted.make(3);
    CHECK(quoted.held() == 1);
}

TEST_CASE("a build that holds a token waits for no second one")
{
    Share share("'make' -j4 all");
    (*share).take_one();
    (*share).take_one();
    CHECK(share.held() == 1);
    const auto others = share.jobserver().take_free(all);
    REQUIRE(others.size() == 3);
    share.make(); // would not return
    CHECK(share.held() == all);
}
