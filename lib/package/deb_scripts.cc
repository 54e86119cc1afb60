// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/deb_control.h"
#include "lib/process/child.h"

namespace dkms {
namespace {

std::string quoted(const std::string& word) { return text_of(std::vector<std::string>{word}); }

std::string depmod_when(const std::string& actions, const KernelId& kernel)
{
    return "#!/bin/sh\nset -e\n"
           "kernel=" +
           quoted(kernel.release) +
           "\n"
           "case $1 in\n" +
           actions +
           ")\n"
           "    if [ -d \"/lib/modules/$kernel\" ]; then depmod \"$kernel\"; fi\n"
           "    ;;\n"
           "esac\n";
}

} // namespace

std::string dkms_postinst(const ModuleId& module)
{
    return "#!/bin/sh\nset -e\n"
           "name=" +
           quoted(module.name) + " version=" + quoted(module.version) +
           "\n"
           "case $1 in\n"
           "configure | abort-upgrade | abort-remove | abort-deconfigure)\n"
           "    [ \"$1\" = configure ] || set -- \"$1\" # what prerm took away comes back; no older version had it\n"
           "    for common in /usr/lib/dkms/common.postinst \"/usr/share/$name-dkms/postinst\"; do\n"
           "        [ ! -f \"$common\" ] || exec \"$common\" \"$name\" \"$version\" \"/usr/share/$name-dkms\" '' "
           "\"$2\"\n"
           "    done\n"
           "    echo \"$name/$version cannot be built: neither DKMS nor this package brings common.postinst.\" >&2\n"
           "    echo \"Install dkms, then: dkms add $name/$version && dkms install $name/$version\" >&2\n"
           "    exit 1\n"
           "    ;;\n"
           "esac\n";
}

std::string dkms_prerm(const ModuleId& module)
{
    return "#!/bin/sh\nset -e\n"
           "name=" +
           quoted(module.name) + " version=" + quoted(module.version) +
           "\n"
           "case $1 in\n"
           "remove | upgrade | deconfigure)\n"
           "    if command -v dkms >/dev/null && [ -n \"$(dkms status -m \"$name\" -v \"$version\")\" ]; then\n"
           "        dkms remove -m \"$name\" -v \"$version\" --all\n"
           "    fi\n"
           "    ;;\n"
           "esac\n";
}

std::string modules_postinst(const KernelId& kernel) { return depmod_when("configure", kernel); }

std::string modules_postrm(const KernelId& kernel) { return depmod_when("remove", kernel); }

std::string running_kernel_preinst(const KernelId& kernel)
{
    return "#!/bin/sh\nset -e\n"
           "kernel=" +
           quoted(kernel.release) +
           "\n"
           "if [ \"$(uname -r)\" != \"$kernel\" ]; then\n"
           "    echo \"These modules are for Linux $kernel; $(uname -r) is running.\" >&2\n"
           "    exit 1\n"
           "fi\n";
}

} // namespace dkms
