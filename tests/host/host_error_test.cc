#include "host/host_error.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>

namespace evloopd::host {
namespace {

TEST(HostError, EveryReasonHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Reason::internal); ++i) {
    const std::string name = reason_name(static_cast<Reason>(i));
    for (const char c : name) EXPECT_TRUE(c == '_' || std::isupper(static_cast<unsigned char>(c))) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(HostError, ABadArgumentNamesFieldAllowedAndGiven) {
  const auto error = bad_argument("name", "a name", "A B");
  EXPECT_EQ(error.reason, Reason::bad_argument);
  EXPECT_EQ(error.message, "name must be a name, not 'A B'");
  EXPECT_EQ(error.metadata.at("field"), "name");
  EXPECT_EQ(error.metadata.at("allowed"), "a name");
  EXPECT_EQ(error.metadata.at("given"), "A B");
}

TEST(HostError, WhatTheSystemRefusesHasTheReasonOfItsErrno) {
  const auto reason = [](int error) {
    return os_error(std::system_error(error, std::generic_category(), "bind"), "cannot listen").reason;
  };
  EXPECT_EQ(reason(EADDRINUSE), Reason::address_in_use);
  EXPECT_EQ(reason(EACCES), Reason::os_permission_denied);
  EXPECT_EQ(reason(EMFILE), Reason::fd_limit);
  EXPECT_EQ(reason(ENFILE), Reason::fd_limit);
  EXPECT_EQ(reason(EIO), Reason::internal);
}

}  // namespace
}  // namespace evloopd::host
