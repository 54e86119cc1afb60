// SPDX-License-Identifier: LGPL-2.1-or-later
// Catch2 3.x brings its main in a library; 2.x makes it here.
#if !__has_include(<catch2/catch_test_macros.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
