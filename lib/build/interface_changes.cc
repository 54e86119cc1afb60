// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/interface_changes.h"

#include "lib/config/line_pattern.h"
#include "lib/model/ids.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace dkms {
namespace {

/// A name of the kernel's interface and the version of Linux in which it went, or took another form.
struct Change {
    std::string_view name;
    std::string_view version;
};
constexpr std::array<Change, 57> changes{{
    {"setup_timer", "4.15"},
    {"init_timer", "4.15"},
    {"do_gettimeofday", "5.0"},
    {"access_ok", "5.0"},
    {"dma_zalloc_coherent", "5.0"},
    {"drm/drmP.h", "5.5"},
    {"ioremap_nocache", "5.6"},
    {"proc_create", "5.6"},
    {"proc_create_data", "5.6"},
    {"__vmalloc", "5.8"},
    {"mmap_sem", "5.8"},
    {"set_fs", "5.10"},
    {"get_fs", "5.10"},
    {"blk_alloc_queue", "5.11"},
    {"stdarg.h", "5.16"},
    {"PDE_DATA", "5.17"},
    {"complete_and_exit", "5.17"},
    {"dev_addr", "5.17"},
    {"pci_set_dma_mask", "5.18"},
    {"pci_set_consistent_dma_mask", "5.18"},
    {"pci_alloc_consistent", "5.18"},
    {"pci_free_consistent", "5.18"},
    {"pci_map_single", "5.18"},
    {"pci_unmap_single", "5.18"},
    {"netif_napi_add", "6.1"},
    {"prandom_u32", "6.1"},
    {"vm_flags", "6.3"},
    {"user_namespace", "6.3"},
    {"class_create", "6.4"},
    {"DEFINE_SEMAPHORE", "6.4"},
    {"register_sysctl_table", "6.6"},
    {"i_ctime", "6.6"},
    {"i_atime", "6.7"},
    {"i_mtime", "6.7"},
    {"__getblk_gfp", "6.7"},
    {"strlcpy", "6.8"},
    {"blkdev_get_by_path", "6.9"},
    {"blkdev_put", "6.9"},
    {"uart_circ_empty", "6.10"},
    {"xmit", "6.10"}, // of struct uart_state
    {"bd_inode", "6.10"},
    {"blk_queue_logical_block_size", "6.11"},
    {"NETIF_F_LLTX", "6.12"},
    {"no_llseek", "6.12"},
    {"asm/unaligned.h", "6.12"},
    {"del_timer", "6.15"},
    {"del_timer_sync", "6.15"},
    {"hrtimer_init", "6.15"},
    {"from_timer", "6.16"},
    {"proc_ops", "5.6"},
    {"linux/stdarg.h", "5.15"},
    {"linux/unaligned.h", "6.12"},
    {"kthread_complete_and_exit", "5.17"},
    {"pde_data", "5.17"},
    {"timer_setup", "4.15"},
    {"vm_flags_set", "6.3"},
    {"timer_delete_sync", "6.2"},
}};

/// The "6.12" of "6.12.117+deb12-amd64".
std::string version_of(const std::string& release)
{
    static const LinePattern number("^([0-9]+\\.[0-9]+)");
    return number.group(release, 1).value_or("");
}

/// A kind of error that shows another interface: which group is the name, and what is said of one that is not known.
struct Shape {
    LinePattern pattern;
    std::size_t name;
    std::string_view sentence;
};

const std::array<Shape, 14>& shapes()
{
    static const std::array<Shape, 14> table{{
        {LinePattern("too (few|many) arguments to function '([A-Za-z0-9_]+)"), 2,
         "The function {} of this kernel takes other arguments than the module's source gives it."},
        {LinePattern("macro \"([A-Za-z0-9_]+)\" (passed|requires)"), 1,
         "The macro {} of this kernel takes other arguments than the module's source gives it."},
        {LinePattern("implicit declaration of function '([A-Za-z0-9_]+)"), 1, "This kernel has no function {}."},
        {LinePattern("call to undeclared function '([A-Za-z0-9_]+)"), 1, "This kernel has no function {}."},
        {LinePattern("has no member named '([A-Za-z0-9_]+)"), 1, "A structure of this kernel has no member {}."},
        {LinePattern("no member named '([A-Za-z0-9_]+)"), 1, "A structure of this kernel has no member {}."},
        {LinePattern("assignment of read-only (member|location) '[^']*[.>*]([A-Za-z0-9_]+)'"), 2,
         "{} of this kernel may not be assigned to."},
        {LinePattern("assignment of read-only (member|location) '([A-Za-z0-9_]+)'"), 2,
         "{} of this kernel may not be assigned to."},
        {LinePattern("conflicting types for '([A-Za-z0-9_]+)"), 1,
         "This kernel declares {} in another way than the module's source."},
        {LinePattern("passing argument [0-9]+ of '([A-Za-z0-9_]+)' (from|makes)"), 1,
         "The function {} of this kernel takes other arguments than the module's source gives it."},
        {LinePattern("static declaration of '([A-Za-z0-9_]+)' follows"), 1, "This kernel has a {} of its own."},
        {LinePattern("redefinition of '(struct )?([A-Za-z0-9_]+)"), 2, "This kernel has a {} of its own."},
        {LinePattern("'([A-Za-z0-9_]+)' undeclared"), 1, "This kernel has no {}."},
        {LinePattern("unknown type name '([A-Za-z0-9_]+)"), 1, "This kernel has no type {}."},
    }};
    return table;
}

std::string replaced(std::string_view sentence, const std::string& name)
{
    std::string text(sentence);
    text.replace(text.find("{}"), 2, name);
    return text;
}

} // namespace

