#include "workloads/upstreams/pool_test.h"

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

using host::Reason;
using host::UpstreamSpec;
using host::UpstreamState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;
using testing::Pair;

const std::string a = "10.0.0.1:80", b = "10.0.0.2:80", c = "10.0.0.3:80", d = "10.0.0.4:80";

class PoolRules : public PoolTest {
 protected:
  void fail(const std::string& name, int times = 1) {
    for (; times > 0; --times) pool_->connect_failed(*endpoint(name), "refused", now());
  }
  void check(const std::string& name, bool passed, int times = 1) {
    for (; times > 0; --times) pool_->checked(*endpoint(name), passed, passed ? "fine" : "bad", now());
  }
  [[nodiscard]] UpstreamState state(const std::string& name) {
    const auto found = snapshot(name);
    return found.endpoints.empty() ? UpstreamState::draining : found.endpoints.at(0).state;
  }
};

TEST_F(PoolRules, ClientsGoToAllByWeight) {
  make({.list = numbered({1, 3})});
  EXPECT_THAT(candidates(), ElementsAre(Pair(a, 10U), Pair(b, 30U)));
}

TEST_F(PoolRules, RefusesAListThatIsWrong) {
  for (const UpstreamSpec& wrong :
       {UpstreamSpec{}, UpstreamSpec{.address = "localhost:80"}, UpstreamSpec{.address = "10.0.0.1:0"},
        UpstreamSpec{.address = a, .dns = "app:80"}, UpstreamSpec{.dns = "app"},
        UpstreamSpec{.address = a, .weight = 0}, UpstreamSpec{.address = a, .weight = 257},
        UpstreamSpec{.address = a, .max_connections = -1}})
    EXPECT_THROW(make({.list = {wrong}}), evloop::ValueError) << wrong.name();
  EXPECT_THROW(make({.list = {{a}, {b}, {a}}}), evloop::ValueError);
  EXPECT_THROW(make({.list = {{a}}, .dns = {.servers = {"nonsense"}}}), evloop::ValueError);
}

TEST_F(PoolRules, RunsNoProgramUnlessThatIsAllowed) {
  UpstreamsOptions options{.list = {{a}}, .check = {.kind = CheckKind::exec, .command = {"true"}}};
  EXPECT_THROW(make(options), evloop::ValueError);
  options.check.may_exec = true;
  EXPECT_NO_THROW(make(options));
}

// --- checks ---

TEST_F(PoolRules, AnUpstreamThatIsDownGetsNoClient) {
  auto& pool = make({.list = numbered({1, 1})});
  const auto before = pool.version();
  check(a, false);
  EXPECT_NE(pool.version(), before);
  EXPECT_THAT(candidates(), ElementsAre(Key(b)));
  EXPECT_EQ(state(a), UpstreamState::down);
  check(a, true, 2);
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b)));
  const auto history = snapshot(a).endpoints.at(0).history;
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history[0].state, UpstreamState::down);
  EXPECT_EQ(history[0].reason, "bad");
  EXPECT_EQ(history[1].state, UpstreamState::up);
  EXPECT_EQ(snapshot(a).checks_passed, 2U);
  EXPECT_EQ(snapshot(a).checks_failed, 1U);
  EXPECT_THAT(QuietLog::lines(), ElementsAre("upstream 10.0.0.1:80 is down: bad", "upstream 10.0.0.1:80 is up: fine"));
}

TEST_F(PoolRules, BackupsServeOnlyWhileNoOtherIsUp) {
  make({.list = {{.address = a}, {.address = b}, {.address = c, .backup = true}}});
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b)));
  check(a, false);
  EXPECT_THAT(candidates(), ElementsAre(Key(b)));
  check(b, false);
  EXPECT_THAT(candidates(), ElementsAre(Key(c)));
  check(a, true, 2);
  EXPECT_THAT(candidates(), ElementsAre(Key(a)));
}

TEST_F(PoolRules, WithAllDownNobodyIsTried) {
  make({.list = numbered({1, 1})});
  check(a, false);
  check(b, false);
  EXPECT_THAT(candidates(), IsEmpty());
}

TEST_F(PoolRules, WithAllDownAllAreTriedIfThatIsWished) {
  make({.list = {{.address = a}, {.address = b}, {.address = c, .backup = true}}, .all_down = AllDown::use_all});
  for (const auto& name : {a, b, c}) check(name, false);
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b)));
  check(c, true, 2);
  EXPECT_THAT(candidates(), ElementsAre(Key(c)));
}

TEST_F(PoolRules, OneThatComesBackGetsItsShareSlowly) {
  make({.list = numbered({2, 1}), .slow_start = 10s});
  EXPECT_THAT(candidates(), ElementsAre(Pair(a, 20U), Pair(b, 10U))) << "at the start there is nothing to spare";
  check(a, false);
  check(a, true, 2);
  for (std::uint32_t tenths = 1; tenths <= 10; ++tenths) {
    EXPECT_THAT(candidates(), ElementsAre(Pair(a, 2 * tenths), Pair(b, 10U)));
    clock_.advance(1s);
  }
  EXPECT_EQ(view()->good_until, evloop::TimePoint::max()) << "from here on time changes nothing";
}

