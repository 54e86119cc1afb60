// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <clocale>

namespace dkms {

/// While it lives, this thread reads and writes names as UTF-8: libarchive converts them by the locale, and a worker
/// has none. Where there is no such locale, names outside ASCII may be refused.
class Utf8Locale {
public:
    Utf8Locale() : own_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(own_ ? ::uselocale(own_) : nullptr) {}
    ~Utf8Locale()
    {
        if (!own_) return;
        ::uselocale(before_);
        ::freelocale(own_);
    }
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;

private:
    locale_t own_;
    locale_t before_;
};

} // namespace dkms
