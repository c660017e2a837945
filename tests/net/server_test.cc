#include "net/server.h"

#include <netinet/tcp.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "aio/context_var.h"
#include "aio/settled.h"
#include "net/connection.h"
#include "net/failing_calls.h"
#include "net/fixed_resolver.h"
#include "net/net_test.h"
#include "net/os_error.h"
#include "net/recorder.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ServerTest : public NetTest {
 protected:
  ServerTest() {
    std::string folder = "/tmp/evloop-server-XXXXXX";
    if (!::mkdtemp(folder.data())) std::abort();
    folder_ = folder;
  }
  ~ServerTest() override { std::filesystem::remove_all(folder_); }

  ProtocolFactory factory() {
    return [this] { return protocols_.emplace_back(new Recorder); };
  }
  Server serve(ServerOptions options = {}) { return run(create_server(loop_, factory(), "127.0.0.1", 0, options)); }
  static SocketAddress address(const Server& server) { return server.sockets().at(0).address; }
  // A client that connects without the loop's help.
  static UniqueFd connect(const SocketAddress& address) {
    auto fd = UniqueFd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), address.data(), address.length()) != 0) return {};
    return fd;
  }
  UniqueFd connect_and_wait(const Server& server) {
    const auto before = protocols_.size();
    auto client = connect(address(server));
    turn_until([&] { return protocols_.size() > before && protocols_.back()->transport; });
    return client;
  }
  template <class E>
  std::string error_of(Coro<Server> creation) {
    try {
      static_cast<void>(run(std::move(creation)));
    } catch (const E& error) {
      return error.what();
    }
    return "no error of this type";
  }
  std::string path(const char* name) const { return folder_ + "/" + name; }

  std::string folder_;
  std::vector<Ref<Recorder>> protocols_;
};

TEST_F(ServerTest, ASocketOfAnotherKindOrNoHostIsRefused) {  // SRV-01
  const auto text =
      error_of<ValueError>(create_server(loop_, factory(), UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))));
  EXPECT_THAT(text, HasSubstr("A Stream Socket was expected, got fd "));
  EXPECT_EQ(error_of<ValueError>(create_server(loop_, factory(), std::vector<std::string>(), 0)),
            "Neither host/port nor sock were specified");
}

TEST_F(ServerTest, ABoundSocketIsServed) {
  auto server = run(create_server(loop_, factory(), bind_stream_socket(SocketAddress::parse("127.0.0.1:0"))));
  const auto client = connect_and_wait(server);
  EXPECT_EQ(protocols_.size(), 1u);
}

TEST_F(ServerTest, AnEmptyHostServesAllInterfacesAndAHostListEachOnce) {  // SRV-02
  auto all = run(create_server(loop_, factory(), "", 0));
  std::vector<std::string> hosts;
  for (const auto& socket : all.sockets()) hosts.push_back(socket.address.host());
  EXPECT_THAT(hosts, testing::Contains("0.0.0.0"));
  auto some = run(create_server(loop_, factory(), std::vector<std::string>{"127.0.0.1", "127.0.0.2", "127.0.0.1"}, 0));
  EXPECT_EQ(some.sockets().size(), 2u);
  auto named = run(create_server(loop_, factory(), "localhost", 0, {.family = AF_INET}));
  EXPECT_EQ(address(named).host(), "127.0.0.1");
}

TEST_F(ServerTest, AHostWithoutAddressesCannotBeServed) {  // SRV-02
  FixedResolver nothing;
  EXPECT_EQ(error_of<std::system_error>(create_server(loop_, factory(), "name.example", 80, {.resolver = &nothing})),
            "getaddrinfo('name.example') returned empty list");
  EXPECT_EQ(nothing.last_hints.type, SOCK_STREAM);
  EXPECT_EQ(nothing.last_hints.flags, AI_PASSIVE);
}

