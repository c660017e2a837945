#include "net/connection.h"

#include <netinet/tcp.h>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "aio/timeout.h"
#include "net/fixed_resolver.h"
#include "net/net_test.h"
#include "net/os_error.h"
#include "net/recorder.h"
#include "net/resolve.h"
#include "net/server.h"
#include "net/staggered.h"
#include "support/leftovers.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

auto recorder() {
  return [] { return Ref(new Recorder); };
}

class ConnectionTest : public NetTest {
 protected:
  explicit ConnectionTest(Time time = Time::real) : NetTest(time) {}

  // An address that refuses: a socket is bound to it, and does not listen.
  SocketAddress refusing(const char* host = "127.0.0.1") {
    bound_.push_back(bind_stream_socket(SocketAddress::ip(host, 0)));
    return SocketAddress::local(bound_.back().get());
  }
  SocketAddress listening(const char* host = "127.0.0.1") {
    bound_.push_back(listen_stream_socket(SocketAddress::ip(host, 0)));
    return SocketAddress::local(bound_.back().get());
  }
  // An address that does not answer: its queue is full.
  SocketAddress silent(const char* host = "127.0.0.1") {
    const auto address = SocketAddress::ip(host, 0);
    bound_.push_back(listen_stream_socket(address, {.backlog = 0}));
    const auto where = SocketAddress::local(bound_.back().get());
    for (int i = 0; i < 4; ++i) {
      bound_.push_back(open_stream_socket(where.family()));
      static_cast<void>(::connect(bound_.back().get(), where.data(), where.length()));
    }
    return where;
  }
  std::exception_ptr error_of(Coro<UniqueFd> connecting) {
    try {
      static_cast<void>(run(std::move(connecting)));
    } catch (...) {
      return std::current_exception();
    }
    ADD_FAILURE() << "connected";
    return nullptr;
  }
  static SocketAddress peer(const UniqueFd& fd) { return SocketAddress::peer(fd.get()); }

  std::vector<UniqueFd> bound_;
};

TEST_F(ConnectionTest, ReturnsAfterConnectionMade) {  // TRANS-01
  const auto address = listening();
  const auto [transport, protocol] = run(create_connection(loop_, recorder(), "127.0.0.1", address.port()));
  EXPECT_THAT(protocol->calls, ElementsAre("made"));
  EXPECT_EQ(protocol->transport, transport.get());
  EXPECT_EQ(transport->peername(), address);
}

TEST_F(ConnectionTest, RefusesWhatIsNoStreamSocketAndNoAddress) {  // CONN-01
  EXPECT_TRUE(holds<ValueError>(error_of(connect_stream(loop_, "", ""))));
  const auto body = [](EventLoop& loop) -> Coro<void> {
    co_await create_connection(loop, recorder(), UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  };
  EXPECT_THROW(run(body(loop_)), ValueError);
}

TEST_F(ConnectionTest, TakesAConnectedSocket) {  // CONN-01
  auto [mine, theirs] = socket_pair();
  const auto connection = run(create_connection(loop_, recorder(), std::move(mine)));
  connection.transport->write("hello");
  EXPECT_EQ(receive_text(theirs), "hello");
}

// Counts the jobs that are given to it.
class CountingExecutor final : public Executor {
 public:
  void submit(std::move_only_function<void()> job) override {
    ++jobs;
    job();
  }
  void shutdown(bool) override {}
  int jobs = 0;
};

TEST_F(ConnectionTest, OnlyNamesAreLookedUp) {  // CONN-03
  const AddressHints stream{.type = SOCK_STREAM};
  const auto executor = std::make_shared<CountingExecutor>();
  loop_.set_default_executor(executor);
  EXPECT_THAT(run(resolve(loop_, "127.0.0.1", 80, stream)), ElementsAre(SocketAddress::parse("127.0.0.1:80")));
  EXPECT_THAT(run(resolve(loop_, "::1", "80", stream)), ElementsAre(SocketAddress::parse("[::1]:80")));
  EXPECT_THAT(run(resolve(loop_, "127.0.0.1", "", stream)), ElementsAre(SocketAddress::parse("127.0.0.1:0")));
  EXPECT_EQ(executor->jobs, 0);
  EXPECT_THAT(run(resolve(loop_, "localhost", 80, {.family = AF_INET, .type = SOCK_STREAM})),
              ElementsAre(SocketAddress::parse("127.0.0.1:80")));
  EXPECT_EQ(executor->jobs, 1);
  EXPECT_THAT(run(resolve(loop_, "127.0.0.1", "http", stream)), ElementsAre(SocketAddress::parse("127.0.0.1:80")));
  EXPECT_EQ(executor->jobs, 2);
}

TEST_F(ConnectionTest, LookUpErrorsNameWhatWasLookedUp) {  // CONN-03
  try {
    run(resolve(loop_, "127.0.0.1", 80, {.family = AF_INET6, .type = SOCK_STREAM}));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.code().category().name(), "getaddrinfo");
    EXPECT_THAT(error.what(), HasSubstr("getaddrinfo '127.0.0.1', '80'"));
  }
  EXPECT_THROW(Port(65536), ValueError);
  EXPECT_THROW(Port(-1), ValueError);
}

