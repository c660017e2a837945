#include "ctl/format.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace evloopd::ctl {
namespace {

using namespace std::chrono_literals;
using evloopd::control::v1::Histogram;
using evloopd::control::v1::Site;

TEST(FormatTime, ShowsThreeDigitsAndAUnit) {
  EXPECT_EQ(format_time(0ns), "0");
  EXPECT_EQ(format_time(850ns), "850ns");
  EXPECT_EQ(format_time(1us), "1.00us");
  EXPECT_EQ(format_time(12'540ns), "12.5us");
  EXPECT_EQ(format_time(800us), "800us");
  EXPECT_EQ(format_time(999'600ns), "1.00ms");
  EXPECT_EQ(format_time(9'999us), "10.0ms");
  EXPECT_EQ(format_time(7100ms), "7.10s");
  EXPECT_EQ(format_time(59s), "59.0s");
  EXPECT_EQ(format_time(90s), "1m30s");
}

TEST(FormatAge, ShowsTheTwoLargestUnits) {
  EXPECT_EQ(format_age(-1s), "0s");
  EXPECT_EQ(format_age(41s), "41s");
  EXPECT_EQ(format_age(12min + 5s), "12m05s");
  EXPECT_EQ(format_age(3h + 7min + 59s), "3h07m");
  EXPECT_EQ(format_age(74h), "3d02h");
}

TEST(FormatTimestamp, IsUtc) {
  google::protobuf::Timestamp time;
  time.set_seconds(1'700'000'000);
  EXPECT_EQ(format_timestamp(time), "2023-11-14 22:13:20Z");
}

TEST(FormatBytes, UsesBinaryUnits) {
  EXPECT_EQ(format_bytes(1023), "1023B");
  EXPECT_EQ(format_bytes(1536), "1.5KiB");
  EXPECT_EQ(format_bytes(20ULL << 20), "20.0MiB");
  EXPECT_EQ(format_bytes((1ULL << 30) - 1), "1.0GiB");
  EXPECT_EQ(format_bytes(5ULL << 40), "5.0TiB");
}

TEST(ParseSize, TakesAWholeNumberAndAUnit) {
  EXPECT_EQ(parse_size("7B"), 7U);
  EXPECT_EQ(parse_size("10KiB"), 10240U);
  EXPECT_EQ(parse_size("3GiB"), 3ULL << 30U);
  for (const auto* text : {"", "7", "B", "1.5KiB", "-1B", "7 B", "7kB", "99999999999999GiB", "99999999999999999999B"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(FormatSite, NamesFileLineAndFunction) {
  Site site;
  EXPECT_EQ(format_site(site), "-");
  site.set_file("img/deep/scale.cc");
  EXPECT_EQ(format_site(site), "scale.cc");
  site.set_line(97);
  site.set_function("scale");
  EXPECT_EQ(format_site(site), "scale.cc:97 scale()");
  site.set_function("int scale(int)");
  EXPECT_EQ(format_site(site), "scale.cc:97 int scale(int)");
}

TEST(ShortName, IsTheLastPartOfAResource) {
  EXPECT_EQ(short_name("loops/io-0"), "io-0");
  EXPECT_EQ(short_name("loops/io-0/tasks/17"), "17");
  EXPECT_EQ(short_name("io-0"), "io-0");
}

TEST(StateWord, IsTheStatesName) {
  EXPECT_EQ(state_word(evloopd::control::v1::LOOP_STATE_RUNNING), "RUNNING");
  EXPECT_EQ(state_word(static_cast<evloopd::control::v1::LoopState>(99)), "UNKNOWN") << "of a newer daemon";
}

TEST(Quantile, IsTheEndOfTheRangeThatHoldsIt) {
  Histogram histogram;
  EXPECT_FALSE(quantile(histogram, 0.5)) << "nothing was counted";
  histogram.mutable_bounds()->Add(0.001);
  histogram.mutable_bounds()->Add(0.01);
  for (const auto count : {90, 9, 1}) histogram.add_counts(static_cast<std::uint64_t>(count));
  EXPECT_EQ(quantile(histogram, 0.5), 0.001);
  EXPECT_EQ(quantile(histogram, 0.9), 0.001);
  EXPECT_EQ(quantile(histogram, 0.99), 0.01);
  EXPECT_EQ(quantile(histogram, 0.999), std::numeric_limits<double>::infinity());
}

TEST(ParseTime, WantsANumberAndAUnit) {
  EXPECT_EQ(parse_time("500ms"), 500ms);
  EXPECT_EQ(parse_time("1.5s"), 1500ms);
  EXPECT_EQ(parse_time("2m"), 2min);
  EXPECT_EQ(parse_time("1h"), 1h);
  for (const auto* wrong : {"", "5", "s", "5 s", "-1s", "5d", "1e30s", "nans", "5sx"})
    EXPECT_FALSE(parse_time(wrong)) << wrong;
}

TEST(ParseUpstream, TakesAnAddressOrANameAndItsWeight) {
  const auto address = parse_upstream("[::1]:80=3");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->address(), "[::1]:80");
  EXPECT_EQ(address->weight(), 3);
  const auto name = parse_upstream("dns:app.internal:80");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->dns(), "app.internal:80");
  EXPECT_EQ(name->weight(), 0) << "the daemon's choice";
}

TEST(ParseUpstream, RefusesAnythingElse) {
  for (const auto* text : {"", "=3", "dns:", "dns:=2", "10.0.0.1:80=", "10.0.0.1:80=x", "10.0.0.1:80=0", "a:80=-1"})
    EXPECT_FALSE(parse_upstream(text)) << text;
}

}  // namespace
}  // namespace evloopd::ctl
