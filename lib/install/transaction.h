// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/install/intent.h"
#include "lib/model/error.h"
#include "lib/model/places.h"

#include <string>
#include <variant>
#include <vector>

namespace dkms {

/// Changes to the install tree and the DKMS tree that are seen all together or not at all, whatever happens in between.
///
/// First it is told what should be (put_…, remove, prune); then stage() writes every new file as a dot-named temporary
/// beside its target, apply() renames, and commit() makes it final. Until commit() everything can be taken back: by
/// roll_back(), by the destructor, or after a crash by recover(). A target named twice gets what was said last, but
/// remove() does not undo a put_…
class Transaction {
public:
    /// `failure`: the error that is thrown when a file cannot be changed (InstallFailed or TreeNotWritable).
    Transaction(const Places& places, ModuleId module, KernelId kernel, ErrorCode failure, StopPoint stop = {});
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    /// `target` becomes a copy of the file `source`, with its mode and modification time.
    void put_copy(const std::filesystem::path& source, const std::filesystem::path& target);
    /// `target` becomes a symbolic link that says `text`.
    void put_link(const std::string& text, const std::filesystem::path& target);
    /// `target` becomes a file of mode 0644 with this content.
    void put_text(const std::string& text, const std::filesystem::path& target);
    /// `target` is deleted; nothing happens if it is not there.
    void remove(const std::filesystem::path& target);
    /// `directory` is deleted at the end if it is empty then. Innermost first.
    void prune(const std::filesystem::path& directory) { intent_.prune.push_back(directory); }
    /// depmod is to run after apply(); recover() will know.
    void needs_depmod() { intent_.depmod = true; }

    /// Whether something will be at `target` afterwards.
    bool will_exist(const std::filesystem::path& target) const;
    /// After stage(): the file that becomes `target`, not seen by anyone yet. Empty if there is none.
    std::filesystem::path staged(const std::filesystem::path& target) const;
    /// Whether anything is changed at all.
    bool empty() const { return intent_.changes.empty(); }

    /// Throws Error: DiskFull, and the one named at the beginning. Then call roll_back().
    void stage();
    void apply();
    void commit();
    /// Nothing after commit().
    void roll_back() noexcept;

private:
    struct Copy {
        std::filesystem::path source;
    };
    struct Link {
        std::string text;
    };
    struct Text {
        std::string text;
    };
    using Content = std::variant<std::monostate, Copy, Link, Text>;

    void put(const std::filesystem::path& target, Content content);
    void put_new_ones_first();
    void write_intent();
    void make_missing_directories();
    void write_fresh(const Change& change, const Content& content) const;
    void back_up(const Change& change) const;
    void sync_directories() const;
    void stop(std::string_view moment) const;
    [[noreturn]] void fail(const std::filesystem::path& path, int number) const;

    ErrorCode failure_;
    StopPoint stop_;
    Layout layout_;
    std::string id_;
    std::filesystem::path file_; ///< of the intent; empty while there is none
    Intent intent_;
    std::vector<Content> contents_; ///< of intent_.changes, in the same order
};

} // namespace dkms