TEST_F(ConnectionTest, AHostWithoutAddressesCannotBeConnectedToOrFrom) {  // CONN-04
  FixedResolver nothing;
  EXPECT_THAT(describe(error_of(connect_stream(loop_, "name.example", 80, {.resolver = &nothing}))),
              testing::EndsWith("getaddrinfo() returned empty list"));
  EXPECT_THAT(describe(error_of(connect_stream(loop_, std::vector{listening()},
                                               {.local_addr = HostPort{"name.example", 0}, .resolver = &nothing}))),
              testing::EndsWith("getaddrinfo() returned empty list"));
  EXPECT_THAT(nothing.asked, ElementsAre("name.example:80", "name.example:0"));
}

TEST_F(ConnectionTest, FailedAttemptsLeaveNoSocketBehind) {  // CONN-05
  const std::vector addresses{refusing(), refusing("::1"), refusing()};
  const auto before = open_fds();
  static_cast<void>(error_of(connect_stream(loop_, addresses)));
  static_cast<void>(error_of(connect_stream(loop_, addresses, {.happy_eyeballs_delay = 1s})));
  EXPECT_LE(open_fds(), before + 1);  // what the loop needs for itself
}

TEST_F(ConnectionTest, TriesTheAddressesInOrder) {  // CONN-05
  const auto good = listening();
  const auto connected = run(connect_stream(loop_, std::vector{refusing(), good, listening()}));
  EXPECT_EQ(peer(connected), good);
}

TEST_F(ConnectionTest, BindsToALocalAddressOfTheSameFamily) {  // CONN-06
  const auto address = listening();
  const auto connected = run(connect_stream(loop_, std::vector{address}, {.local_addr = HostPort{"127.0.0.9", 0}}));
  EXPECT_EQ(SocketAddress::local(connected.get()).host(), "127.0.0.9");
  EXPECT_THAT(describe(error_of(connect_stream(loop_, std::vector{address}, {.local_addr = HostPort{"::1", 0}}))),
              HasSubstr("no matching local address with family=2 found"));
  const auto used = listening();
  EXPECT_THAT(describe(error_of(
                  connect_stream(loop_, std::vector{address}, {.local_addr = HostPort{used.host(), used.port()}}))),
              HasSubstr("error while attempting to bind on address " + used.to_string() + ": Address already in use"));
}

TEST_F(ConnectionTest, CombinesTheErrors) {  // CONN-07
  const auto one = refusing();
  const auto other = refusing();
  const auto text = [](const SocketAddress& address) {
    return "Connect call failed " + address.to_string() + ": Connection refused";
  };
  const auto single = error_of(connect_stream(loop_, std::vector{one}));
  EXPECT_THAT(describe(single), HasSubstr(text(one)));
  EXPECT_TRUE(is_connection_error(single));
  EXPECT_THAT(describe(error_of(connect_stream(loop_, std::vector{one, one}))), testing::EndsWith(text(one)));
  EXPECT_THAT(describe(error_of(connect_stream(loop_, std::vector{one, other}))),
              testing::EndsWith("Multiple exceptions: " + text(one) + ", " + text(other)));
  try {
    run(connect_stream(loop_, std::vector{one, other}, {.all_errors = true}));
    FAIL();
  } catch (const ExceptionGroup& group) {
    EXPECT_STREQ(group.what(), "create_connection failed");
    EXPECT_EQ(group.errors().size(), 2u);
  }
}

