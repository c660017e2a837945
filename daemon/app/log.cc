#include "app/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace evloopd::app {
namespace {

using settings::LogFormat;

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

spdlog::level::level_enum to_spdlog(evloop::LogLevel level) {
  switch (level) {
    case evloop::LogLevel::debug: return spdlog::level::debug;
    case evloop::LogLevel::info: return spdlog::level::info;
    case evloop::LogLevel::warning: return spdlog::level::warn;
    case evloop::LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string to_json(std::string_view text) {
  // What is no UTF-8 must not make the whole line unreadable.
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// One line whatever is in it.
std::string one_line(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      result += "\\n";
    else if (byte < 0x20 || byte == 0x7f)
      result += fmt::format("\\x{:02x}", byte);
    else
      result += c;
  }
  return result;
}

std::string quoted_if_needed(std::string_view text) {
  if (!text.empty() && text.find_first_of(" =\"\\") == text.npos) return one_line(text);
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += one_line({&c, 1});
  }
  return result + '"';
}

std::string format_value(const LogField::Value& value, bool json) {
  return std::visit(Overloaded{[&](std::string_view text) { return json ? to_json(text) : quoted_if_needed(text); },
                               [&](double number) {
                                 if (json && !std::isfinite(number)) return std::string("null");
                                 return fmt::format("{}", number);
                               },
                               [](const auto& other) { return fmt::format("{}", other); }},
                    value);
}

// The part of a record that comes after its time and level.
std::string format_record(LogFormat format, std::string_view message, LogFields fields) {
  const bool json = format == LogFormat::json;
  auto record = json ? "\"message\":" + to_json(message) : one_line(message);
  for (const auto& [key, value] : fields)
    record += json ? fmt::format(",{}:{}", to_json(key), format_value(value, json))
                   : fmt::format(" {}={}", key, format_value(value, json));
  return record;
}

// "<6>": how the journal takes a line's priority.
class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& record, const std::tm&, spdlog::memory_buf_t& out) override {
    const char priority = record.level == spdlog::level::debug  ? '7'
                          : record.level == spdlog::level::info ? '6'
                          : record.level == spdlog::level::warn ? '4'
                                                                : '3';
    for (const char c : {'<', priority, '>'}) out.push_back(c);
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityFlag>();
  }
};

std::unique_ptr<spdlog::formatter> make_formatter(LogFormat format) {
  using spdlog::pattern_time_type;
  switch (format) {
    case LogFormat::json: {
      const auto* pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";
      return std::make_unique<spdlog::pattern_formatter>(pattern, pattern_time_type::utc, "\n");
    }
    case LogFormat::journal: {
      auto formatter = std::make_unique<spdlog::pattern_formatter>(pattern_time_type::local, "\n");
      formatter->add_flag<PriorityFlag>('*').set_pattern("%*%v");
      return formatter;
    }
    default:
      return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%d %H:%M:%S.%f %^%-7l%$ %v", pattern_time_type::local,
                                                         "\n");
  }
}

// Where records go. spdlog brings the time, the levels and colours, and a lock around each line.
struct Log {
  Log(const settings::LogSettings& settings, std::FILE* file)
      : format(settings.format == LogFormat::automatic ? detect_log_format(file) : settings.format) {
    const bool colours = format == LogFormat::text && std::getenv("NO_COLOR") == nullptr;  // NOLINT: nobody sets it
    auto sink = std::make_shared<spdlog::sinks::ansicolor_sink<spdlog::details::console_mutex>>(
        file, colours ? spdlog::color_mode::automatic : spdlog::color_mode::never);
    logger = std::make_unique<spdlog::logger>("evloopd", std::move(sink));
    logger->set_formatter(make_formatter(format));
    logger->set_level(to_spdlog(settings.level));
    logger->set_error_handler([](const std::string&) {});  // standard error is where it has just failed
  }

  LogFormat format;
  std::unique_ptr<spdlog::logger> logger;
};

std::atomic<std::shared_ptr<Log>>& current() {
  // Never destroyed: what other static objects log at the very end must find it.
  static auto& log = *new std::atomic(std::make_shared<Log>(settings::LogSettings{.format = LogFormat::text}, stderr));
  return log;
}

void from_library(evloop::LogLevel level, std::string_view message) { log(level, message, {{"from", "evloop"}}); }

}  // namespace

settings::LogFormat detect_log_format(std::FILE* file) {
  const int fd = ::fileno(file);
  // systemd names the stream's device and inode: a child whose output goes elsewhere has inherited the variable only.
  const char* journal = std::getenv("JOURNAL_STREAM");  // NOLINT: nobody sets it
  struct stat status{};
  if (journal != nullptr && ::fstat(fd, &status) == 0 && journal == fmt::format("{}:{}", status.st_dev, status.st_ino))
    return LogFormat::journal;
  return ::isatty(fd) == 1 ? LogFormat::text : LogFormat::json;
}

void open_log(const settings::LogSettings& settings, std::FILE* file) {
  current() = std::make_shared<Log>(settings, file);
  evloop::set_log_sink(from_library);
}

void close_log() {
  evloop::set_log_sink(nullptr);
  current() = std::make_shared<Log>(settings::LogSettings{.format = LogFormat::text}, stderr);
}

void set_log_level(evloop::LogLevel level) noexcept { current().load()->logger->set_level(to_spdlog(level)); }

void log(evloop::LogLevel level, std::string_view message, LogFields fields) noexcept {
  try {
    const auto log = current().load();
    if (!log->logger->should_log(to_spdlog(level))) return;
    log->logger->log(to_spdlog(level), spdlog::string_view_t(format_record(log->format, message, fields)));
  } catch (...) {
    // A record that cannot be written must not take its writer along.
  }
}

}  // namespace evloopd::app
