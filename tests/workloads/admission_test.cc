#include "workloads/proxy/admission.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;

IpAddress ip(const std::string& text) { return Network::parse(text).value().address; }
constexpr evloop::TimePoint start{1000s};

std::optional<EndReason> admit(Admission& admission, const std::string& source) {
  Admission::Ticket ticket;
  return admission.admit(ticket, ip(source));
}

TEST(Admission, LetsEverybodyInWhoIsNotKeptOut) {
  Admission open({}, {});
  EXPECT_FALSE(open.needs_source());
  EXPECT_EQ(admit(open, "1.2.3.4"), std::nullopt);
  Admission closed_to_some({.deny = {"10.0.0.0/8"}}, {});
  EXPECT_EQ(admit(closed_to_some, "1.2.3.4"), std::nullopt);
  EXPECT_EQ(admit(closed_to_some, "10.1.2.3"), EndReason::access_denied);
}

TEST(Admission, OfAnAllowListLetsNobodyElseIn) {
  Admission admission({.allow = {"10.0.0.0/8", "2001:db8::/32"}}, {});
  EXPECT_EQ(admit(admission, "10.1.2.3"), std::nullopt);
  EXPECT_EQ(admit(admission, "2001:db8::1"), std::nullopt);
  EXPECT_EQ(admit(admission, "11.1.2.3"), EndReason::access_denied);
  Admission::Ticket ticket;
  EXPECT_EQ(admission.admit(ticket, {}), EndReason::access_denied) << "by a unix socket";
}

TEST(Admission, LetsTheLongestPrefixDecideAndOfTwoTheSameDeny) {
  Admission admission({.allow = {"10.1.0.0/16", "10.2.0.0/16"}, .deny = {"10.0.0.0/8", "10.2.0.0/16"}}, {});
  EXPECT_EQ(admit(admission, "10.1.2.3"), std::nullopt);
  EXPECT_EQ(admit(admission, "10.2.2.3"), EndReason::access_denied);
  EXPECT_EQ(admit(admission, "10.3.2.3"), EndReason::access_denied);
}

TEST(Admission, CountsConnectionsUntilTheyAreGone) {
  Admission admission({}, {.connections = 2});
  std::optional<Admission::Ticket> tickets[3];
  for (auto& ticket : tickets) ticket.emplace();
  EXPECT_EQ(admission.accept(*tickets[0], start), std::nullopt);
  EXPECT_EQ(admission.accept(*tickets[1], start), std::nullopt);
  EXPECT_EQ(admission.accept(*tickets[2], start), EndReason::connection_limit);
  tickets[2].reset();  // who was refused does not count
  tickets[0].reset();
  tickets[2].emplace();
  EXPECT_EQ(admission.accept(*tickets[2], start), std::nullopt);
}

TEST(Admission, CountsEachSourceAlone) {
  Admission admission({}, {.per_source = 1});
  EXPECT_TRUE(admission.needs_source());
  std::optional<Admission::Ticket> first;
  first.emplace();
  EXPECT_EQ(admission.admit(*first, ip("10.0.0.1")), std::nullopt);
  EXPECT_EQ(admit(admission, "10.0.0.1"), EndReason::source_limit);
  EXPECT_EQ(admit(admission, "10.0.0.2"), std::nullopt);
  first.reset();
  EXPECT_EQ(admit(admission, "10.0.0.1"), std::nullopt);
}

TEST(Admission, CountsANetworkOfIPv6AsOneSource) {
  Admission admission({}, {.per_source = 1});
  Admission::Ticket ticket;
  EXPECT_EQ(admission.admit(ticket, ip("2001:db8:0:1::1")), std::nullopt);
  EXPECT_EQ(admit(admission, "2001:db8:0:1:ffff::2"), EndReason::source_limit);
  EXPECT_EQ(admit(admission, "2001:db8:0:2::1"), std::nullopt);
}

TEST(Admission, LetsSoManyInASecond) {
  Admission admission({}, {.accept_rate = 10});
  const auto let_in = [&](evloop::TimePoint now) {
    int count = 0;
    for (Admission::Ticket ticket; admission.accept(ticket, now) == std::nullopt;) ++count;
    return count;
  };
  EXPECT_EQ(let_in(start), 10);
  EXPECT_EQ(let_in(start + 99ms), 0);
  EXPECT_EQ(let_in(start + 100ms), 1);
  EXPECT_EQ(let_in(start + 400ms), 3);
  EXPECT_EQ(let_in(start + 1h), 10) << "what was not used is not saved up";
}

TEST(Admission, RefusesWhatIsNoNetwork) { EXPECT_THROW(Admission({.allow = {"everybody"}}, {}), evloop::ValueError); }

}  // namespace
}  // namespace evloopd::workloads