TEST_F(ConnectionTest, ACancelledAttemptClosesItsSocketAndTriesNoOther) {  // CONN-09
  const auto quiet = silent();
  auto connecting = loop_.create_task(connect_stream(loop_, std::vector{quiet, listening()}));
  turn(3);
  ASSERT_FALSE(connecting.done());
  connecting.cancel();
  turn(3);
  EXPECT_TRUE(connecting.cancelled());
}

TEST_F(ConnectionTest, AConnectionIsBoundInTimeByItsCaller) {  // CONN-09
  const auto body = [](EventLoop& loop, SocketAddress address) -> Coro<void> {
    co_await wait_for(create_connection(loop, recorder(), address), 10ms);
  };
  EXPECT_THROW(run(body(loop_, silent())), TimeoutError);
}

TEST_F(ConnectionTest, AFailingFactoryClosesTheSocketThatWasPassedIn) {  // CONN-10
  auto [mine, theirs] = socket_pair();
  const auto body = [](EventLoop& loop, UniqueFd fd) -> Coro<void> {
    const auto fail = []() -> Ref<Recorder> { throw ValueError("no protocol"); };
    co_await create_connection(loop, fail, std::move(fd));
  };
  EXPECT_THROW(run(body(loop_, std::move(mine))), ValueError);
  EXPECT_TRUE(at_end(theirs));
}

TEST_F(ConnectionTest, ACancelledWaitForConnectionMadeClosesTheTransport) {  // CONN-10
  auto [mine, theirs] = socket_pair();
  auto connecting = loop_.create_task(create_connection(loop_, recorder(), std::move(mine)));
  loop_.call_soon([&] { connecting.cancel(); });
  turn(4);
  EXPECT_TRUE(connecting.cancelled());
  EXPECT_TRUE(at_end(theirs));
}

TEST_F(ConnectionTest, ARaceGoesOnWhileAnAddressIsSilent) {  // CONN-11, CONN-12
  const auto v4 = listening("127.0.0.1");
  const auto v6 = silent("::1");
  const auto connected = run(connect_stream(loop_, std::vector{v6, v4}, {.happy_eyeballs_delay = 5ms}));
  EXPECT_EQ(peer(connected), v4);
}

TEST_F(ConnectionTest, FamiliesTakeTurns) {  // CONN-11
  // All refuse, so the errors tell the order.
  const std::vector addresses{refusing("::1"), refusing("::1"), refusing("::1"), refusing("127.0.0.1"),
                              refusing("127.0.0.1")};
  const auto order = [&](ConnectOptions options) {
    options.all_errors = true;
    std::string families;
    try {
      run(connect_stream(loop_, addresses, options));
    } catch (const ExceptionGroup& group) {
      for (const auto& error : group.errors()) families += describe(error).contains("[::1]") ? '6' : '4';
    }
    return families;
  };
  EXPECT_EQ(order({}), "66644");
  EXPECT_EQ(order({.interleave = 1}), "64646");
  EXPECT_EQ(order({.interleave = 2}), "66464");
  EXPECT_EQ(order({.happy_eyeballs_delay = 1s}), "64646");
}

TEST_F(ConnectionTest, TcpConnectionsHaveNoDelay) {  // CONN-16
  const auto [transport, protocol] = run(create_connection(loop_, recorder(), listening()));
  int on = 0;
  socklen_t length = sizeof on;
  ASSERT_EQ(::getsockopt(transport->fd(), IPPROTO_TCP, TCP_NODELAY, &on, &length), 0);
  EXPECT_NE(on, 0);
}

TEST_F(ConnectionTest, ConnectsByPathAndChecksSockets) {  // UNIX-04
  const std::string name = std::string("\0evloop-connection-", 19) + std::to_string(::getpid());
  const auto listener = listen_stream_socket(SocketAddress::unix_path(name));
  const auto connection = run(create_unix_connection(loop_, recorder(), name));
  EXPECT_EQ(connection.transport->peername(), SocketAddress::unix_path(name));
  EXPECT_THAT(describe(error_of(connect_unix(loop_, ""))), HasSubstr("no path and sock were specified"));
  EXPECT_THAT(describe(error_of(connect_unix(loop_, "/nowhere/at/all"))), HasSubstr("No such file or directory"));
  const auto body = [](EventLoop& loop, UniqueFd fd) -> Coro<void> {
    co_await create_unix_connection(loop, recorder(), std::move(fd));
  };
  auto [client, server] = tcp_pair();
  EXPECT_THROW(run(body(loop_, std::move(client))), ValueError);
}

