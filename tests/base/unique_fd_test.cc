#include "base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <utility>

namespace evloop {
namespace {

int make_fd() { return ::eventfd(0, EFD_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFd, ClosesWhatItOwns) {
  const int number = make_fd();
  {
    const UniqueFd fd(number);
    EXPECT_TRUE(fd);
    EXPECT_EQ(fd.get(), number);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, MovesItsFd) {
  UniqueFd a(make_fd());
  const int number = a.get();
  UniqueFd b(std::move(a));
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move)
  UniqueFd c;
  c = std::move(b);
  EXPECT_EQ(c.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(UniqueFd, AssignmentAndResetCloseTheOldOne) {
  UniqueFd fd(make_fd());
  const int first = fd.get();
  fd = UniqueFd(make_fd());
  const int second = fd.get();
  EXPECT_TRUE(first == second || !is_open(first));
  fd.reset();
  EXPECT_FALSE(is_open(second));
  EXPECT_FALSE(fd);
}

TEST(UniqueFd, ReleaseGivesItAway) {
  UniqueFd fd(make_fd());
  const int number = fd.release();
  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST(UniqueFd, SurvivesSelfAssignment) {
  UniqueFd fd(make_fd());
  auto& same = fd;
  fd = std::move(same);
  EXPECT_TRUE(is_open(fd.get()));
}

}  // namespace
}  // namespace evloop
