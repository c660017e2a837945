#include "workloads/dns/dns_client.h"

#include "aio/timeout.h"
#include "net/net_test.h"
#include "workloads/dns/dns_error.h"
#include "workloads/dns/name_server.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using evloop::SocketAddress;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class DnsClientTest : public evloop::NetTest {
 protected:
  DnsClientTest() : client_(std::in_place, loop_, DnsOptions{.servers = {server_->address()}}) {}
  ~DnsClientTest() override {
    client_.reset();
    server_.reset();
  }

  DnsAnswer lookup(const char* name) { return run(client_->lookup(DnsName::parse(name))); }
  static std::vector<std::string> texts(const DnsAnswer& answer) {
    std::vector<std::string> all;
    for (const auto& address : answer.addresses) all.push_back(address.to_string());
    return all;
  }
  static SocketAddress ip(const char* host) { return SocketAddress::ip(host, 0); }

  std::optional<NameServer> server_{std::in_place, loop_};
  std::optional<DnsClient> client_;
};

TEST_F(DnsClientTest, FindsAllAddressesOfAHostAndTheShortestTtl) {
  server_->add("app.internal", ip("10.0.0.1"), 300);
  server_->add("app.internal", ip("10.0.0.2"), 60);
  server_->add("app.internal", ip("2001:db8::1"), 90);
  const auto answer = lookup("app.internal:80");
  EXPECT_THAT(texts(answer), UnorderedElementsAre("10.0.0.1:80", "10.0.0.2:80", "[2001:db8::1]:80"));
  EXPECT_EQ(answer.ttl, 60s);
}

TEST_F(DnsClientTest, FollowsAServiceToItsHosts) {
  server_->add_service("_app._tcp.internal", 10, "one.internal", 8081, 30);
  server_->add_service("_app._tcp.internal", 10, "two.internal", 8082, 50);
  server_->add_service("_app._tcp.internal", 20, "spare.internal", 8083, 20);
  server_->add("one.internal", ip("10.0.0.1"), 40);
  server_->add("two.internal", ip("10.0.0.2"), 50);
  const auto answer = lookup("_app._tcp.internal");
  EXPECT_THAT(texts(answer), UnorderedElementsAre("10.0.0.1:8081", "10.0.0.2:8082")) << "those of the lowest priority";
  EXPECT_EQ(answer.ttl, 20s) << "the whole answer is asked for anew";
}

TEST_F(DnsClientTest, TellsRecordsAsAZoneHasThem) {
  const auto records = [&](const char* name, DnsType type) { return run(client_->records(name, type)); };
  server_->add("app.internal", ip("10.0.0.1"), 300);
  server_->add("app.internal", ip("2001:db8::1"), 300);
  server_->add_service("_app._tcp.internal", 10, "One.internal", 8081, 30);
  server_->add_mail("internal", 20, "Mail.internal", 60);
  server_->add_name_server("internal", "ns1.internal", 60);
  server_->add_name_server("internal", "ns2.internal", 60);
  server_->add_text("internal", {"v=spf1 ", "-all"}, 60);
  server_->add_text("internal", {"other"}, 60);
  EXPECT_THAT(records("app.internal", DnsType::a), ElementsAre("10.0.0.1"));
  EXPECT_THAT(records("app.internal", DnsType::aaaa), ElementsAre("2001:db8::1"));
  EXPECT_THAT(records("_app._tcp.internal", DnsType::srv), ElementsAre("10 0 8081 one.internal"));
  EXPECT_THAT(records("internal", DnsType::mx), ElementsAre("20 mail.internal"));
  EXPECT_THAT(records("internal", DnsType::ns), UnorderedElementsAre("ns1.internal", "ns2.internal"));
  EXPECT_THAT(records("internal", DnsType::txt), UnorderedElementsAre("v=spf1 -all", "other"));
  EXPECT_THROW(records("app.internal", DnsType::txt), std::system_error);
}

TEST_F(DnsClientTest, SaysWhatIsWrong) {
  server_->add_service("app.internal", 1, "x", 1, 1);
  for (const char* name : {"nobody.internal:80", "app.internal:80", "_nothing._tcp.internal"}) {
    try {
      lookup(name);
      FAIL() << name;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().category(), dns_category());
      EXPECT_THAT(error.what(), HasSubstr("internal")) << "whose name it is";
    }
  }
}

TEST_F(DnsClientTest, KnowsTheHostsFile) {
  EXPECT_THAT(texts(lookup("localhost:80")), testing::Contains("127.0.0.1:80"));
  EXPECT_EQ(server_->times_asked("localhost"), 0);
}

TEST_F(DnsClientTest, AsksManyAtOnce) {
  std::vector<evloop::Task<DnsAnswer>> tasks;
  const evloop::EventLoop::RunScope scope(loop_);
  for (int i = 1; i <= 50; ++i) {
    const auto name = "app-" + std::to_string(i) + ".internal";
    server_->add(name, SocketAddress::ip("10.0.0." + std::to_string(i), 0), 1);
    tasks.push_back(loop_.create_task(client_->lookup(DnsName::parse(name + ":80"))));
  }
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!std::ranges::all_of(tasks, [](const auto& task) { return task.done(); }) &&
         std::chrono::steady_clock::now() < deadline)
    loop_.run_once();
  for (int i = 1; i <= 50; ++i)
    EXPECT_THAT(texts(tasks[static_cast<std::size_t>(i - 1)].result()),
                ElementsAre("10.0.0." + std::to_string(i) + ":80"));
}

TEST_F(DnsClientTest, MayBeGivenUpAndMayGoWithQuestionsOpen) {
  server_->fall_silent();
  EXPECT_THROW(run(evloop::wait_for(client_->lookup(DnsName::parse("app.internal:80")), 20ms)), evloop::TimeoutError);
  client_.reset();
  turn(3);
  EXPECT_TRUE(reports_.empty());
}

TEST_F(DnsClientTest, RefusesServersThatMakeNoSense) {
  EXPECT_THROW(DnsClient(loop_, {.servers = {"nonsense"}}), std::system_error);
}

}  // namespace
}  // namespace evloopd::workloads
