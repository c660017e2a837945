#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "workloads/options.h"

namespace evloopd::workloads {

// What http.respond says, as bytes that are ready to send: built once per loop, and only the date in
// them changes, once a second. Loop thread only.
class HttpAnswers {
 public:
  enum class Kind : std::uint8_t {
    keep_alive,
    keep_alive_1_0,  // HTTP/1.0 wants to be told
    close,
    bad_request,  // these and those below close too
    head_too_large,
    not_implemented,
    bad_version,
  };

  explicit HttpAnswers(const HttpRespondOptions& options);

  // Brings the date up to date; cheap unless the second has changed. `now` is the loop's time.
  void refresh(evloop::TimePoint now) {
    if (now >= next_second_) set_date(now);
  }
  // Valid until the next refresh().
  [[nodiscard]] std::span<const std::byte> get(Kind kind, bool with_body) const noexcept;

  static constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";

 private:
  static constexpr std::size_t kinds = 7;
  struct Answer {
    std::string bytes;
    std::size_t date = 0;  // where in it the date stands
    std::size_t head = 0;  // length without the body
  };

  static Answer build(int status, std::string_view connection, std::string_view content_type, std::string_view body);
  void set_date(evloop::TimePoint now);

  std::array<Answer, kinds> answers_;
  evloop::TimePoint next_second_ = evloop::TimePoint::min();
};

// "Tue, 15 Nov 1994 08:12:31 GMT" (RFC 9110, 5.6.7). `seconds` since the epoch.
inline constexpr std::size_t http_date_length = 29;
[[nodiscard]] std::array<char, http_date_length> http_date(std::int64_t seconds) noexcept;

// "Not Found"; empty for a status that has no usual phrase.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

}  // namespace evloopd::workloads
