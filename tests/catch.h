// SPDX-License-Identifier: LGPL-2.1-or-later
// The one place that knows which Catch2 this is: 2.x has one header, 3.x is a library.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#else
#include <catch2/catch.hpp>
#endif
