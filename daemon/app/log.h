#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string_view>
#include <variant>

#include "base/log.h"
#include "settings/settings.h"

// The daemon's log: one line a record, a sentence with fields that programs can read.
//
//   log_info("loop started", {{"loop", name}, {"thread", tid}});
//
//   text     2026-01-31 12:00:00.000123 info    loop started loop=io-0 thread=4711
//   json     {"time":"2026-01-31T12:00:00.000123Z","level":"info","message":"loop started","loop":"io-0","thread":4711}
//   journal  <6>loop started loop=io-0 thread=4711
//
// Text has the local time, and colours on a terminal unless NO_COLOR is set; JSON has UTC.
namespace evloopd::app {

struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  LogField(std::string_view field_key, std::string_view text) : key(field_key), value(text) {}
  LogField(std::string_view field_key, const char* text) : key(field_key), value(std::string_view(text)) {}
  LogField(std::string_view field_key, std::same_as<bool> auto truth) : key(field_key), value(truth) {}
  LogField(std::string_view field_key, std::signed_integral auto number)
      : key(field_key), value(static_cast<std::int64_t>(number)) {}
  template <std::unsigned_integral Number>
    requires(!std::same_as<Number, bool>)
  LogField(std::string_view field_key, Number number) : key(field_key), value(static_cast<std::uint64_t>(number)) {}
  LogField(std::string_view field_key, double number) : key(field_key), value(number) {}

  std::string_view key;  // [a-z_]+
  Value value;
};

using LogFields = std::initializer_list<LogField>;

// From here on records go to `file`, which stays the caller's; until then, or after close_log(), to standard error as
// text. What the library logs goes the same way. Main thread, before others log.
void open_log(const settings::LogSettings& settings, std::FILE* file = stderr);
void close_log();

// Any thread. A record is written whole before the call returns; failures to write are swallowed.
void set_log_level(evloop::LogLevel level) noexcept;
void log(evloop::LogLevel level, std::string_view message, LogFields fields = {}) noexcept;

inline void log_debug(std::string_view message, LogFields fields = {}) noexcept {
  log(evloop::LogLevel::debug, message, fields);
}
inline void log_info(std::string_view message, LogFields fields = {}) noexcept {
  log(evloop::LogLevel::info, message, fields);
}
inline void log_warning(std::string_view message, LogFields fields = {}) noexcept {
  log(evloop::LogLevel::warning, message, fields);
}
inline void log_error(std::string_view message, LogFields fields = {}) noexcept {
  log(evloop::LogLevel::error, message, fields);
}

// What `automatic` means for `file`: journal if $JOURNAL_STREAM names it, text if it is a terminal, else json.
[[nodiscard]] settings::LogFormat detect_log_format(std::FILE* file);

}  // namespace evloopd::app