// --- ejection ---

TEST_F(PoolRules, OneThatFailsClientsInARowIsEjected) {
  make({.list = numbered({1, 1}), .ejection = {.failures = 3, .time = 10s}});
  fail(a, 2);
  endpoint(a)->connected();
  fail(a, 2);
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b)));
  fail(a);
  EXPECT_THAT(candidates(), ElementsAre(Key(b)));
  EXPECT_EQ(state(a), UpstreamState::ejected);
  clock_.advance(10s);
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b)));
  EXPECT_EQ(snapshot(a).ejections, 1U);
  EXPECT_EQ(snapshot(a).connects_failed, 5U);
}

TEST_F(PoolRules, OneThatIsBackIsOnProbation) {
  make({.list = numbered({1, 1}), .ejection = {.failures = 3, .time = 10s}});
  fail(a, 3);
  clock_.advance(10s);
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b)));
  fail(a);
  EXPECT_THAT(candidates(), ElementsAre(Key(b)));
  clock_.advance(10s);
  EXPECT_THAT(candidates(), ElementsAre(Key(b))) << "longer than the first time";
  clock_.advance(10s);
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b)));
  endpoint(a)->connected();
  fail(a, 2);
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b))) << "the probation is over";
}

TEST_F(PoolRules, EarlyResetsEjectIfThatIsWished) {
  make({.list = numbered({1, 1}), .ejection = {.resets = 2}});
  const auto place = Place::at(*endpoint(a));
  place.reset_early(now());
  place.served();
  place.reset_early(now());
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b)));
  place.reset_early(now());
  EXPECT_THAT(candidates(), ElementsAre(Key(b)));
}

TEST_F(PoolRules, OnlySoManyAreOutAtOnce) {
  make({.list = numbered({1, 1, 1, 1}), .ejection = {.failures = 1, .time = 10s, .most = 50}});
  for (const auto& name : {a, b, c, d}) fail(name);
  EXPECT_THAT(candidates(), ElementsAre(Key(c), Key(d)));
  make({.list = numbered({1}), .ejection = {.failures = 1, .most = 50}});
  fail(a);
  EXPECT_THAT(candidates(), ElementsAre(Key(a))) << "half of one is none";
  make({.list = numbered({1}), .ejection = {.failures = 1, .most = 100}});
  fail(a);
  EXPECT_THAT(candidates(), IsEmpty());
}

TEST_F(PoolRules, NobodyIsEjectedIfThatIsOff) {
  make({.list = numbered({1, 1}), .ejection = {.failures = 0}});
  fail(a, 100);
  EXPECT_THAT(candidates(), ElementsAre(Key(a), Key(b)));
}

TEST_F(PoolRules, AFailureIsLoggedOncePerMinuteAndUpstream) {
  make({.list = numbered({1, 1}), .ejection = {.failures = 0}});
  fail(a, 2);
  fail(b);
  clock_.advance(59s);
  fail(a);
  EXPECT_THAT(QuietLog::lines(), ElementsAre(HasSubstr(a + " cannot be connected to: refused"), HasSubstr(b)));
  clock_.advance(1s);
  fail(a, 2);
  EXPECT_EQ(QuietLog::lines().size(), 3U);
}

// --- names ---

TEST_F(PoolRules, ANameStandsForItsAddresses) {
  auto& pool = make({.list = {{.dns = "app:80", .weight = 2}, {.address = c}}});
  EXPECT_THAT(candidates(), ElementsAre(Key(c)));
  EXPECT_TRUE(view()->unresolved);
  EXPECT_THAT(pool.names(), ElementsAre("app:80"));
  const auto at = [](const std::string& text) { return evloop::SocketAddress::parse(text); };
  pool.resolved("app:80", {at(a), at(b), at(a)}, now());
  EXPECT_THAT(candidates(), ElementsAre(Pair(a, 20U), Pair(b, 20U), Pair(c, 10U)));
  EXPECT_FALSE(view()->unresolved);
  EXPECT_EQ(snapshot("app:80").endpoints.size(), 2U);
}

TEST_F(PoolRules, ANewAnswerKeepsWhatItCan) {
  auto& pool = make({.list = {{.dns = "app:80"}}});
  const auto at = [](const std::string& text) { return evloop::SocketAddress::parse(text); };
  pool.resolved("app:80", {at(a), at(b)}, now());
  check(a, false);
  auto place = Place::at(*endpoint(b));
  const auto version = pool.version();
  pool.resolved("app:80", {at(b), at(a)}, now());
  EXPECT_EQ(pool.version(), version) << "it says nothing new";
  pool.resolved("app:80", {at(a), at(c)}, now());
  EXPECT_THAT(candidates(), ElementsAre(Key(c))) << "a is down still";
  const auto app = snapshot("app:80");
  ASSERT_EQ(app.endpoints.size(), 3U);
  EXPECT_EQ(app.endpoints[2].state, UpstreamState::draining);
  EXPECT_EQ(app.connections_open, 1U);
  place = {};
  EXPECT_EQ(snapshot("app:80").endpoints.size(), 2U);
}

