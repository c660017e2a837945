#include "control/text.h"

#include <gtest/gtest.h>

#include <string>

namespace evloopd::control {
namespace {

TEST(CleanText, KeepsWhatIsUtf8) {
  const std::string text = "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80";
  EXPECT_EQ(clean_text(text), text);
}

TEST(CleanText, ReplacesEachByteThatIsNot) {
  EXPECT_EQ(clean_text("a\xff"
                       "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(clean_text("\xc3"), "\xef\xbf\xbd");                                  // cut short
  EXPECT_EQ(clean_text("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
  EXPECT_EQ(clean_text("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
}

TEST(CleanText, CutsBetweenCharacters) {
  EXPECT_EQ(clean_text("abc", 3), "abc");
  EXPECT_EQ(clean_text("abcd", 3), "abc...");
  EXPECT_EQ(clean_text("ab\xe2\x82\xac", 4), "ab...");
}

}  // namespace
}  // namespace evloopd::control
