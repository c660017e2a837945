#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "settings/address.h"
#include "settings/names.h"
#include "settings/text.h"
#include "settings/units.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;

TEST(Units, ADurationIsAWholeNumberWithItsUnit) {
  EXPECT_EQ(parse_duration("25ms"), 25ms);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("90m"), 90min);
  EXPECT_EQ(parse_duration("24h"), 24h);
  for (const auto* wrong : {"", "s", "1", "1.5s", "-1s", "+1s", " 1s", "1 s", "1S", "1d", "1us", "1s ", "0x1s",
                            "9999999999h", "99999999999999999999s"})
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

TEST(Units, DurationsAreWrittenInTheLargestExactUnit) {
  for (const auto* text : {"0s", "1ms", "1500ms", "90s", "5m", "25h"})
    EXPECT_EQ(format_duration(parse_duration(text).value()), text);
  EXPECT_EQ(format_duration(60s), "1m");
}

TEST(Units, ASizeIsAWholeNumberWithItsUnit) {
  EXPECT_EQ(parse_size("0B"), 0U);
  EXPECT_EQ(parse_size("3KiB"), 3072U);
  EXPECT_EQ(parse_size("1GiB"), 1U << 30);
  for (const auto* wrong : {"", "1", "1k", "1KB", "1kib", "-1B", "1.5MiB", "99999999999GiB"})
    EXPECT_FALSE(parse_size(wrong)) << wrong;
  for (const auto* text : {"0B", "1B", "1025B", "256KiB", "3MiB", "2GiB"})
    EXPECT_EQ(format_size(parse_size(text).value()), text);
}

TEST(Addresses, HaveOneCanonicalSpelling) {
  const auto spelling = [](std::string_view text) { return Address::parse(text).value().to_string(); };
  EXPECT_EQ(spelling("127.0.0.1:8080"), "127.0.0.1:8080");
  EXPECT_EQ(spelling("[0:0:0:0:0:0:0:1]:0"), "[::1]:0");
  EXPECT_EQ(spelling("[FE80::A]:65535"), "[fe80::a]:65535");
  EXPECT_EQ(spelling("unix:/run/a b.sock"), "unix:/run/a b.sock");
}

TEST(Addresses, TellWhatIsWrongWithThem) {
  const auto error = [](std::string_view text) {
    const auto address = Address::parse(text);
    return address ? "nothing" : address.error();
  };
  EXPECT_EQ(error(""), "the port is missing");
  EXPECT_EQ(error("127.0.0.1"), "the port is missing");
  EXPECT_EQ(error("[::1]"), "the port is missing");
  EXPECT_EQ(error(":80"), "the host is missing; 0.0.0.0 and [::] stand for all");
  EXPECT_EQ(error("127.0.0.1:"), "the port is not a number from 0 to 65535");
  EXPECT_EQ(error("127.0.0.1:http"), "the port is not a number from 0 to 65535");
  EXPECT_EQ(error("127.0.0.1:65536"), "the port is not a number from 0 to 65535");
  EXPECT_EQ(error("127.0.0.1:-1"), "the port is not a number from 0 to 65535");
  EXPECT_EQ(error("::1:80"), "an IPv6 address stands in brackets");
  EXPECT_EQ(error("::1"), "an IPv6 address stands in brackets");
  EXPECT_EQ(error("[127.0.0.1]:80"), "what stands in the brackets is not an IPv6 address");
  EXPECT_EQ(error("[]:80"), "the host is a name, and names are not looked up");
  EXPECT_EQ(error("256.0.0.1:80"), "the host is not an IPv4 address");
  EXPECT_EQ(error("localhost:80"), "the host is a name, and names are not looked up");
  EXPECT_EQ(error("unix:run/a"), "the path of the unix socket is not absolute");
  EXPECT_EQ(error("unix:/" + std::string(106, 'x')), "nothing");
  EXPECT_EQ(error("unix:/" + std::string(107, 'x')), "the path of the unix socket has more than 107 bytes");
  EXPECT_EQ(error(std::string_view("unix:/a\0b", 9)), "the path of the unix socket holds a zero byte");
}

