#include "ctl/format.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace evloopd::ctl {

using std::chrono::nanoseconds;

nanoseconds to_nanos(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + nanoseconds(duration.nanos());
}

google::protobuf::Duration to_duration(std::chrono::nanoseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  google::protobuf::Duration duration;
  duration.set_seconds(seconds.count());
  duration.set_nanos(static_cast<std::int32_t>((time - seconds).count()));
  return duration;
}

nanoseconds between(const google::protobuf::Timestamp& from, const google::protobuf::Timestamp& to) {
  return std::chrono::seconds(to.seconds() - from.seconds()) + nanoseconds(to.nanos() - from.nanos());
}

std::string format_time(nanoseconds time) {
  const auto ns = static_cast<double>(time.count());
  const auto scaled = [&](double unit, const char* name) {
    const double value = ns / unit;
    return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, name);
  };
  if (time <= nanoseconds::zero()) return "0";
  if (ns < 1e3) return fmt::format("{}ns", time.count());
  if (ns < 999.5e3) return scaled(1e3, "us");
  if (ns < 999.5e6) return scaled(1e6, "ms");
  if (ns < 60e9) return scaled(1e9, "s");
  return format_age(time);
}

std::string format_age(nanoseconds age) {
  const auto seconds = age.count() < 0 ? 0 : std::chrono::floor<std::chrono::seconds>(age).count();
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

std::string format_timestamp(const google::protobuf::Timestamp& time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}Z", fmt::gmtime(static_cast<std::time_t>(time.seconds())));
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{}B", bytes);
  auto value = static_cast<double>(bytes);
  for (const auto* unit : {"KiB", "MiB", "GiB"}) {
    value /= 1024;
    if (value < 1023.95) return fmt::format("{:.1f}{}", value, unit);
  }
  return fmt::format("{:.1f}TiB", value / 1024);
}

std::string format_site(const evloopd::control::v1::Site& site) {
  const auto& path = site.file();
  std::string text = path.substr(path.rfind('/') + 1);  // npos + 1 is 0: the whole
  if (!text.empty() && site.line() != 0) text += fmt::format(":{}", site.line());
  if (!site.function().empty()) {
    if (!text.empty()) text += ' ';
    text += site.function();
    // The compiler's own name has the whole signature already.
    if (!site.function().contains('(')) text += "()";
  }
  return text.empty() ? "-" : text;
}

std::string short_name(std::string_view resource) { return std::string(resource.substr(resource.rfind('/') + 1)); }

std::string state_word(evloopd::control::v1::LoopState state) {
  constexpr std::string_view prefix = "LOOP_STATE_";
  const auto& name = evloopd::control::v1::LoopState_Name(state);
  return name.starts_with(prefix) ? name.substr(prefix.size()) : "UNKNOWN";
}

std::optional<double> quantile(const evloopd::control::v1::Histogram& histogram, double q) {
  std::uint64_t total = 0;
  for (const auto count : histogram.counts()) total += count;
  if (total == 0) return std::nullopt;
  const double wanted = q * static_cast<double>(total);
  std::uint64_t below = 0;
  for (int i = 0; i < histogram.bounds_size() && i < histogram.counts_size(); ++i) {
    below += histogram.counts(i);
    if (static_cast<double>(below) >= wanted) return histogram.bounds(i);
  }
  return std::numeric_limits<double>::infinity();
}

std::optional<nanoseconds> parse_time(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || !std::isfinite(value) || value < 0) return std::nullopt;
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const double scale = unit == "ms" ? 1e6 : unit == "s" ? 1e9 : unit == "m" ? 60e9 : unit == "h" ? 3600e9 : 0;
  constexpr double year = 365 * 24 * 3600e9;  // longer is as good as for ever, and would not fit
  if (scale == 0 || value * scale > year) return std::nullopt;
  return nanoseconds(static_cast<std::int64_t>(value * scale));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const unsigned shift = unit == "B" ? 0 : unit == "KiB" ? 10 : unit == "MiB" ? 20 : unit == "GiB" ? 30 : 64;
  if (shift == 64 || value > (std::uint64_t{1} << (63 - shift))) return std::nullopt;
  return value << shift;
}

std::optional<evloopd::control::v1::UpstreamTarget> parse_upstream(std::string_view text) {
  constexpr std::string_view dns = "dns:";
  evloopd::control::v1::UpstreamTarget target;
  if (const auto equals = text.rfind('='); equals != std::string_view::npos) {
    const auto digits = text.substr(equals + 1);
    std::int32_t weight = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
    if (error != std::errc() || end != digits.data() + digits.size() || weight < 1) return std::nullopt;
    target.set_weight(weight);
    text = text.substr(0, equals);
  }
  const bool is_name = text.starts_with(dns);
  if (is_name) text.remove_prefix(dns.size());
  if (text.empty()) return std::nullopt;
  (is_name ? *target.mutable_dns() : *target.mutable_address()) = text;
  return target;
}

}  // namespace evloopd::ctl
