#include "workloads/http_respond.h"

#include <algorithm>

#include "workloads/http/share.h"
#include "workloads/http_text.h"
#include "workloads/workload_test.h"

namespace evloopd::workloads {
namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view head = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n";

const std::string head_answer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\n";
const std::string answer = head_answer + "hello\n";
const std::string last_answer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\nConnection: "
    "close\r\n\r\nhello\n";

// Of answers whose body is made of this letter.
std::size_t body_bytes(const std::string& answers) {
  return static_cast<std::size_t>(std::count(answers.begin(), answers.end(), 'b'));
}

class HttpRespondTest : public WorkloadTest {
 protected:
  HttpRespondTest() { start(HttpRespondOptions{.idle_timeout = 60s}); }

  // What has come, when so many bytes of it are there, the dates not counted.
  std::string answers(Peer& client, std::size_t size) {
    EXPECT_TRUE(turn_until([&] {
      client.receive();
      return undated(client.received).size() >= size || client.is_gone();
    }));
    return undated(client.received);
  }
  std::string answers_until_end(Peer& client) {
    EXPECT_TRUE(turn_until([&] { return client.is_gone(); }));
    EXPECT_EQ(client.error(), 0);
    return undated(client.received);
  }
  // A connection that has had one answer.
  Peer kept_alive() {
    auto client = connect();
    client.send(get);
    EXPECT_EQ(answers(client, answer.size()), answer);
    client.received.clear();
    return client;
  }
};

TEST_F(HttpRespondTest, AnswersARequestAndKeepsTheConnection) {
  auto client = connect();
  for (int i = 0; i < 3; ++i) {
    client.received.clear();
    client.send(get);
    EXPECT_EQ(answers(client, answer.size()), answer);
    EXPECT_THAT(client.received, testing::HasSubstr("\r\nDate: "));
  }
  EXPECT_FALSE(client.has_ended());
}

TEST_F(HttpRespondTest, AnswersPipelinedRequestsInTheirOrder) {
  std::string requests;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    requests += i % 3 == 0 ? head : get;
    expected += i % 3 == 0 ? head_answer : answer;
  }
  for (const std::size_t fragment :
       {std::size_t{1}, std::size_t{7}, std::size_t{29}, std::size_t{1000}, requests.size()}) {
    auto client = connect();
    for (std::size_t at = 0; at < requests.size(); at += fragment) {
      client.send(std::string_view(requests).substr(at, fragment));
      turn();
    }
    EXPECT_EQ(answers(client, expected.size()), expected) << "in fragments of " << fragment;
  }
}

TEST_F(HttpRespondTest, AnswersWhatCameTogetherTogether) {
  auto client = connect();
  turn(2);
  client.send(repeat(get, 100));
  turn();
  client.receive();
  EXPECT_EQ(undated(client.received), repeat(answer, 100));
}

TEST_F(HttpRespondTest, IgnoresBodies) {
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n");
  turn(2);
  client.send(get);  // the body
  client.send(get);
  EXPECT_EQ(answers(client, 3 * answer.size()), repeat(answer, 3));
  turn(2);
  EXPECT_EQ(answers(client, 0), repeat(answer, 3));
}

TEST_F(HttpRespondTest, TellsAClientThatWaitsToSendItsBody) {
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  const std::string interim(HttpAnswers::interim);
  EXPECT_EQ(answers(client, interim.size()), interim);
  client.send("abc");
  EXPECT_EQ(answers(client, (interim + answer).size()), interim + answer);
}

TEST_F(HttpRespondTest, ClosesWhenTheClientWantsThat) {
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answers_until_end(client), last_answer);
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
}

TEST_F(HttpRespondTest, ClosesForHttp10UnlessAskedToKeepIt) {
  auto client = connect();
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string told =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\nConnection: "
      "keep-alive\r\n\r\n"
      "hello\n";
  EXPECT_EQ(answers(client, told.size()), told);
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answers_until_end(client), told + last_answer);
}

TEST_F(HttpRespondTest, AnswersNothingAfterTheLastRequest) {
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + repeat(get, 3));
  EXPECT_EQ(answers_until_end(client), last_answer);
  client.close();
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
}

TEST_F(HttpRespondTest, AnswersWhatCameBeforeTheEndOfFile) {
  auto client = connect();
  client.send(repeat(get, 2));
  client.send_eof();
  EXPECT_EQ(answers_until_end(client), repeat(answer, 2));
}

