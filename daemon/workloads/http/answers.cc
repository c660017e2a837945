#include "workloads/http/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace evloopd::workloads {
namespace {

using std::chrono::system_clock;

constexpr std::string_view plain_text = "text/plain; charset=utf-8";

// RFC 9110: of these, 204 and 304 have no body and no length, 205 has no body.
bool has_length(int status) { return status != 204 && status != 304; }
bool has_body(int status) { return has_length(status) && status != 205; }

void put_two(char* at, unsigned value) noexcept {
  at[0] = static_cast<char>('0' + value / 10);
  at[1] = static_cast<char>('0' + value % 10);
}

}  // namespace

HttpAnswers::HttpAnswers(const HttpRespondOptions& options) {
  const auto set = [&](Kind kind, Answer answer) { answers_[std::to_underlying(kind)] = std::move(answer); };
  const auto reply = [&](std::string_view connection) {
    return build(options.status, connection, options.content_type, options.body);
  };
  set(Kind::keep_alive, reply(""));
  set(Kind::keep_alive_1_0, reply("keep-alive"));
  set(Kind::close, reply("close"));
  set(Kind::bad_request, build(400, "close", plain_text, "bad request\n"));
  set(Kind::head_too_large, build(431, "close", plain_text, "request header fields too large\n"));
  set(Kind::not_implemented, build(501, "close", plain_text, "method not implemented\n"));
  set(Kind::bad_version, build(505, "close", plain_text, "HTTP version not supported\n"));
}

HttpAnswers::Answer HttpAnswers::build(int status, std::string_view connection, std::string_view content_type,
                                       std::string_view body) {
  Answer answer;
  auto& bytes = answer.bytes;
  if (!has_body(status)) body = {};
  bytes = fmt::format("HTTP/1.1 {} {}\r\nDate: ", status, reason_phrase(status));
  answer.date = bytes.size();
  bytes.append(http_date_length, ' ');
  bytes += "\r\n";
  if (!body.empty()) bytes += fmt::format("Content-Type: {}\r\n", content_type);
  if (has_length(status)) bytes += fmt::format("Content-Length: {}\r\n", body.size());
  if (!connection.empty()) bytes += fmt::format("Connection: {}\r\n", connection);
  bytes += "\r\n";
  answer.head = bytes.size();
  bytes += body;
  return answer;
}

void HttpAnswers::set_date(evloop::TimePoint now) {
  using std::chrono::seconds;
  const auto wall = system_clock::now();
  const auto second = std::chrono::floor<seconds>(wall);
  const auto date = http_date(second.time_since_epoch().count());
  for (auto& answer : answers_)
    std::ranges::copy(date, answer.bytes.begin() + static_cast<std::ptrdiff_t>(answer.date));
  next_second_ = now + (second + seconds(1) - wall);
}

std::span<const std::byte> HttpAnswers::get(Kind kind, bool with_body) const noexcept {
  const auto& answer = answers_[std::to_underlying(kind)];
  return std::as_bytes(std::span(answer.bytes)).first(with_body ? answer.bytes.size() : answer.head);
}

std::array<char, http_date_length> http_date(std::int64_t seconds) noexcept {
  static constexpr std::string_view weekdays = "SunMonTueWedThuFriSat";
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  using namespace std::chrono;
  const sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);

  std::array<char, http_date_length> text{};
  std::ranges::copy(std::string_view("Www, dd Mmm yyyy hh:mm:ss GMT"), text.begin());
  std::ranges::copy(weekdays.substr(weekday(day).c_encoding() * 3U, 3), text.begin());
  put_two(&text[5], static_cast<unsigned>(date.day()));
  std::ranges::copy(months.substr((static_cast<unsigned>(date.month()) - 1U) * 3U, 3), text.begin() + 8);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  put_two(&text[12], year / 100);
  put_two(&text[14], year % 100);
  put_two(&text[17], static_cast<unsigned>(clock.hours().count()));
  put_two(&text[20], static_cast<unsigned>(clock.minutes().count()));
  put_two(&text[23], static_cast<unsigned>(clock.seconds().count()));
  return text;
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 418: return "I'm a teapot";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

}  // namespace evloopd::workloads