TEST_F(ServerTest, AllHostsAreLookedUpAtATimeAndEachAddressIsBoundOnce) {  // SRV-02
  // Answers when all have been asked.
  class Together final : public Resolver {
   public:
    explicit Together(EventLoop& loop) : all_asked_(loop.create_future()) {}
    Coro<std::vector<AddressInfo>> getaddrinfo(EventLoop&, std::string, Port, AddressHints) override {
      if (++asked_ == 3) all_asked_.set_result();
      co_await all_asked_;
      co_return {{.family = AF_INET,
                  .type = SOCK_STREAM,
                  .proto = 0,
                  .canonical_name = {},
                  .address = SocketAddress::parse("127.0.0.1:0")}};
    }

   private:
    int asked_ = 0;
    const Future<void> all_asked_;
  };
  Together resolver(loop_);
  auto server =
      run(create_server(loop_, factory(), std::vector<std::string>{"one", "two", "three"}, 0, {.resolver = &resolver}));
  EXPECT_EQ(server.sockets().size(), 1u);
}

TEST_F(ServerTest, ListensAsItsOptionsSay) {  // SRV-03
  const auto option = [](const Server& server, int level, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    if (::getsockopt(server.sockets().at(0).fd, level, name, &value, &length) != 0) ADD_FAILURE() << errno;
    return value != 0;
  };
  const auto plain = serve();
  EXPECT_TRUE(option(plain, SOL_SOCKET, SO_REUSEADDR));
  EXPECT_FALSE(option(plain, SOL_SOCKET, SO_REUSEPORT));
  EXPECT_FALSE(option(plain, SOL_SOCKET, SO_KEEPALIVE));
  const auto other = serve({.reuse_address = false, .reuse_port = true, .keep_alive = true});
  EXPECT_FALSE(option(other, SOL_SOCKET, SO_REUSEADDR));
  EXPECT_TRUE(option(other, SOL_SOCKET, SO_REUSEPORT));
  EXPECT_TRUE(option(other, SOL_SOCKET, SO_KEEPALIVE));
  const auto v6 = run(create_server(loop_, factory(), "::1", 0));
  EXPECT_TRUE(option(v6, IPPROTO_IPV6, IPV6_V6ONLY));
}