TEST_F(HttpRespondTest, RefusesWhatIsNotHttpAndCloses) {
  const auto refusal = [&](std::string_view text) {
    auto client = connect();
    client.send(text);
    return answers_until_end(client);
  };
  EXPECT_EQ(refusal("garbage\r\n\r\n"),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\n"
            "Connection: close\r\n\r\nbad request\n");
  EXPECT_THAT(refusal("GET / HTTP/1.1\r\n\r\n"), testing::StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(refusal("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(HttpParser::max_head, 'x') + "\r\n\r\n"),
              testing::StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(refusal("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"), testing::StartsWith("HTTP/1.1 501 "));
  EXPECT_THAT(refusal("PUT / HTTP/2.0\r\nHost: x\r\n\r\n"), testing::StartsWith("HTTP/1.1 505 "));
  EXPECT_THAT(refusal(std::string(get) + "garbage\r\n\r\n"), testing::StartsWith(answer + "HTTP/1.1 400 "));
}

// A reset would make the client forget the answer that it has not read yet.
TEST_F(HttpRespondTest, DoesNotResetAClientThatStillSendsWhenItIsRefused) {
  auto client = connect();
  client.send("garbage\r\n\r\n");
  turn(3);
  for (int i = 0; i < 8; ++i) {
    client.send(std::string(10'000, 'x'));
    turn();
  }
  EXPECT_THAT(answers_until_end(client), testing::EndsWith("bad request\n"));
  EXPECT_EQ(share_->connections(), 1U);
  client.send_eof();
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
}

TEST_F(HttpRespondTest, CutsAClientThatSendsOnAndOnWhenItIsRefused) {
  auto client = connect();
  client.send("garbage\r\n\r\n");
  const std::string more(64 * 1024, 'x');
  EXPECT_TRUE(turn_until([&] {
    client.try_send(more);
    return share_->connections() == 0;
  }));
}

TEST_F(HttpRespondTest, StopsReadingWhenTheClientDoesNotTakeTheAnswers) {
  start(HttpRespondOptions{.body = std::string(10'000, 'b')});
  auto client = connect(evloop::socket_pair());
  std::size_t sent = 0;
  const auto requests = repeat(get, 100);
  for (int turns_without = 0; turns_without < 20;) {
    const auto taken = client.try_send(std::string_view(requests).substr(sent % requests.size()));
    sent += taken;
    turns_without = taken > 0 ? 0 : turns_without + 1;
    ASSERT_LT(sent, 64U << 20U) << "takes without end";
    turn();
  }
  // Whole requests that were taken are answered, once the client reads.
  std::size_t bodies = 0;
  EXPECT_TRUE(turn_until([&] {
    client.receive();
    bodies += body_bytes(client.received);
    client.received.clear();
    return bodies >= sent / get.size() * 10'000;
  }));
  turn(3);
  client.receive();
  EXPECT_EQ(bodies + body_bytes(client.received), sent / get.size() * 10'000);
}

// --- time ---

TEST_F(HttpRespondTest, ClosesAConnectionThatIdles) {
  auto client = kept_alive();
  pass(59s);
  EXPECT_FALSE(client.has_ended());
  pass(2s);
  EXPECT_TRUE(client.has_ended());
  EXPECT_EQ(share_->connections(), 0U);
}

TEST_F(HttpRespondTest, ClosesAConnectionThatIsNeverUsed) {
  auto client = connect();
  turn(2);
  pass(62s);
  EXPECT_TRUE(client.has_ended());
}

TEST_F(HttpRespondTest, CountsIdleTimeFromTheLastRequest) {
  auto client = kept_alive();
  for (int i = 0; i < 5; ++i) {
    pass(40s);
    client.received.clear();
    client.send(get);
    EXPECT_EQ(answers(client, answer.size()), answer);
  }
  pass(40s);
  EXPECT_FALSE(client.has_ended());
}

TEST_F(HttpRespondTest, DoesNotLetAHeadTrickleInForEver) {
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: x\r\nX: ");
  for (int i = 0; i < 61 && !client.has_ended(); ++i) {
    client.send("x");
    pass(1s);
  }
  EXPECT_TRUE(client.is_gone());
}

TEST_F(HttpRespondTest, LetsABodyTakeItsTime) {
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    pass(40s);
    client.send("x");
    turn();
  }
  EXPECT_EQ(answers(client, answer.size()), answer);
}

TEST_F(HttpRespondTest, CutsAClientThatNeverTakesItsAnswers) {
  start(HttpRespondOptions{.body = std::string(1'000'000, 'b'), .idle_timeout = 60s});
  auto client = connect();
  client.send(repeat(get, 20));
  turn(5);
  pass(62s);  // it may have taken some in the meantime
  pass(62s);
  EXPECT_EQ(share_->connections(), 0U);
}

TEST_F(HttpRespondTest, LetsASlowClientTakeItsAnswers) {
  const std::size_t size = 8'000'000;
  start(HttpRespondOptions{.body = std::string(size, 'b'), .idle_timeout = 60s});
  auto client = connect(evloop::socket_pair());
  client.send("GET / HTTP/1.0\r\n\r\n");
  turn(3);
  for (int i = 0; i < 10; ++i) {
    client.receive(size / 20);
    pass(40s);
  }
  EXPECT_EQ(body_bytes(answers_until_end(client)), size);
}

TEST_F(HttpRespondTest, WakesOncePerSecondAtMostForManyThatIdle) {
  std::vector<Peer> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(connect());
    pass(10ms);
  }
  const auto fired = [&] { return loop_.port()->stats.timers_fired.get(); };
  pass(1s);  // what counts bytes or the date has had its turn
  const auto before = fired();
  for (int i = 0; i < 1000; ++i) pass(100ms);
  EXPECT_LE(fired() - before, 100U);
  EXPECT_EQ(share_->connections(), 0U);
}

// --- the end ---

TEST_F(HttpRespondTest, DrainClosesWhatIsKeptAliveAtOnce) {
  auto client = kept_alive();
  on_loop([&] { share_->drain(); });
  turn(4);
  EXPECT_TRUE(client.has_ended());
  EXPECT_EQ(share_->connections(), 0U);
}

TEST_F(HttpRespondTest, DrainAnswersWhatHasArrived) {
  auto kept = kept_alive();
  auto fresh = connect();
  kept.send(repeat(get, 3));
  fresh.send(get);
  on_loop([&] { share_->drain(); });
  EXPECT_EQ(answers_until_end(kept), repeat(answer, 2) + last_answer);
  EXPECT_EQ(answers_until_end(fresh), last_answer);
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
}

TEST_F(HttpRespondTest, DrainLetsARequestUnderWayEnd) {
  auto client = kept_alive();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na");
  turn(2);
  on_loop([&] { share_->drain(); });
  pass(10s);
  EXPECT_EQ(share_->connections(), 1U);
  client.send("b");
  EXPECT_EQ(answers_until_end(client), last_answer);
}

TEST_F(HttpRespondTest, DrainDeliversAnswersThatAreUnderWay) {
  const std::size_t size = 8'000'000;
  start(HttpRespondOptions{.body = std::string(size, 'b')});
  auto kept = connect(evloop::socket_pair());
  kept.send(get);
  auto last = connect(evloop::socket_pair());
  last.send("GET / HTTP/1.0\r\n\r\nmore");
  turn(3);
  on_loop([&] { share_->drain(); });
  pass(HttpShare::drain_grace);
  EXPECT_EQ(body_bytes(answers_until_end(kept)), size);
  EXPECT_EQ(body_bytes(answers_until_end(last)), size);
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
}

TEST_F(HttpRespondTest, DrainDoesNotWaitForAnEmptyLine) {
  auto client = connect();
  turn(2);
  on_loop([&] { share_->drain(); });
  turn(4);
  client.send(std::string(get) + "\r\n");
  EXPECT_EQ(answers_until_end(client), answer);
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
}

TEST_F(HttpRespondTest, DrainGivesAFreshConnectionAMomentForItsRequest) {
  auto silent = connect();
  auto late = connect();
  turn(2);
  on_loop([&] { share_->drain(); });
  pass(HttpShare::drain_grace / 2);
  EXPECT_EQ(share_->connections(), 2U);
  late.send(get);
  EXPECT_EQ(answers_until_end(late), last_answer);
  pass(HttpShare::drain_grace / 2);
  EXPECT_TRUE(silent.has_ended());
  EXPECT_EQ(share_->connections(), 0U);
}

TEST_F(HttpRespondTest, KeepsConnectionsAgainWhenTheLoopIsStartedAgain) {
  on_loop([&] { share_->drain(); });
  turn();
  auto client = kept_alive();
  pass(HttpShare::drain_grace * 2);
  EXPECT_FALSE(client.has_ended());
}

TEST_F(HttpRespondTest, CutsEverythingOnAbort) {
  auto used = kept_alive();
  auto fresh = connect();
  on_loop([&] { share_->abort(); });
  turn(3);
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_TRUE(used.is_gone());
  EXPECT_TRUE(fresh.is_gone());
}

TEST_F(HttpRespondTest, MayGoWithConnectionsOpen) {
  auto used = kept_alive();
  auto fresh = connect();
  on_loop([&] { share_->drain(); });
  share_.reset();
  EXPECT_EQ(counters().connections_open, 0U);
  turn(3);
  EXPECT_TRUE(used.is_gone());
  EXPECT_TRUE(fresh.is_gone());
}

TEST_F(HttpRespondTest, OutlivesALoopThatClosesFirst) {
  auto client = kept_alive();
  loop_.close();
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_TRUE(client.is_gone());
}

TEST_F(HttpRespondTest, CountsConnectionsAndBytes) {
  auto client = kept_alive();
  EXPECT_EQ(bytes_in(), get.size());
  EXPECT_EQ(bytes_out(), answer.size() + std::string_view("\r\nDate: ").size() + http_date_length);
  client.close();
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
  EXPECT_EQ(counters().connections_open, 0U);
  EXPECT_EQ(counters().connections_total, 1U);
}

}  // namespace
}  // namespace evloopd::workloads