std::string change_hint(const std::string& name, const std::string& release)
{
    const auto found =
        std::find_if(changes.begin(), changes.end(), [&](const Change& change) { return change.name == name; });
    const std::string version = version_of(release);
    if (found == changes.end() || version.empty()) return {};
    const std::string changed(found->version);
    const bool too_new = compare_versions(version, changed) >= 0;
    return name +
           (too_new ? " is gone, or has another form, since Linux "
                    : " is there, or has its present form, since Linux ") +
           changed +
           (too_new ? ": this kernel is too new for the module's source. A newer version of the module is needed."
                    : ": this kernel is too old for the module's source. An older version of the module, or a newer "
                      "kernel, is "
                      "needed.");
}

std::string interface_hint(const std::string& error, const std::string& release)
{
    static const LinePattern undefined("modpost: \"([^\"]+)\" \\[[^]]*\\] undefined");
    static const LinePattern refused("error: #error[[:blank:]]*(.*)$");
    static const LinePattern callback(
        "error: (initialization|assignment)( of| to)? '.*(incompatible|…$)|from incompatible pointer type|"
        "incompatible function pointer types");
    if (const auto symbol = undefined.group(error, 1))
        return "No module, and not the kernel, gives " + *symbol +
               " to others. If it is another module's, build that first (BUILD_DEPENDS); if an option of the kernel's "
               "configuration brings "
               "it, another kernel is needed, else a newer version of the module.";
    if (refused.fits(error)) return "The module's source itself refuses this kernel. Another version of it is needed.";
    for (const Shape& shape : shapes()) {
        const auto name = shape.pattern.group(error, shape.name);
        if (!name || name->empty()) continue;
        if (auto hint = change_hint(*name, release); !hint.empty()) return hint;
        return replaced(shape.sentence, *name) +
               " If the module's source does not know this kernel, a newer version of it is needed.";
    }
    if (callback.fits(error))
        return "A function that this kernel calls has other arguments or another result than the module's source gives "
               "it. A newer "
               "version of the module is needed.";
    return {};
}

} // namespace dkms
