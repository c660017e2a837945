#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace evloopd::workloads {

// Reads the requests of one HTTP/1 connection, one event at a time. Allocates nothing. Not movable:
// llhttp is given its address.
class HttpParser {
 public:
  // Of the request line and all header fields.
  static constexpr std::size_t max_head = 16 * 1024;

  enum class Event : std::uint8_t {
    more,             // all input was used; the request under way (if any) goes on in what comes next
    wants_continue,   // the head is complete, and the client waits for a 100 before it sends the body
    request,          // a request is complete, body and all
    bad_request,      // the input is no HTTP, or of two meanings; nothing after it can be understood
    head_too_large,   // likewise
    not_implemented,  // CONNECT: likewise, as what follows belongs to another protocol
    bad_version,      // neither HTTP/1.0 nor HTTP/1.1: likewise
  };

  HttpParser() noexcept;
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  // Takes bytes off the front of `input` until something happens. After an event that says so, it must
  // not be called again.
  Event advance(std::span<const std::byte>& input) noexcept;

  // Of the request that was reported last.
  [[nodiscard]] bool is_head() const noexcept { return head_method_; }
  [[nodiscard]] bool is_http_1_0() const noexcept { return http_1_0_; }
  [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }

  // Some of a request has come, but not all of it.
  [[nodiscard]] bool in_request() const noexcept { return in_request_; }
  // ... and what has come is not even a whole head.
  [[nodiscard]] bool in_head() const noexcept { return in_head_; }

 private:
  enum class Field : std::uint8_t { other, host, expect };

  struct Llhttp;  // the C parser's view of this one; llhttp.h stays out of the header

  int message_begins() noexcept;
  int field_name(std::string_view part) noexcept;
  int field_name_ends() noexcept;
  int field_value(std::string_view part) noexcept;
  int head_ends() noexcept;
  int message_ends() noexcept;
  [[nodiscard]] Event error(int number) const noexcept;

  alignas(8) std::array<std::byte, 96> state_;  // the llhttp_t
  std::uint32_t head_bytes_ = 0;                // taken since the last request ended
  Event event_ = Event::more;                   // why llhttp was paused or stopped
  Field field_ = Field::other;                  // whose value comes
  std::uint8_t name_length_ = 0;
  std::uint8_t expect_length_ = 0;
  std::array<char, 6> name_{};  // the first bytes of a field's name, in lower case: "host", "expect"
  std::uint8_t hosts_ = 0;      // Host fields, at most two of them counted
  bool expects_continue_ = false;
  bool head_method_ = false;
  bool http_1_0_ = false;
  bool keep_alive_ = false;
  bool in_request_ = false;
  bool in_head_ = true;
};

}  // namespace evloopd::workloads