// --- happy eyeballs, in virtual time ---

class HappyEyeballsTest : public ConnectionTest {
 protected:
  HappyEyeballsTest() : ConnectionTest(Time::is_virtual) {}

  Duration now() const { return loop_.time().time_since_epoch(); }
  // A host of these addresses.
  UniqueFd connect(std::vector<SocketAddress> addresses, ConnectOptions options) {
    FixedResolver resolver(std::move(addresses));
    options.resolver = &resolver;
    return run(connect_stream(loop_, "name.example", 80, options));
  }
};

TEST_F(HappyEyeballsTest, TheNextFamilyIsTriedAfterTheDelay) {  // CONN-11, CONN-12, CONN-13
  const auto quiet = silent("::1");
  const auto v4 = listening();
  const auto before = open_fds();
  const auto connected = connect({quiet, quiet, v4}, {.happy_eyeballs_delay = 250ms});
  EXPECT_EQ(peer(connected), v4);  // before the second address of the first family
  EXPECT_EQ(now(), 250ms);
  EXPECT_EQ(open_fds(), before + 1);  // the attempt that lost is closed
  EXPECT_THAT(loop_.all_tasks(), IsEmpty());
}

TEST_F(HappyEyeballsTest, ARefusalStartsTheNextAtOnce) {  // CONN-12
  const auto v4 = listening();
  EXPECT_EQ(peer(connect({refusing("::1"), v4}, {.happy_eyeballs_delay = 250ms})), v4);
  EXPECT_EQ(now(), 0ms);
}

TEST_F(HappyEyeballsTest, EachSilentAddressCostsOneDelay) {  // CONN-12
  const auto good = listening();
  EXPECT_EQ(peer(connect({silent("::1"), silent(), silent("::1"), good}, {.happy_eyeballs_delay = 100ms})), good);
  EXPECT_EQ(now(), 300ms);
}

TEST_F(HappyEyeballsTest, ItsErrorsAreCollectedInTheOrderOfTheAttempts) {  // CONN-07
  const auto v6 = refusing("::1");
  const auto v4 = refusing();
  try {
    connect({v4, v4, v6}, {.happy_eyeballs_delay = 1s, .all_errors = true});
    FAIL();
  } catch (const ExceptionGroup& group) {
    ASSERT_EQ(group.errors().size(), 3u);
    EXPECT_THAT(describe(group.errors()[0]), HasSubstr(v4.to_string()));
    EXPECT_THAT(describe(group.errors()[1]), HasSubstr(v6.to_string()));
    EXPECT_THAT(describe(group.errors()[2]), HasSubstr(v4.to_string()));
  }
}

TEST_F(HappyEyeballsTest, WithoutASystemErrorItIsATimeout) {  // CONN-08
  auto connecting =
      loop_.create_task(connect_stream(loop_, std::vector{silent("::1")}, {.happy_eyeballs_delay = 100ms}));
  turn(2);
  for (const auto& attempt : loop_.all_tasks())
    if (attempt.get() != connecting.state().get()) attempt->cancel();
  turn_until([&] { return connecting.done(); });
  EXPECT_TRUE(holds<TimeoutError>(connecting.exception()));
  EXPECT_THAT(describe(connecting.exception()), HasSubstr("create_connection failed"));
}

TEST_F(HappyEyeballsTest, CancellingItEndsAllAttempts) {  // CONN-15
  const auto quiet = silent("::1");
  const auto other = silent();
  const auto before = open_fds();
  auto connecting =
      loop_.create_task(connect_stream(loop_, std::vector{quiet, other}, {.happy_eyeballs_delay = 100ms}));
  loop_.call_later(200ms, [&] { connecting.cancel(); });
  turn_until([&] { return connecting.done(); });
  EXPECT_TRUE(connecting.cancelled());
  EXPECT_EQ(open_fds(), before);
  EXPECT_THAT(loop_.all_tasks(), IsEmpty());
}

