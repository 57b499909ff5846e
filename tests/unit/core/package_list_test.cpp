#include "core/package_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(PackageList, NamesAreThoseOfDebian) {
  for (const char* name : {"gcc", "g++", "libstdc++6", "0ad", "python3.11", "golang-1.19-go", "r-cran-rcpp"})
    EXPECT_EQ(wrong_package_name(name), "") << name;
}

TEST(PackageList, WhatIsNoneIsToldWhy) {
  for (const auto& [name, reason] : {std::pair{"", "shorter than two"},
                                     {"a", "shorter than two"},
                                     {"gcc make", "more than one name"},
                                     {"gcc,make", "more than one name"},
                                     {"gcc=4:12", "no version"},
                                     {"gcc:arm64", "no version"},
                                     {"gcc/bookworm", "no version"},
                                     {"Gcc", "a capital letter"},
                                     {"-o", "does not begin with"},
                                     {"+x", "does not begin with"},
                                     {"..", "does not begin with"},
                                     {"gcc$(id)", "something else than"},
                                     {"gcc;id", "something else than"},
                                     {"\xc3\xa9t\xc3\xa9", "something else than"}}) {
    EXPECT_THAT(wrong_package_name(name), HasSubstr(reason)) << name;
  }
}

TEST(PackageList, HasOneNameWhateverItsOrder) {
  EXPECT_THAT(as_package_list({"make", "gcc", "make"}), ElementsAre("gcc", "make"));
  EXPECT_EQ(package_list_suffix({}), "");
  EXPECT_EQ(package_list_suffix({"gcc", "make"}).size(), 13U);
  EXPECT_NE(package_list_suffix({"gcc", "make"}), package_list_suffix({"gcc"}));
  EXPECT_NE(package_list_suffix({"gcc-make"}), package_list_suffix({"gcc", "make"}));
}

}  // namespace
}  // namespace drydock::core
