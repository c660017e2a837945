#include "workloads/http/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "workloads/http_text.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;
using Kind = HttpAnswers::Kind;

std::string date(std::int64_t seconds) {
  const auto text = http_date(seconds);
  return {text.begin(), text.end()};
}

std::string text(const HttpAnswers& answers, Kind kind, bool with_body = true) {
  const auto bytes = answers.get(kind, with_body);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

HttpAnswers made(const HttpRespondOptions& options) {
  HttpAnswers answers(options);
  answers.refresh(evloop::TimePoint{});
  return answers;
}

TEST(HttpDate, IsWrittenAsTheStandardSays) {
  EXPECT_EQ(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date(951782399), "Mon, 28 Feb 2000 23:59:59 GMT");
  EXPECT_EQ(date(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(date(4102444799), "Thu, 31 Dec 2099 23:59:59 GMT");
}

TEST(HttpAnswers, AreWholeResponses) {
  const auto answers = made({.status = 404, .body = "nothing\n", .content_type = "text/x"});
  EXPECT_EQ(undated(text(answers, Kind::keep_alive)),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/x\r\nContent-Length: 8\r\n\r\nnothing\n");
  EXPECT_EQ(undated(text(answers, Kind::keep_alive_1_0)),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/x\r\nContent-Length: 8\r\nConnection: keep-alive\r\n\r\n"
            "nothing\n");
  EXPECT_EQ(undated(text(answers, Kind::close)),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/x\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"
            "nothing\n");
}

TEST(HttpAnswers, WithoutABodyStillTellItsLength) {
  const auto answers = made({});
  const auto head = text(answers, Kind::keep_alive, false);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 6\r\n"));
  EXPECT_EQ(text(answers, Kind::keep_alive), head + "hello\n");
}

TEST(HttpAnswers, ToNoContentHaveNeitherBodyNorLength) {
  for (const int status : {204, 304}) {
    const auto answers = made({.status = status});
    EXPECT_THAT(text(answers, Kind::keep_alive), Not(HasSubstr("Content-")));
    EXPECT_TRUE(text(answers, Kind::keep_alive).ends_with("\r\n\r\n"));
  }
  EXPECT_THAT(text(made({.status = 205}), Kind::keep_alive), HasSubstr("\r\nContent-Length: 0\r\n"));
}

TEST(HttpAnswers, WithAnEmptyBodySayZero) {
  EXPECT_EQ(undated(text(made({.body = ""}), Kind::keep_alive)), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(HttpAnswers, OfErrorsCloseAndKeepTheirOwnStatus) {
  const auto answers = made({.status = 200});
  for (const auto& [kind, line] : {std::pair{Kind::bad_request, "HTTP/1.1 400 Bad Request\r\n"},
                                   {Kind::head_too_large, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
                                   {Kind::not_implemented, "HTTP/1.1 501 Not Implemented\r\n"},
                                   {Kind::bad_version, "HTTP/1.1 505 HTTP Version Not Supported\r\n"}}) {
    EXPECT_THAT(text(answers, kind), StartsWith(line));
    EXPECT_THAT(text(answers, kind), HasSubstr("\r\nConnection: close\r\n"));
  }
}

TEST(HttpAnswers, CarryTheDateOfTheirSecond) {
  HttpAnswers answers{HttpRespondOptions{}};
  const auto dated = [&] {
    const auto answer = text(answers, Kind::keep_alive);
    return answer.substr(answer.find("Date: ") + 6, http_date_length);
  };
  const auto wall = [] {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch().count();
  };
  // The loop's time passes here; the wall's may or may not.
  for (const auto now : {0s, 1s, 2s}) {
    const auto before = wall();
    answers.refresh(evloop::TimePoint{now});
    const auto after = wall();
    EXPECT_TRUE(dated() == date(before) || dated() == date(after)) << dated();
  }
}

TEST(ReasonPhrase, IsEmptyForAnUnusualStatus) {
  EXPECT_EQ(reason_phrase(299), "");
  EXPECT_THAT(text(made({.status = 299}), Kind::keep_alive), StartsWith("HTTP/1.1 299 \r\n"));
}

}  // namespace
}  // namespace evloopd::workloads
