#include "host/jobs.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "aio/event_loop.h"
#include "aio/sleep.h"
#include "aio/timeout.h"
#include "host/listening_socket.h"
#include "net/sock.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace evloopd::host {
namespace {

using Options = std::map<std::string, std::string>;
using evloop::Coro;
using evloop::Duration;
using evloop::EventLoop;
using evloop::SocketAddress;

constexpr Duration longest_duration = std::chrono::hours(24);
constexpr Duration usual_timeout = std::chrono::seconds(5);
constexpr const char* duration_syntax = "a duration such as 500ms, 2s or 1m, up to 24h";

std::optional<Duration> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, Duration>, 4> units{{{"ms", std::chrono::milliseconds(1)},
                                                                               {"s", std::chrono::seconds(1)},
                                                                               {"m", std::chrono::minutes(1)},
                                                                               {"h", std::chrono::hours(1)}}};
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view name(end, text.data() + text.size());
  for (const auto& [unit, length] : units)
    if (unit == name && number <= longest_duration / length) return number * length;
  return std::nullopt;
}

std::string milliseconds(Duration time) {
  return fmt::format("{:.3f}ms", std::chrono::duration<double, std::milli>(time).count());
}

// --- what the options say ---

HostResult<void> check_keys(const Options& options, const std::set<std::string>& known) {
  std::string allowed = "one of";
  for (const auto& key : known) allowed += " " + key;
  for (const auto& [key, value] : options)
    if (!known.contains(key)) return std::unexpected(bad_argument("job.options", allowed, key));
  return {};
}

HostResult<Duration> read_duration(const Options& options, const std::string& key, std::optional<Duration> otherwise) {
  const auto given = options.find(key);
  if (given == options.end() && otherwise) return *otherwise;
  const std::string text = given == options.end() ? "" : given->second;
  if (const auto duration = parse_duration(text)) return *duration;
  return std::unexpected(bad_argument("job.options." + key, duration_syntax, text));
}

HostResult<SocketAddress> read_address(const Options& options) {
  const auto given = options.find("address");
  const std::string text = given == options.end() ? "" : given->second;
  try {
    return SocketAddress::parse(text);
  } catch (const evloop::ValueError&) {
    return std::unexpected(bad_argument("job.options.address", address_syntax, text));
  }
}

// --- the jobs ---

Coro<std::string> sleep_for(EventLoop& loop, Duration duration) {
  const auto begin = loop.time();
  co_await evloop::sleep(duration);
  co_return "slept " + milliseconds(loop.time() - begin);
}

Coro<std::string> probe_tcp(EventLoop& loop, SocketAddress address, Duration timeout) {
  const auto fd = evloop::open_stream_socket(address.family());
  const auto begin = loop.time();
  const auto outcome =
      co_await evloop::settled(evloop::wait_for(evloop::sock_connect(loop, fd.get(), address), timeout));
  if (evloop::holds<evloop::TimeoutError>(outcome.error()))
    throw evloop::TimeoutError("no connection to " + address.to_string() + " within " + milliseconds(timeout));
  if (outcome.error()) std::rethrow_exception(outcome.error());
  co_return "connected to " + address.to_string() + " in " + milliseconds(loop.time() - begin);
}

HostResult<JobStart> make_sleep(const Options& options) {
  if (const auto keys = check_keys(options, {"duration"}); !keys) return std::unexpected(keys.error());
  const auto duration = read_duration(options, "duration", std::nullopt);
  if (!duration) return std::unexpected(duration.error());
  return [duration = *duration](EventLoop& loop) { return sleep_for(loop, duration); };
}

HostResult<JobStart> make_probe_tcp(const Options& options) {
  if (const auto keys = check_keys(options, {"address", "timeout"}); !keys) return std::unexpected(keys.error());
  const auto address = read_address(options);
  if (!address) return std::unexpected(address.error());
  const auto timeout = read_duration(options, "timeout", usual_timeout);
  if (!timeout) return std::unexpected(timeout.error());
  return [address = *address, timeout = *timeout](EventLoop& loop) { return probe_tcp(loop, address, timeout); };
}

}  // namespace

void add_standard_jobs(JobCatalogue& jobs) {
  jobs.add("sleep", make_sleep);
  jobs.add("probe.tcp", make_probe_tcp);
}

}  // namespace evloopd::host
