// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/make_command.h"

#include "lib/model/ids.h"

namespace dkms {
namespace {

bool begins_with_word(std::string_view text, std::string_view word)
{
    return text.starts_with(word) &&
           (text.size() == word.size() || text[word.size()] == ' ' || text[word.size()] == '\t');
}

bool begins_with_quoted_make(std::string_view make)
{
    return begins_with_word(make, "'make'") || begins_with_word(make, "\"make\"") || begins_with_word(make, "\\make");
}

/// Whether words can be put at the end and still belong to the first command.
bool is_one_command(std::string_view make) { return make.find_first_of(";&|#\n()") == std::string_view::npos; }

std::string default_make(const MakeSettings& settings)
{
    const std::string where = "make -C " + settings.source_dir.string();
    if (is_before_2_6(settings.release)) return where + " SUBDIRS=" + settings.build.string() + " modules";
    return where + " M=" + settings.build.string();
}

std::string jobs_text(const std::optional<MakeJobs>& jobs)
{
    if (!jobs) return "";
    return jobs->limited ? " -j" + std::to_string(jobs->number) : " -j";
}

} // namespace

bool is_before_2_6(const std::string& release) { return compare_versions(release, "2.6") < 0; }

bool begins_with_make(std::string_view make) { return make.empty() || begins_with_word(make, "make"); }

std::string make_command(const std::string& make, const MakeSettings& settings)
{
    const std::string written = make.empty() ? default_make(settings) : make;
    const std::string at_end = is_one_command(written) ? settings.variables : "";
    if (begins_with_make(written))
        return "make" + jobs_text(settings.jobs) + " KERNELRELEASE=" + settings.release + written.substr(4) + at_end;
    return begins_with_quoted_make(written) ? written + at_end : written;
}

} // namespace dkms
