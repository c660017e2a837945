#include "base/system_error.h"

#include <gtest/gtest.h>

namespace evloop {
namespace {

TEST(ThrowErrno, NamesTheCallAndCarriesTheNumber) {
  try {
    throw_errno("accept4", EMFILE);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EMFILE);
    EXPECT_EQ(std::string(error.what()).rfind("accept4", 0), 0u) << error.what();
  }
}

TEST(ThrowErrno, TakesErrnoUnlessTold) {
  errno = ENOENT;
  EXPECT_THROW(throw_errno("open"), std::system_error);
}

}  // namespace
}  // namespace evloop