TEST_F(PoolRules, AnAnswerForANameThatHasGoneDoesNothing) {
  auto& pool = make({.list = numbered({1})});
  pool.resolved("app:80", {evloop::SocketAddress::parse(b)}, now());
  EXPECT_THAT(candidates(), ElementsAre(Key(a)));
}

// --- a new list ---

TEST_F(PoolRules, ANewListReplacesTheOld) {
  auto& pool = make({.list = numbered({1, 1})});
  check(b, false);
  const auto stays = Place::at(*endpoint(b));
  auto goes = Place::at(*endpoint(a));
  ASSERT_TRUE(pool.set({{.address = b, .weight = 5, .max_connections = 1}, {.address = c}}));
  EXPECT_THAT(candidates(), ElementsAre(Key(c))) << "b keeps its health";
  EXPECT_TRUE(endpoint(b)->is_full()) << "and its connection, which the new limit counts";
  EXPECT_EQ(snapshot(b).weight, 5);
  EXPECT_EQ(snapshot(b).connections_open, 1U);
  EXPECT_EQ(state(a), UpstreamState::draining);
  EXPECT_EQ(snapshot(a).connections_open, 1U);
  goes = {};
  EXPECT_EQ(pool.snapshot().list.size(), 2U) << "nothing is left of a";
}

TEST_F(PoolRules, OneThatComesBackWhileItDrainsIsTheSame) {
  auto& pool = make({.list = numbered({1, 1})});
  check(a, false);
  const auto place = Place::at(*endpoint(a));
  const auto* before = &place.endpoint();
  ASSERT_TRUE(pool.set({{b}}));
  ASSERT_TRUE(pool.set({{a}, {b}}));
  EXPECT_EQ(endpoint(a).get(), before);
  EXPECT_EQ(state(a), UpstreamState::down);
  EXPECT_EQ(snapshot(a).checks_failed, 1U);
  EXPECT_EQ(pool.snapshot().list.size(), 2U);
}

TEST_F(PoolRules, AWrongListChangesNothing) {
  auto& pool = make({.list = numbered({1})});
  const auto refused = pool.set({{b}, {b}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::bad_argument);
  EXPECT_EQ(refused.error().message, "upstreams[1]: upstream 10.0.0.2:80 is there twice");
  EXPECT_THAT(candidates(), ElementsAre(Key(a)));
}

TEST_F(PoolRules, AWrongEntryIsNamedByItsField) {
  auto& pool = make({.list = numbered({1})});
  const auto field = [&](const UpstreamSpec& wrong) { return pool.set({{a}, wrong}).error().metadata.at("field"); };
  EXPECT_EQ(field({}), "upstreams[1]");
  EXPECT_EQ(field({.address = "localhost:80"}), "upstreams[1].address");
  EXPECT_EQ(field({.dns = "app"}), "upstreams[1].dns");
  EXPECT_EQ(field({.address = b, .weight = 257}), "upstreams[1].weight");
  EXPECT_EQ(field({.address = b, .max_connections = -1}), "upstreams[1].max_connections");
  EXPECT_EQ(field({.address = a}), "upstreams[1]");
}

TEST_F(PoolRules, AnEmptyListRefusesClients) {
  auto& pool = make({.list = numbered({1})});
  ASSERT_TRUE(pool.set({}));
  EXPECT_THAT(candidates(), IsEmpty());
  EXPECT_FALSE(view()->unresolved);
}

// --- limits ---

TEST_F(PoolRules, ALimitIsKept) {
  make({.list = {{.address = a, .max_connections = 2}}});
  const auto first = Place::at(*endpoint(a));
  auto second = Place::at(*endpoint(a));
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(Place::at(*endpoint(a)));
  second = {};
  EXPECT_TRUE(Place::at(*endpoint(a)));
}

TEST_F(PoolRules, AnEndpointLivesAsLongAsAPlaceAtIt) {
  auto& pool = make({.list = numbered({1, 1})});
  const auto place = Place::at(*endpoint(a));
  ASSERT_TRUE(pool.set({{b}}));
  EXPECT_EQ(place.endpoint().name(), a);
}

TEST_F(PoolRules, ConnectTimesAreCounted) {
  make({.list = numbered({1})});
  auto& times = endpoint(a)->counters().connect_times;
  for (const evloop::Duration took : {100'000ns, 500'000ns, 600'000ns, 10'000'000'000ns}) times.add(took);
  const auto seen = snapshot(a);
  EXPECT_EQ(seen.connections_total, 4U);
  EXPECT_EQ(seen.connect_seconds.buckets.front(), 2U);
  EXPECT_EQ(seen.connect_seconds.buckets.at(1), 1U);
  EXPECT_EQ(seen.connect_seconds.buckets.back(), 1U);
  EXPECT_DOUBLE_EQ(seen.connect_seconds.sum, 10.0012);
}

}  // namespace
}  // namespace evloopd::workloads