TEST_F(ServerTest, TheBacklogIsAHundredUnlessToldOtherwise) {  // SRV-06
  const auto backlog = [](const Server& server) {
    tcp_info info{};
    socklen_t length = sizeof info;
    if (::getsockopt(server.sockets().at(0).fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) ADD_FAILURE() << errno;
    return info.tcpi_sacked;  // of a listening socket: its backlog
  };
  EXPECT_EQ(backlog(serve()), 100u);
  EXPECT_EQ(backlog(serve({.backlog = 7})), 7u);
}

TEST_F(ServerTest, AConnectionThatIsGoneBeforeItIsAcceptedIsSkipped) {  // SRV-10
  auto server = serve();
  const auto first = connect(address(server));
  const auto second = connect(address(server));
  FailingCalls::accept4 = {ECONNABORTED, 0, ECONNABORTED};
  turn(2);
  EXPECT_EQ(protocols_.size(), 2u);  // both, in one round
  EXPECT_THAT(FailingCalls::accept4, IsEmpty());
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(ServerTest, AnInterruptedAcceptIsTriedInTheNextTurn) {  // SRV-09
  auto server = serve();
  const auto client = connect(address(server));
  FailingCalls::accept4 = {EINTR};
  turn(2);
  EXPECT_THAT(protocols_, IsEmpty());
  turn();
  EXPECT_EQ(protocols_.size(), 1u);
}

TEST_F(ServerTest, AnotherErrorOfAcceptIsReportedAndAcceptingGoesOn) {  // SRV-13
  auto server = serve();
  const auto client = connect(address(server));
  FailingCalls::accept4 = {EPERM};
  turn(3);
  EXPECT_EQ(reports_.size(), 1u);
  EXPECT_EQ(protocols_.size(), 1u);
}

TEST_F(ServerTest, AnAddressThatIsNotHereIsNoAddressToBind) {  // SRV-04
  EXPECT_EQ(error_of<std::system_error>(create_server(loop_, factory(), "192.0.2.1", 1)),
            "could not bind on any address out of [192.0.2.1:1]");
  // With another one it is left out.
  auto server = run(create_server(loop_, factory(), std::vector<std::string>{"192.0.2.1", "127.0.0.1"}, 0));
  EXPECT_EQ(server.sockets().size(), 1u);
}

TEST_F(ServerTest, AnAddressInUseClosesWhatWasBoundAndIsNamed) {  // SRV-05
  auto first = serve();
  const auto used = address(first);
  const auto text = error_of<std::system_error>(
      create_server(loop_, factory(), std::vector<std::string>{"127.0.0.2", "127.0.0.1"}, used.port()));
  EXPECT_EQ(text, "error while attempting to bind on address " + used.to_string() + ": Address already in use");
  auto again = run(create_server(loop_, factory(), "127.0.0.2", used.port()));
  EXPECT_EQ(again.sockets().size(), 1u);
}

TEST_F(ServerTest, ListensAtOnceAndAfterOneTurn) {  // SRV-06
  auto task = loop_.create_task(create_server(loop_, factory(), SocketAddress::parse("127.0.0.1:0")));
  turn();
  EXPECT_FALSE(task.done());
  turn();
  ASSERT_TRUE(task.done());
  auto server = run([](Task<Server> made) -> Coro<Server> { co_return co_await std::move(made); }(std::move(task)));
  EXPECT_TRUE(server.is_serving());
  EXPECT_TRUE(connect(address(server)));
  EXPECT_EQ(&server.get_loop(), &loop_);
}

TEST_F(ServerTest, BoundButNotListeningUntilStarted) {  // SRV-07
  auto server = serve({.start_serving = false});
  EXPECT_FALSE(server.is_serving());
  EXPECT_FALSE(connect(address(server)));
  run(server.start_serving());
  run(server.start_serving());
  EXPECT_TRUE(server.is_serving());
  EXPECT_TRUE(connect(address(server)));
}

TEST_F(ServerTest, StartServingAfterCloseSaysSo) {  // SRV-08
  auto server = serve();
  server.close();
  try {
    run(server.start_serving());
    FAIL();
  } catch (const LoopError& error) {
    EXPECT_STREQ(error.what(), "server <Server sockets=()> is closed");
  }
  EXPECT_FALSE(server.is_serving());
}

TEST_F(ServerTest, AFailingFactoryClosesTheConnectionAndIsReportedInDebugOnly) {  // SRV-14
  auto server =
      run(create_server(loop_, []() -> Ref<BaseProtocol> { throw ValueError("no protocol"); }, "127.0.0.1", 0));
  for (const bool debug : {false, true}) {
    loop_.set_debug(debug);
    const auto client = connect(address(server));
    turn_until([&] { return at_end(client); });
    EXPECT_EQ(reports_.size(), debug ? 1u : 0u);
  }
  EXPECT_THAT(reports_, ElementsAre("Error on transport creation for incoming connection"));
}

TEST_F(ServerTest, SocketsTellWhereItListensUntilItIsClosed) {  // SRV-16
  auto server = serve();
  ASSERT_EQ(server.sockets().size(), 1u);
  EXPECT_NE(address(server).port(), 0);
  server.close();
  EXPECT_THAT(server.sockets(), IsEmpty());
}

TEST_F(ServerTest, CloseStopsAcceptingAndLeavesConnectionsAlone) {  // SRV-17
  auto server = serve();
  const auto where = address(server);
  const auto client = connect_and_wait(server);
  server.close();
  server.close();
  EXPECT_FALSE(server.is_serving());
  EXPECT_FALSE(connect(where));
  ASSERT_TRUE(protocols_[0]->transport);
  protocols_[0]->transport->write("still here");
  EXPECT_EQ(receive_text(client), "still here");
}

TEST_F(ServerTest, WaitClosedReturnsWhenTheLastConnectionHasGone) {  // SRV-18
  auto server = serve();
  const auto client = connect_and_wait(server);
  auto early = loop_.create_task(server.wait_closed());
  turn(3);
  EXPECT_FALSE(early.done());
  server.close();
  auto late = loop_.create_task(server.wait_closed());
  turn(3);
  EXPECT_FALSE(early.done());
  protocols_[0]->transport->close();
  turn(3);
  EXPECT_TRUE(protocols_[0]->lost);
  EXPECT_TRUE(early.done() && late.done());
  run(server.wait_closed());
}

TEST_F(ServerTest, WaitClosedWaitsForCloseAlsoWithoutConnections) {  // SRV-18
  auto server = serve();
  auto waiting = loop_.create_task(server.wait_closed());
  turn(3);
  EXPECT_FALSE(waiting.done());
  server.close();
  turn(2);
  EXPECT_TRUE(waiting.done());
}

TEST_F(ServerTest, ClosesOrAbortsItsConnectionsAndServesOn) {  // SRV-19
  auto server = serve();
  const auto gentle = connect_and_wait(server);
  protocols_[0]->transport->write(std::string(10'000'000, 'x'));
  ASSERT_GT(protocols_[0]->transport->get_write_buffer_size(), 0u);
  server.close_clients();
  std::size_t received = 0;
  turn_until([&] {
    received += receive_text(gentle).size();
    return protocols_[0]->lost;
  });
  received += receive_text(gentle).size();
  EXPECT_EQ(received, 10'000'000u);

  const auto rough = connect_and_wait(server);
  protocols_[1]->transport->write(std::string(10'000'000, 'x'));
  server.abort_clients();
  turn(2);
  EXPECT_TRUE(protocols_[1]->lost);
  EXPECT_TRUE(server.is_serving());
}

TEST_F(ServerTest, ServesForeverOnceAtATime) {  // SRV-20
  auto server = serve({.start_serving = false});
  auto first = loop_.create_task(server.serve_forever());
  turn(2);
  EXPECT_TRUE(server.is_serving());
  auto second = loop_.create_task(server.serve_forever());
  turn(2);
  EXPECT_THAT(describe(second.exception()), HasSubstr("is already being awaited on serve_forever()"));
  server.close();
  turn(4);
  EXPECT_TRUE(first.cancelled());
  auto third = loop_.create_task(server.serve_forever());
  turn(2);
  EXPECT_THAT(describe(third.exception()), HasSubstr("is closed"));
}

TEST_F(ServerTest, CancellingServeForeverClosesServerAndClientsAndWaitsForThem) {  // SRV-21
  auto server = serve();
  auto forever = loop_.create_task(server.serve_forever());
  const auto client = connect_and_wait(server);
  forever.cancel();
  turn_until([&] { return forever.done(); });
  EXPECT_TRUE(forever.cancelled());
  EXPECT_TRUE(protocols_[0]->lost);
  EXPECT_THAT(server.sockets(), IsEmpty());
}

TEST_F(ServerTest, AScopeClosesTheServerAndWaits) {  // SRV-22
  SocketAddress where;
  const auto body = [&]() -> Coro<int> {
    co_return co_await with_server(co_await create_server(loop_, factory(), "127.0.0.1", 0),
                                   [&](Server& server) -> Coro<int> {
                                     where = address(server);
                                     co_return 7;
                                   });
  };
  EXPECT_EQ(run(body()), 7);
  EXPECT_FALSE(connect(where));
}

TEST_F(ServerTest, ConnectAcceptedSocketMakesAServersConnection) {  // SRV-23
  auto [client, accepted] = tcp_pair();
  const auto connection = run(connect_accepted_socket(loop_, [] { return Ref(new Recorder); }, std::move(accepted)));
  EXPECT_THAT(connection.protocol->calls, ElementsAre("made"));
  EXPECT_EQ(connection.transport->peername(), SocketAddress::local(client.get()));
}

TEST_F(ServerTest, AConnectionThatTheClosedLoopEndsNoLongerCounts) {  // SRV-24
  auto server = serve();
  const auto client = connect_and_wait(server);
  loop_.close();
  EXPECT_TRUE(at_end(client));
}

TEST_F(ServerTest, ADestroyedServerIsClosedAndItsConnectionsLiveOn) {  // SRV-17
  SocketAddress where;
  UniqueFd client;
  {
    auto server = serve();
    where = address(server);
    client = connect_and_wait(server);
  }
  EXPECT_FALSE(connect(where));
  send_text(client, "data");
  turn_until([&] { return protocols_[0]->data == "data"; });
}

TEST_F(ServerTest, AnAcceptedConnectionIsDroppedIfTheServerClosesBeforeItBegins) {
  auto server = run(create_unix_server(loop_, factory(), path("socket")));
  const auto client = connect(SocketAddress::unix_path(path("socket")));
  turn();  // accepted; its protocol would be made in the next turn
  EXPECT_FALSE(at_end(client));
  server.close();
  turn(2);
  EXPECT_TRUE(at_end(client));
  EXPECT_THAT(protocols_, IsEmpty());
  run(server.wait_closed());
}

// --- unix sockets ---

TEST_F(ServerTest, AUnixServerRefusesASocketOfAnotherKindAndNoPath) {  // UNIX-01
  EXPECT_EQ(error_of<ValueError>(create_unix_server(loop_, factory(), "")),
            "path was not specified, and no sock specified");
  EXPECT_THAT(error_of<ValueError>(create_unix_server(loop_, factory(), open_stream_socket(AF_INET))),
              HasSubstr("A UNIX Domain Stream Socket was expected, got fd "));
}

TEST_F(ServerTest, AUnixServerReplacesASocketAndNothingElse) {  // UNIX-02
  const auto socket = path("socket");
  static_cast<void>(bind_stream_socket(SocketAddress::unix_path(socket)));
  ASSERT_TRUE(std::filesystem::is_socket(socket));
  auto server = run(create_unix_server(loop_, factory(), socket));
  EXPECT_TRUE(connect(SocketAddress::unix_path(socket)));

  const auto file = path("file");
  std::ofstream(file) << "content";
  EXPECT_EQ(error_of<std::system_error>(create_unix_server(loop_, factory(), file)),
            "Address '" + file + "' is already in use");
  EXPECT_TRUE(std::filesystem::is_regular_file(file));
  EXPECT_THAT(error_of<std::system_error>(create_unix_server(loop_, factory(), path("no/folder"))),
              HasSubstr("No such file or directory"));
}

TEST_F(ServerTest, ThePathGoesWithTheServer) {  // UNIX-03
  const auto socket = path("socket");
  auto server = run(create_unix_server(loop_, factory(), socket));
  server.close();
  EXPECT_FALSE(std::filesystem::exists(socket));
  auto kept = run(create_unix_server(loop_, factory(), socket, {.cleanup_socket = false}));
  kept.close();
  EXPECT_TRUE(std::filesystem::exists(socket));
}

TEST_F(ServerTest, ASocketThatWasPassedInIsCleanedUpAlike) {  // UNIX-03
  const auto socket = path("socket");
  auto bound = open_stream_socket(AF_UNIX);
  bind_socket(bound.get(), SocketAddress::unix_path(socket));
  auto server = run(create_unix_server(loop_, factory(), std::move(bound)));
  EXPECT_TRUE(connect(SocketAddress::unix_path(socket)));
  server.close();
  EXPECT_FALSE(std::filesystem::exists(socket));
}

TEST_F(ServerTest, APathThatCannotBeCheckedOrRemovedIsLogged) {  // UNIX-02, UNIX-03
  const auto folder = path("folder");
  std::filesystem::create_directory(folder);
  auto server = run(create_unix_server(loop_, factory(), folder + "/socket"));
  std::filesystem::remove_all(folder);
  std::ofstream(folder) << "no folder any more";
  server.close();
  EXPECT_THAT(log(), ElementsAre("Unable to clean up listening UNIX socket '" + folder + "/socket': Not a directory"));
  EXPECT_THAT(error_of<std::system_error>(create_unix_server(loop_, factory(), folder + "/socket")),
              HasSubstr("error while attempting to bind on address unix:" + folder + "/socket: Not a directory"));
  EXPECT_EQ(log().back(), "Unable to check or remove stale UNIX socket '" + folder + "/socket': Not a directory");
}

TEST_F(ServerTest, APathThatIsGoneOrAnothersIsLeftAlone) {  // UNIX-03
  const auto socket = path("socket");
  auto gone = run(create_unix_server(loop_, factory(), socket));
  std::filesystem::remove(socket);
  gone.close();
  EXPECT_THAT(log(), IsEmpty());
  auto replaced = run(create_unix_server(loop_, factory(), socket));
  std::filesystem::rename(socket, path("elsewhere"));
  std::ofstream(socket) << "another's";
  replaced.close();
  EXPECT_TRUE(std::filesystem::exists(socket));
}

TEST_F(ServerTest, AbstractNamesHaveNoFile) {  // UNIX-03
  const std::string name = std::string("\0evloop-server-", 15) + std::to_string(::getpid());
  auto server = run(create_unix_server(loop_, factory(), name));
  EXPECT_EQ(address(server).to_string(), "unix:@" + name.substr(1));
  const auto client = connect_and_wait(server);
  server.close();
  EXPECT_FALSE(connect(SocketAddress::unix_path(name)));
}

TEST_F(ServerTest, AnAddressMayBeAUnixPath) {
  auto server = run(create_server(loop_, factory(), SocketAddress::unix_path(path("socket"))));
  const auto connection =
      run(create_connection(loop_, [] { return Ref(new Recorder); }, SocketAddress::unix_path(path("socket"))));
  connection.transport->write("over unix");
  turn_until([&] { return !protocols_.empty() && protocols_[0]->data == "over unix"; });
}

// --- contexts ---

const ContextVar<std::string> origin("origin", "nowhere");

TEST_F(ServerTest, EachConnectionRunsInACopyOfTheContextOfTheCreation) {  // SRV-15
  std::vector<std::string> seen;
  const auto context = Context::empty();
  std::optional<Server> server;
  context.run([&] {
    origin.set("creation");
    server.emplace(run(create_server(
        loop_,
        [&]() -> Ref<BaseProtocol> {
          seen.push_back("factory: " + origin.get());
          const auto protocol = protocols_.emplace_back(new Recorder);
          protocol->on_made = [&](Recorder&) {
            seen.push_back("made: " + origin.get());
            origin.set("connection");
          };
          protocol->on_data = protocol->on_eof = [&](Recorder&) { seen.push_back("called: " + origin.get()); };
          protocol->on_lost = [&](Recorder&) { seen.push_back("lost: " + origin.get()); };
          return protocol;
        },
        "127.0.0.1", 0)));
    origin.set("later");
  });
  for (int i = 0; i < 2; ++i) {
    auto client = connect_and_wait(*server);
    send_text(client, "x");
    turn_until([&] { return protocols_.back()->data == "x"; });
    client.reset();
    turn_until([&] { return protocols_.back()->lost; });
    EXPECT_THAT(std::exchange(seen, {}), ElementsAre("factory: creation", "made: creation", "called: connection",
                                                     "called: connection", "lost: connection"));
  }
}

TEST_F(ServerTest, ATaskThatResumesOrClosesBringsNothingIntoTheConnectionsContext) {  // SRV-15
  std::vector<std::string> seen;
  auto server = serve();
  const auto client = connect_and_wait(server);
  auto& protocol = *protocols_.back();
  protocol.on_data = [&](Recorder&) { seen.push_back("data: " + origin.get()); };
  protocol.on_lost = [&](Recorder&) { seen.push_back("lost: " + origin.get()); };
  protocol.transport->pause_reading();
  const auto act = [](Transport* transport, bool closes) -> Coro<void> {
    origin.set("task");
    closes ? transport->close() : transport->resume_reading();
    co_return;
  };
  run(act(protocol.transport, false));
  send_text(client, "x");
  turn_until([&] { return protocol.data == "x"; });
  run(act(protocol.transport, true));
  turn_until([&] { return protocol.lost; });
  EXPECT_THAT(seen, ElementsAre("data: nowhere", "lost: nowhere"));
}

}  // namespace
}  // namespace evloop
