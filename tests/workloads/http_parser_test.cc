#include "workloads/http/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "workloads/http_text.h"

namespace evloopd::workloads {

using Event = HttpParser::Event;

void PrintTo(Event event, std::ostream* out) {
  static constexpr const char* names[] = {"more",           "wants_continue",  "request",    "bad_request",
                                          "head_too_large", "not_implemented", "bad_version"};
  *out << names[static_cast<int>(event)];
}

namespace {

using testing::ElementsAre;

// All events but `more`, with the input given in fragments.
std::vector<Event> parse(HttpParser& parser, std::string_view text, std::size_t fragment) {
  std::vector<Event> events;
  while (!text.empty()) {
    auto input = std::as_bytes(std::span(text.substr(0, fragment)));
    text.remove_prefix(input.size());
    while (!input.empty()) {
      const auto event = parser.advance(input);
      if (event == Event::more) continue;
      events.push_back(event);
      if (event != Event::request && event != Event::wants_continue) return events;
    }
  }
  return events;
}

// The same whatever the fragments.
std::vector<Event> parse(std::string_view text) {
  HttpParser whole;
  const auto events = parse(whole, text, text.size());
  for (const std::size_t fragment : {1U, 2U, 3U, 7U}) {
    HttpParser parser;
    EXPECT_EQ(parse(parser, text, fragment), events) << "in fragments of " << fragment;
    EXPECT_EQ(parser.in_request(), whole.in_request());
  }
  return events;
}

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(HttpParser, ReportsEachOfManyPipelinedRequests) {
  EXPECT_EQ(parse(repeat(get, 50)), std::vector(50, Event::request));
}

TEST(HttpParser, LeavesTheNextRequestInTheInput) {
  HttpParser parser;
  const auto text = repeat(get, 2);
  auto input = std::as_bytes(std::span(text));
  EXPECT_EQ(parser.advance(input), Event::request);
  EXPECT_EQ(input.size(), get.size());
}

TEST(HttpParser, TakesBodiesByLengthAndByChunks) {
  EXPECT_THAT(parse("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n" + std::string(get) + std::string(get)),
              ElementsAre(Event::request, Event::request));
  EXPECT_THAT(parse("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "5;ext=1\r\nhello\r\n1b\r\n" +
                    std::string(get) + "\r\n0\r\nHost: trailer\r\n\r\n" + std::string(get)),
              ElementsAre(Event::request, Event::request));
}

TEST(HttpParser, TellsKeepAliveFromClose) {
  const auto keeps = [](std::string_view text) {
    HttpParser parser;
    EXPECT_THAT(parse(parser, text, 5), ElementsAre(Event::request));
    return parser.keep_alive();
  };
  EXPECT_TRUE(keeps(get));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(HttpParser, TellsHeadAndHttp10) {
  HttpParser parser;
  EXPECT_THAT(parse(parser, "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 100), ElementsAre(Event::request));
  EXPECT_TRUE(parser.is_head());
  EXPECT_TRUE(parser.is_http_1_0());
  EXPECT_THAT(parse(parser, get, 100), ElementsAre(Event::request));
  EXPECT_FALSE(parser.is_head());
  EXPECT_FALSE(parser.is_http_1_0());
}

TEST(HttpParser, StopsForAClientThatWaitsForA100) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n";
  EXPECT_THAT(parse(head + "Expect: 100-Continue \r\n\r\nab" + std::string(get)),
              ElementsAre(Event::wants_continue, Event::request, Event::request));
  EXPECT_THAT(parse(head + "Expect: 100-continued\r\n\r\nab"), ElementsAre(Event::request));
  EXPECT_THAT(parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"),
              ElementsAre(Event::request));
  EXPECT_THAT(parse("GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n"), ElementsAre(Event::request));
}

TEST(HttpParser, KnowsWhetherARequestIsUnderWay) {
  HttpParser parser;
  EXPECT_FALSE(parser.in_request());
  parse(parser, get.substr(0, 1), 1);
  EXPECT_TRUE(parser.in_request());
  EXPECT_TRUE(parser.in_head());
  parse(parser, get.substr(1), 100);
  EXPECT_FALSE(parser.in_request());
  parse(parser, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na", 100);
  EXPECT_TRUE(parser.in_request());
  EXPECT_FALSE(parser.in_head());
}

TEST(HttpParser, IgnoresAnUpgrade) {
  EXPECT_THAT(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" + std::string(get)),
              ElementsAre(Event::request, Event::request));
}

TEST(HttpParser, RefusesWhatIsNotHttp) {
  for (const std::string_view text : {
           "garbage\r\n\r\n", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n",
           "GET / HTTP/1.1\r\nHost: x\r\nA\x01: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
           "\x16\x03\x01\x02",  // a TLS client
       })
    EXPECT_THAT(parse(text), ElementsAre(Event::bad_request)) << text;
}

// What two programs in a row may read differently lets one request hide in another.
TEST(HttpParser, RefusesWhatHasTwoMeanings) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
  for (const std::string_view fields : {
           "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
           "Content-Length: 3\r\nContent-Length: 4\r\n",
           "Transfer-Encoding: gzip\r\n",
           "Transfer-Encoding: chunked, gzip\r\n",
           "Host: y\r\n",
       })
    EXPECT_THAT(parse(head + std::string(fields) + "\r\n"), ElementsAre(Event::bad_request)) << fields;
}

TEST(HttpParser, RefusesHttp11WithoutAHost) {
  EXPECT_THAT(parse("GET / HTTP/1.1\r\n\r\n"), ElementsAre(Event::bad_request));
  EXPECT_THAT(parse("GET / HTTP/1.0\r\n\r\n"), ElementsAre(Event::request));
}

TEST(HttpParser, RefusesOtherVersions) {
  for (const std::string_view version : {"2.0", "0.9", "1.3", "9.9"})
    EXPECT_THAT(parse("GET / HTTP/" + std::string(version) + "\r\nHost: x\r\n\r\n"), ElementsAre(Event::bad_version));
}

TEST(HttpParser, RefusesConnectAsWhatFollowsIsNoHttp) {
  EXPECT_THAT(parse("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03"), ElementsAre(Event::not_implemented));
}

TEST(HttpParser, RefusesAHeadOneByteTooLarge) {
  const auto of_size = [](std::size_t size) {
    std::string text = "GET / HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n";
    text.insert(text.size() - 4, size - text.size(), 'a');
    return text;
  };
  const auto largest = of_size(HttpParser::max_head);
  EXPECT_THAT(parse(largest + largest), ElementsAre(Event::request, Event::request));
  EXPECT_THAT(parse(largest + of_size(HttpParser::max_head + 1)), ElementsAre(Event::request, Event::head_too_large));
}

TEST(HttpParser, TakesABodyLargerThanAHeadMayBe) {
  const auto size = 3 * HttpParser::max_head;
  EXPECT_THAT(parse("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
                    std::string(size, 'x') + std::string(get)),
              ElementsAre(Event::request, Event::request));
}

}  // namespace
}  // namespace evloopd::workloads
