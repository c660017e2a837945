#include "ctl/table.h"

#include <gtest/gtest.h>

namespace evloopd::ctl {
namespace {

TEST(Table, LinesUpItsColumnsWithoutTrailingSpaces) {
  Table table({{"NAME"}, {"N", Align::right}, {"STATE"}});
  table.add({"io-0", "7", "RUNNING"});
  table.add({"a-long-name", "1234", "UP"});
  EXPECT_EQ(table.text(false),
            "NAME            N  STATE\n"
            "io-0            7  RUNNING\n"
            "a-long-name  1234  UP\n");
}

TEST(Table, WithoutRowsIsItsTitles) { EXPECT_EQ(Table({{"A"}, {"B"}}).text(true), "A  B\n"); }

TEST(Table, ColoursWordsNotTheSpaceAroundThem) {
  Table table({{"STATE"}, {"X"}});
  table.add({{"UP", Color::green}, "x"});
  table.add({{"DOWN", Color::red}, "y"});
  EXPECT_EQ(table.text(true),
            "STATE  X\n"
            "\x1b[32mUP\x1b[0m     x\n"
            "\x1b[31mDOWN\x1b[0m   y\n");
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({{"A"}, {"B"}});
  table.add({"\xc3\xa9\xc3\xa9", "x"});
  EXPECT_EQ(table.text(false), "A   B\n\xc3\xa9\xc3\xa9  x\n");
}

TEST(Table, LetsNoControlCharacterReachTheTerminal) {
  Table table({{"A"}});
  table.add({"\x1b[2Jx\ny"});
  EXPECT_EQ(table.text(true), "A\n?[2Jx?y\n");
}

}  // namespace
}  // namespace evloopd::ctl
