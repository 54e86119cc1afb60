// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/module_archive.h"

#include "lib/package/archive_writer.h"
#include "lib/package/manifest.h"
#include "lib/tree/build_origin.h"

#include <nlohmann/json.hpp>

#include <cerrno>

#include <fcntl.h>

namespace dkms {
namespace {

Descriptor conf_in_source(const PackContent& content)
{
    Descriptor conf(::openat(content.source().number(), "dkms.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!conf)
        throw Error(ErrorCode::source_unreadable, {{"module", content.module().text()},
                                                   {"path", "source/dkms.conf"},
                                                   {"reason", errno_text(errno)},
                                                   {"errno", std::to_string(errno)}});
    return conf;
}

void write_conf(ArchiveWriter& writer, const PackContent& content)
{
    writer.directory("dkms_binaries_only");
    writer.text("dkms_binaries_only/PACKAGE_NAME", content.module().name + "\n");
    writer.text("dkms_binaries_only/PACKAGE_VERSION", content.module().version + "\n");
    if (content.source())
        writer.file("dkms_binaries_only/dkms.conf", conf_in_source(content));
    else
        writer.file("dkms_binaries_only/dkms.conf", content.conf_file());
}

void write_builds(ArchiveWriter& writer, const PackContent& content, Cancellation& cancellation)
{
    std::string release;
    for (const auto& [kernel, build] : content.builds()) {
        const std::string path = "dkms_main_tree/" + kernel.release;
        if (kernel.release != release) writer.directory(path);
        release = kernel.release;
        writer.tree(path + "/" + kernel.arch, build.directory, cancellation,
                    archive_note); // else it would not be the same archive
    }
}

} // namespace

void write_module_archive(const PackContent& content, ArchivedSource source, int descriptor, const std::string& name,
                          Cancellation& cancellation)
{
    content.check_unchanged();
    const bool whole = source == ArchivedSource::whole;
    Manifest reading(content, {whole}); // first: it goes on beside the packing
    ArchiveWriter writer(descriptor, name, content.time());
    writer.directory("");
    if (!whole) write_conf(writer, content);
    writer.directory("dkms_main_tree");
    writer.text("dkms_main_tree/dkms_dbversion", "2.0.0\n");
    write_builds(writer, content, cancellation);
    if (whole) writer.tree("dkms_source_tree", content.source(), cancellation);
    writer.text(manifest_name, text_of(reading.value()));
    writer.close();
}

} // namespace dkms
