// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/json.h"

#include "client/renderer.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

class Json : public Renderer {
public:
    using Renderer::Renderer;
    void say(std::string_view) override {}
    void insist(std::string_view sentence) override { console_.err(std::string(sentence) + "\n"); }

    void finish(int exit_code) override { print_json(console_, results_json(board(), exit_code)); }

protected:
    void job_ended(const JobProgress&) override {}
};

} // namespace

std::unique_ptr<Renderer> make_json_renderer(Console& console, bool service)
{
    return std::make_unique<Json>(console, service);
}

nlohmann::json results_json(const ProgressBoard& board, int exit_code)
{
    nlohmann::json value{{"exit_code", exit_code}, {"jobs", nlohmann::json::array()}};
    for (const JobProgress* job : board.results()) {
        nlohmann::json view = to_json(*job->ended);
        view["seconds"] = job->seconds();
        view["built"] = job->modules_built;
        view["installed"] = job->files_installed;
        view["deleted"] = job->files_deleted;
        if (!job->version.empty()) view["version"] = job->version;
        if (!job->loaded.empty()) view["loaded"] = job->loaded;
        for (const Problem& problem : job->problems) view["problems"].push_back(to_json(problem));
        for (const Event& packed : job->packed) view["packed"].push_back(packed.facts);
        const bool is_failure = exit_code != 0 && job->failed(); // an autoinstall for a hook never fails
        if (is_failure && view.contains("error") && !value.contains("error")) value["error"] = view.at("error");
        value["jobs"].push_back(std::move(view));
    }
    return value;
}

void print_json(Console& console, const nlohmann::json& value)
{
    console.out(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

} // namespace dkms
