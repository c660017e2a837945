#include "net/resolve.h"

#include <netdb.h>

#include "net/fixed_resolver.h"
#include "net/net_test.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ResolveTest : public NetTest {
 protected:
  template <class E, class T>
  std::string error_of(Coro<T> looking) {
    try {
      static_cast<void>(run(std::move(looking)));
    } catch (const E& error) {
      return error.what();
    }
    return "no error of this type";
  }
};

TEST_F(ResolveTest, AddressesComeWithWhatASocketForThemNeeds) {
  const auto found = run(getaddrinfo(loop_, "127.0.0.1", "http", {.type = SOCK_STREAM}));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].family, AF_INET);
  EXPECT_EQ(found[0].type, SOCK_STREAM);
  EXPECT_EQ(found[0].proto, IPPROTO_TCP);
  EXPECT_EQ(found[0].address, SocketAddress::parse("127.0.0.1:80"));
  EXPECT_GT(run(getaddrinfo(loop_, "127.0.0.1", 80)).size(), 1u);  // one for each type of socket
  EXPECT_EQ(run(getaddrinfo(loop_, "localhost", 80, {.type = SOCK_STREAM, .flags = AI_CANONNAME})).at(0).canonical_name,
            "localhost");
}

TEST_F(ResolveTest, NamesOfAnAddress) {
  const auto numeric = run(getnameinfo(loop_, SocketAddress::parse("127.0.0.1:80"), NI_NUMERICHOST | NI_NUMERICSERV));
  EXPECT_EQ(numeric.host, "127.0.0.1");
  EXPECT_EQ(numeric.service, "80");
  EXPECT_EQ(run(getnameinfo(loop_, SocketAddress::parse("127.0.0.1:80"))).service, "http");
  EXPECT_THAT(error_of<std::system_error>(getnameinfo(loop_, SocketAddress())), HasSubstr("getnameinfo"));
}

TEST_F(ResolveTest, LookupsRunInTheDefaultExecutorAndAreRefusedAfterItsShutdown) {  // EXEC-10
  run(loop_.shutdown_default_executor());
  EXPECT_EQ(error_of<LoopError>(getaddrinfo(loop_, "localhost", 80)), "Executor shutdown has been called");
  EXPECT_EQ(error_of<LoopError>(getnameinfo(loop_, SocketAddress::parse("127.0.0.1:80"))),
            "Executor shutdown has been called");
  EXPECT_THAT(run(resolve(loop_, "127.0.0.1", 80, {.type = SOCK_STREAM})), testing::SizeIs(1));
}

TEST_F(ResolveTest, InDebugModeASlowLookupIsLoggedWithItsTime) {  // DBG-07
  const LogCapture capture;
  run(getaddrinfo(loop_, "localhost", 80));
  EXPECT_THAT(log(), IsEmpty());
  loop_.set_debug(true);
  loop_.set_slow_callback_duration(0s);
  run(getaddrinfo(loop_, "localhost", 80, {.type = SOCK_STREAM}));
  EXPECT_THAT(log(), testing::Contains(testing::AllOf(HasSubstr("Getting address info localhost:80 took "),
                                                      HasSubstr("ms: "), HasSubstr(":80"))));
  loop_.set_debug(false);
}

TEST_F(ResolveTest, OnlyWhatIsNotNumericIsAskedOfTheResolver) {  // CONN-03
  const auto answer = SocketAddress::parse("192.0.2.1:1");
  FixedResolver resolver({answer});
  const auto ask = [&](std::string host, Port port, int family = AF_UNSPEC) {
    return run(resolve(loop_, std::move(host), std::move(port), {.family = family, .type = SOCK_STREAM}, &resolver));
  };
  EXPECT_THAT(ask("127.0.0.1", 80), ElementsAre(SocketAddress::parse("127.0.0.1:80")));
  EXPECT_THAT(ask("::1", ""), ElementsAre(SocketAddress::parse("[::1]:0")));
  EXPECT_THAT(resolver.asked, IsEmpty());
  EXPECT_THAT(ask("name.example", 80), ElementsAre(answer));
  EXPECT_THAT(ask("127.0.0.1", "http"), ElementsAre(answer));
  EXPECT_THAT(ask("fe80::1%lo", 80), ElementsAre(answer));
  EXPECT_THAT(ask("127.0.0.1", 80, AF_INET6), ElementsAre(answer));
  EXPECT_THAT(ask("", 80), ElementsAre(answer));
  EXPECT_THAT(resolver.asked, ElementsAre("name.example:80", "127.0.0.1:http", "fe80::1%lo:80", "127.0.0.1:80", ":80"));
  EXPECT_EQ(resolver.last_hints.type, SOCK_STREAM);
}

TEST_F(ResolveTest, ALookupCanBeCancelledWithoutWaitingForIt) {
  // The lookup begins, and what it answers is dropped.
  auto task = loop_.create_task(getaddrinfo(loop_, "localhost", 80));
  turn();
  task.cancel();
  turn_until([&] { return task.done(); });
  EXPECT_TRUE(task.cancelled());
}

TEST_F(ResolveTest, ErrorsAreOfTheResolversCategory) {
  try {
    run(getaddrinfo(loop_, "127.0.0.1", 80, {.family = AF_INET6}));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().category(), resolver_category());
    EXPECT_EQ(error.code().value(), EAI_ADDRFAMILY);
  }
}

}  // namespace
}  // namespace evloop