TEST(Addresses, ReachAListenerOnTheSameAddressOrOnAll) {
  const auto reaches = [](std::string_view from, std::string_view to) {
    return Address::parse(from).value().reaches(Address::parse(to).value());
  };
  EXPECT_TRUE(reaches("127.0.0.1:80", "127.0.0.1:80"));
  EXPECT_TRUE(reaches("127.0.0.2:80", "0.0.0.0:80"));
  EXPECT_TRUE(reaches("[::1]:80", "[::]:80"));
  EXPECT_TRUE(reaches("unix:/a", "unix:/a"));
  EXPECT_FALSE(reaches("127.0.0.1:80", "127.0.0.1:81"));
  EXPECT_FALSE(reaches("127.0.0.1:80", "127.0.0.2:80"));
  EXPECT_FALSE(reaches("10.0.0.1:80", "0.0.0.0:80")) << "may well be another machine";
  EXPECT_FALSE(reaches("127.0.0.1:80", "[::]:80"));
  EXPECT_FALSE(reaches("unix:/a", "unix:/b"));
}

TEST(Names, OfLoopsAndWorkloadsAreHostNameLike) {
  for (const auto& right : {std::string("a"), std::string("0"), std::string("io-0"), std::string(63, 'x')})
    EXPECT_TRUE(is_name(right)) << right;
  for (const auto& wrong : {std::string(), std::string("-a"), std::string("a-"), std::string("A"), std::string("a.b"),
                            std::string("a_b"), std::string(64, 'x')})
    EXPECT_FALSE(is_name(wrong)) << wrong;
}

TEST(Names, OfLabelsBeginWithALetter) {
  EXPECT_TRUE(is_label("_a.b-C"));
  EXPECT_FALSE(is_label(""));
  EXPECT_FALSE(is_label("0a"));
  EXPECT_FALSE(is_label("a b"));
}

TEST(Text, Utf8IsCountedUpToTheFirstFlaw) {
  EXPECT_EQ(utf8_prefix(""), 0U);
  EXPECT_EQ(utf8_prefix("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 10U);
  const std::array<std::string_view, 9> flawed{"\x80",
                                               "\xc0\x80",
                                               "\xc3",
                                               "\xe0\x80\x80",
                                               "\xed\xa0\x80",
                                               "\xf0\x80\x80\x80",
                                               "\xf4\x90\x80\x80",
                                               "\xf5\x80\x80\x80",
                                               "\xe2\x82("};
  for (const auto text : flawed) EXPECT_EQ(utf8_prefix("ab" + std::string(text)), 2U);
}

TEST(Text, ExcerptsAreShortAndOnOneLine) {
  EXPECT_EQ(excerpt("a\n\t\x1b\x7f\xc3\xa9"), "\"a\\n\\t\\x1b\\x7f\xc3\xa9\"");
  EXPECT_EQ(excerpt(std::string(60, 'x')), '"' + std::string(60, 'x') + '"');
  EXPECT_EQ(excerpt(std::string(59, 'x') + "\xc3\xa9"), '"' + std::string(59, 'x') + "...\"") << "no half character";
}

TEST(Text, TheNearestWordIsOneThatASlipMayTurnIntoTheOther) {
  const std::vector<std::string> words{"count", "names", "drain", "drain_timeout"};
  EXPECT_EQ(nearest("cuont", words), "count");
  EXPECT_EQ(nearest("name", words), "names");
  EXPECT_EQ(nearest("nmaes", words), "names");
  EXPECT_EQ(nearest("drain_timout", words), "drain_timeout");
  EXPECT_EQ(nearest("drains", words), "drain");
  EXPECT_EQ(nearest("x", words), "");
  EXPECT_EQ(nearest("affinity", words), "");
  EXPECT_EQ(nearest(std::string(100'000, 'x'), words), "");
}

TEST(Text, ChoicesAreListedAsInASentence) {
  EXPECT_EQ(one_of(std::vector<std::string>{"a"}), "a");
  EXPECT_EQ(one_of(std::vector<std::string>{"a", "b"}), "a or b");
  EXPECT_EQ(one_of(std::vector<std::string>{"a", "b", "c"}), "a, b or c");
}

}  // namespace
}  // namespace evloopd::settings