// --- races, in virtual time ---

class RaceTest : public NetTest {
 protected:
  RaceTest() : NetTest(Time::is_virtual) {}

  std::function<Coro<int>()> after(Duration delay, int value, bool fails = false) {
    return [this, delay, value, fails]() -> Coro<int> { return attempt(delay, value, fails); };
  }
  Coro<int> attempt(Duration delay, int value, bool fails) {
    started_.emplace_back(value, loop_.time().time_since_epoch());
    const auto slept = co_await settled(sleep(delay));
    if (slept.cancelled()) ++cancelled_;
    if (!slept.has_value()) std::rethrow_exception(slept.error());
    if (fails) throw LoopError("attempt " + std::to_string(value));
    co_return value;
  }
  RaceResult<int> race(std::vector<std::function<Coro<int>()>> attempts, std::optional<Duration> delay) {
    return run(staggered_race<int>(loop_, std::move(attempts), delay));
  }

  std::vector<std::pair<int, Duration>> started_;
  int cancelled_ = 0;
};

TEST_F(RaceTest, TheNextStartsWhenOneFailsOrTakesTooLong) {  // CONN-12, CONN-13, CONN-14
  const auto result = race({after(1s, 0, true), after(30s, 1), after(5s, 2)}, 10s);
  EXPECT_THAT(started_, ElementsAre(std::pair(0, 0s), std::pair(1, 1s), std::pair(2, 11s)));
  EXPECT_EQ(result.value, 2);
  EXPECT_EQ(result.winner, 2u);
  ASSERT_EQ(result.errors.size(), 3u);
  EXPECT_TRUE(holds<LoopError>(result.errors[0]));
  EXPECT_TRUE(holds<CancelledError>(result.errors[1]));
  EXPECT_FALSE(result.errors[2]);
  EXPECT_EQ(cancelled_, 1);
  EXPECT_THAT(loop_.all_tasks(), IsEmpty());
}

TEST_F(RaceTest, AnEarlierFailureDoesNotStartTheNextEarlier) {  // CONN-12
  race({after(12s, 0, true), after(30s, 1, true), after(1s, 2)}, 10s);
  EXPECT_THAT(started_, ElementsAre(std::pair(0, 0s), std::pair(1, 10s), std::pair(2, 20s)));
}

TEST_F(RaceTest, WithoutAWinnerAllErrorsAreThere) {  // CONN-14
  const auto result = race({after(1s, 0, true), after(2s, 1, true)}, 10s);
  EXPECT_FALSE(result.value || result.winner);
  EXPECT_EQ(result.errors.size(), 2u);
  const auto none = race({}, 10s);
  EXPECT_FALSE(none.value);
  EXPECT_THAT(none.errors, IsEmpty());
}

TEST_F(RaceTest, WithoutADelayItIsSequential) {  // CONN-14
  race({after(100s, 0, true), after(1s, 1)}, std::nullopt);
  EXPECT_THAT(started_, ElementsAre(std::pair(0, 0s), std::pair(1, 100s)));
}

TEST_F(RaceTest, TheLastMayWinLongAfterTheOthersFailed) {  // CONN-14
  const auto result = race({after(50s, 0), after(1s, 1, true)}, 10s);
  EXPECT_EQ(result.winner, 0u);
  EXPECT_EQ(loop_.time().time_since_epoch(), 50s);
}

TEST_F(RaceTest, CancellingTheRaceEndsAllAttemptsWithItsMessage) {  // CONN-15
  auto task = loop_.create_task(staggered_race<int>(loop_, {after(100s, 0), after(100s, 1)}, 10s));
  loop_.call_later(15s, [&] { task.cancel("enough"); });
  turn_until([&] { return task.done(); });
  EXPECT_TRUE(task.cancelled());
  try {
    static_cast<void>(task.result());
    FAIL();
  } catch (const CancelledError& error) {
    EXPECT_EQ(error.message, "enough");
  }
  EXPECT_EQ(cancelled_, 2);
  EXPECT_THAT(loop_.all_tasks(), IsEmpty());
}

}  // namespace
}  // namespace evloop
