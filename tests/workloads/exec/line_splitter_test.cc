#include "workloads/exec/line_splitter.h"

#include <gmock/gmock.h>

#include <vector>

namespace evloopd::workloads {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LineSplitterTest : public testing::Test {
 protected:
  std::vector<std::string> take(std::string_view bytes) {
    lines_.clear();
    splitter_.take(bytes, keep_);
    return lines_;
  }
  std::vector<std::string> finish() {
    lines_.clear();
    splitter_.finish(keep_);
    return lines_;
  }

  LineSplitter splitter_;
  std::vector<std::string> lines_;
  const LineSplitter::Line keep_ = [this](std::string line) { lines_.push_back(std::move(line)); };
};

TEST_F(LineSplitterTest, LinesComeWhenTheyAreComplete) {
  EXPECT_THAT(take("a\nb"), ElementsAre("a"));
  EXPECT_THAT(take("c"), IsEmpty());
  EXPECT_THAT(take("\n\nd\r\n"), ElementsAre("bc", "", "d"));
  EXPECT_THAT(finish(), IsEmpty());
}

TEST_F(LineSplitterTest, TheLastOneNeedsNoEnd) {
  EXPECT_THAT(take("a\nb"), ElementsAre("a"));
  EXPECT_THAT(finish(), ElementsAre("b"));
  EXPECT_THAT(finish(), IsEmpty());
}

TEST_F(LineSplitterTest, WhatIsNoTextIsEscaped) {
  EXPECT_THAT(take("\x1b[1mé\t\xff\xc3(\x7f\xc2\x9b\r.\n"),
              ElementsAre("\\x1b[1mé\\t\\xff\\xc3(\\x7f\\xc2\\x9b\\x0d."));
  EXPECT_THAT(take(std::string_view("a\0b\n", 4)), ElementsAre("a\\x00b"));
}

TEST_F(LineSplitterTest, LongLinesAreCutAndTheRestIsDropped) {
  const std::string longest(LineSplitter::longest, 'x');
  EXPECT_THAT(take(longest + "\n"), ElementsAre(longest));
  EXPECT_THAT(take(longest + "y\nz\n"), ElementsAre(longest + "... (cut)", "z"));
  for (int i = 0; i < 1000; ++i) EXPECT_THAT(take(longest), IsEmpty());
  EXPECT_THAT(take("\n"), ElementsAre(longest + "... (cut)"));
}

}  // namespace
}  // namespace evloopd::workloads
