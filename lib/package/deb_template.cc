// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/deb_template.h"

#include "lib/files/walk.h"
#include "lib/package/common_postinst.h"
#include "lib/package/deb_build.h"
#include "lib/package/deb_names.h"
#include "lib/package/module_archive.h"
#include "lib/process/memory_file.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using Words = std::array<std::pair<std::string, std::string>, 6>;

std::string replaced(std::string text, const Words& words)
{
    for (const auto& [word, value] : words)
        for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + value.size()))
            text.replace(at, word.size(), value);
    return text;
}

Words words_for(const PackContent& content, const KernelId& kernel)
{
    const ModuleId& module = content.module();
    const KernelId first =
        !kernel.release.empty() || content.builds().empty() ? kernel : content.builds().begin()->first;
    const std::string arch = kernel.release.empty() ? architecture_of(content) : deb_architecture(kernel.arch);
    return {{{"DEBIAN_PACKAGE", deb_name(module.name)},
             {"DEBIAN_BUILD_ARCH", arch},
             {"KERNEL_VERSION", first.release},
             {"MODULE_NAME", module.name},
             {"MODULE_VERSION", module.version},
             {"DATE_STAMP", date_text(content.time())}}};
}

constexpr std::size_t longest = std::size_t{16} << 20; // of a template

void fill_in(const DebTemplate& from, const Words& words, PayloadTree& tree)
{
    tree.tree("", from.directory);
    walk(from.directory.number(), [&](const Found& found) {
        if (!S_ISREG(found.facts.st_mode) || !found.path.starts_with("debian/")) return;
        const Descriptor file = found.open_file();
        // Others keep their mode: debhelper runs what is executable.
        const mode_t mode = found.path == "debian/rules" ? 0755 : found.facts.st_mode;
        if (file) tree.text(found.path, replaced(content_of(file, longest), words), mode);
    });
}

void put_beside(PayloadTree& tree, const PackContent& content, const Work& work)
{
    const std::string name = content.module().name + "-" + content.module().version;
    if (content.source()) tree.tree(name, content.source());
    if (!work.step.options.no_postinst) tree.text("common.postinst", common_postinst(), 0755);
    if (content.builds().empty()) return;
    tree.filled(name + ".dkms.tar.gz", [&](int archive) {
        write_module_archive(content, ArchivedSource::conf_only, archive, name + ".gz", work.cancellation);
    });
}

} // namespace

DebTemplate find_deb_template(const PackContent& content, const Work& work)
{
    const PackFormat format = work.step.options.format;
    std::vector<std::string> kinds{"mk" + std::string(name_of(format))};
    if (format == PackFormat::dsc) kinds.emplace_back("mkdeb");
    for (const std::string& kind : kinds) {
        const std::string name = content.module().name + "-dkms-" + kind;
        if (!content.source()) break;
        if (Descriptor found = open_directory_below(content.source().number(), name)) return {std::move(found), name};
        if (!means_absent(errno) && errno != ELOOP) refuse_read(name, errno); // a link is no template
    }
    for (const std::string& kind : kinds) {
        const fs::path path = work.places.config_dir / ("template-dkms-" + kind);
        if (Descriptor found{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)})
            return {std::move(found), path.string()};
        if (!means_absent(errno)) refuse_read(path, errno);
    }
    return {};
}

Products build_from_template(DraftDirectory& draft, const DebTemplate& from, const PackContent& content,
                             const KernelId& kernel, const Work& work)
{
    const bool is_source = work.step.options.format == PackFormat::dsc;
    const std::string top = "build-" + kernel.release + kernel.arch; // what is made appears beside the template
    const std::string name = dkms_package_name(content.module()) + "-" + deb_version(content.module().version);
    PayloadTree tree(draft.input() / top / name, content.time(), work.cancellation);
    fill_in(from, words_for(content, kernel), tree);
    put_beside(tree, content, work);
    tree.finish();
    std::vector<std::string> environment{"SOURCE_DATE_EPOCH=" + std::to_string(content.time())};
    if (!kernel.release.empty()) {
        environment.push_back("KVER=" + kernel.release);
        environment.push_back("KARCH=" + kernel.arch);
    }
    draft.copy_to_output(top);
    draft.run({{"dpkg-buildpackage", "-d", is_source ? "-S" : "-b", "-us", "-uc"},
               "dpkg-dev",
               std::move(environment),
               draft.output() / top / name});
    Products made = draft.take_all(top);
    if (!is_source)
        made.erase(std::remove_if(made.begin(), made.end(),
                                  [](const Product& product) { return !product.name.ends_with(".deb"); }),
                   made.end());
    return made;
}

} // namespace dkms
