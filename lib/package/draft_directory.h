// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/limit_watch.h"
#include "lib/files/gate.h"
#include "lib/package/product.h"
#include "lib/process/sandbox.h"
#include "lib/process/work.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// A program that works on a product.
struct Tool {
    std::vector<std::string> argv;
    std::string package;                       ///< the Debian package that brings the program
    std::vector<std::string> environment = {}; ///< added to the base one
    std::filesystem::path directory = {};      ///< where it runs; DraftDirectory::output() if empty
};

/// A new directory in /var/tmp in which programs make a product, among them code that a module brings: debian/rules of
/// a template, the scriptlets of a spec. Only we can enter it; it is deleted with everything in it when the object
/// ends, and what cannot be deleted is a warning of the job.
///
/// It has two sides. What goes in is written to input() by us: programs can read it and change nothing in it. In
/// output() programs work, as the user who builds: once the first of them has run, we neither write nor look there.
/// What is wanted of it is named, and comes out through a Gate. Code of a module's gets a draft of its own, so that
/// nothing it leaves behind is found by what runs for another product.
class DraftDirectory {
public:
    /// `product` is what is made, for errors. Throws Error ArchiveNotWritable, DiskFull.
    DraftDirectory(const Work& work, std::string product);
    ~DraftDirectory();
    DraftDirectory(const DraftDirectory&) = delete;
    DraftDirectory& operator=(const DraftDirectory&) = delete;

    const std::string& product() const { return product_; }
    const std::filesystem::path& input() const { return input_; }
    const std::filesystem::path& output() const { return output_; }

    /// Runs a program to its end, in a sandbox in which it can write to output() only; what it says goes to the job's
    /// log. What it leaves running ends with it. All programs together may take what a build of the module may take.
    /// Throws Error ToolMissing, PackagingFailed, BuildLimit, DiskFull, Cancelled.
    void run(Tool tool);
    /// The same; returns what it printed.
    std::string output_of(Tool tool);
    /// Has a program copy `name` in input() to the same name in output(), for tools that change what they work on.
    /// Throws as run().
    void copy_to_output(const std::string& name);

    /// What programs have made as `name` in output(). Throws Error PackagingFailed if there is no such file,
    /// ResultRefused for what is no plain file of theirs, or is larger than 8 GiB; ReadFailed.
    Product take(const std::filesystem::path& name) const;
    /// All files that lie directly in the directory `name` in output(), in byte order: at most 100, of at most 2 GiB
    /// each. Throws as Gate::take_flat.
    Products take_all(const std::filesystem::path& name) const;

private:
    Command command(Tool tool);
    void run_within_limits(const std::string& program, Command command,
                           const std::function<void(std::string_view)>& heard);
    void check(const std::string& program, const ExitStatus& status, const std::string& said) const;
    Gate gate() const;

    const Work& work_;
    std::string product_;
    SandboxKind kind_; ///< what foreign code may run in: choose_sandbox()
    std::filesystem::path path_;
    std::filesystem::path input_;
    std::filesystem::path output_;
    std::optional<LimitWatch> limits_; ///< of all programs together, from the first on
};

/// Throws Error ToolMissing unless the program is there, so that nothing is begun in vain. `package` is the Debian
/// package that brings it, `product` what is to be made.
void require_tool(const std::string& product, const std::string& program, const std::string& package);

} // namespace dkms
