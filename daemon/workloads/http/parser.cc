#include "workloads/http/parser.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "workloads/http/llhttp_events.h"

namespace evloopd::workloads {
namespace {

constexpr std::string_view continue_word = "100-continue";

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

struct HttpParser::Llhttp : LlhttpEvents<HttpParser> {
  static llhttp_t& of(HttpParser& parser) noexcept { return state_in(parser.state_); }
  static const llhttp_settings_t settings;
};

const llhttp_settings_t HttpParser::Llhttp::settings = [] {
  llhttp_settings_t all;
  llhttp_settings_init(&all);
  all.on_message_begin = event<&HttpParser::message_begins>;
  all.on_header_field = text<&HttpParser::field_name>;
  all.on_header_field_complete = event<&HttpParser::field_name_ends>;
  all.on_header_value = text<&HttpParser::field_value>;
  all.on_headers_complete = event<&HttpParser::head_ends>;
  all.on_message_complete = event<&HttpParser::message_ends>;
  return all;
}();

HttpParser::HttpParser() noexcept {
  static_assert(sizeof(llhttp_t) <= sizeof state_ && alignof(llhttp_t) <= 8);
  Llhttp::begin(state_, HTTP_REQUEST, Llhttp::settings, *this);
}

HttpParser::Event HttpParser::advance(std::span<const std::byte>& input) noexcept {
  auto& state = Llhttp::of(*this);
  while (!input.empty()) {
    // A head is given out in portions, so that its limit is met to the byte.
    const bool head = in_head_;
    const auto portion = head ? std::min(input.size(), max_head - head_bytes_) : input.size();
    if (portion == 0) return Event::head_too_large;
    const auto* begin = reinterpret_cast<const char*>(input.data());
    event_ = Event::more;
    const auto result = llhttp_execute(&state, begin, portion);
    if (result == HPE_PAUSED) {
      input = input.subspan(static_cast<std::size_t>(llhttp_get_error_pos(&state) - begin));
      llhttp_resume(&state);
      return event_;
    }
    if (result != HPE_OK) return error(result);
    input = input.subspan(portion);
    if (head) head_bytes_ += static_cast<std::uint32_t>(portion);
  }
  return Event::more;
}

int HttpParser::message_begins() noexcept {
  in_request_ = true;
  hosts_ = 0;
  name_length_ = 0;
  expects_continue_ = false;
  return HPE_OK;
}

int HttpParser::field_name(std::string_view part) noexcept {
  for (const char c : part) {
    if (name_length_ < name_.size()) name_[name_length_] = lower(c);
    if (name_length_ == std::numeric_limits<std::uint8_t>::max()) break;
    ++name_length_;
  }
  return HPE_OK;
}

int HttpParser::field_name_ends() noexcept {
  const auto length = std::exchange(name_length_, std::uint8_t{0});
  field_ = Field::other;
  if (!in_head_ || length > name_.size()) return HPE_OK;  // a trailer's Host means nothing
  const std::string_view name(name_.data(), length);
  if (name == "host") {
    field_ = Field::host;
    if (hosts_ < 2) ++hosts_;
  } else if (name == "expect") {
    field_ = Field::expect;
    expect_length_ = 0;
  }
  return HPE_OK;
}

int HttpParser::field_value(std::string_view part) noexcept {
  if (field_ != Field::expect) return HPE_OK;
  for (const char c : part) {
    if (c == ' ' || c == '\t') continue;
    const bool fits = expect_length_ < continue_word.size() && lower(c) == continue_word[expect_length_];
    if (!fits) field_ = Field::other;
    expects_continue_ = fits && expect_length_ + 1U == continue_word.size();
    if (!fits) break;
    ++expect_length_;
  }
  return HPE_OK;
}

int HttpParser::head_ends() noexcept {
  auto& state = Llhttp::of(*this);
  in_head_ = false;
  head_method_ = state.method == HTTP_HEAD;
  keep_alive_ = llhttp_should_keep_alive(&state) != 0;
  http_1_0_ = state.http_minor == 0;
  const auto stop = [&](Event why) {
    event_ = why;
    return static_cast<int>(HPE_USER);
  };
  if (state.http_major != 1 || state.http_minor > 1) return stop(Event::bad_version);
  if (state.method == HTTP_CONNECT) return stop(Event::not_implemented);
  // RFC 9112, 3.2: more than one Host, or none in HTTP/1.1, must be refused.
  if (hosts_ > 1 || (hosts_ == 0 && !http_1_0_)) return stop(Event::bad_request);
  state.upgrade = 0;  // we stay with HTTP/1
  const bool has_body = (state.flags & F_CHUNKED) != 0 || state.content_length > 0;
  if (expects_continue_ && has_body && !http_1_0_) {
    event_ = Event::wants_continue;
    return HPE_PAUSED;
  }
  return HPE_OK;
}

int HttpParser::message_ends() noexcept {
  head_bytes_ = 0;
  in_head_ = true;
  in_request_ = false;
  event_ = Event::request;
  return HPE_PAUSED;
}

HttpParser::Event HttpParser::error(int number) const noexcept {
  if (event_ != Event::more) return event_;  // we stopped it ourselves
  return number == HPE_INVALID_VERSION ? Event::bad_version : Event::bad_request;
}

}  // namespace evloopd::workloads
