#include "ctl/faults.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "ctl/format.h"
#include "ctl/usage.h"

namespace evloopd::ctl {
namespace {

using google::protobuf::Duration;
using std::chrono::nanoseconds;

void set(Duration& target, nanoseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  target.set_seconds(seconds.count());
  target.set_nanos(static_cast<std::int32_t>((time - seconds).count()));
}

using TimeField = Duration* (v1::Faults::*)();
using SizeField = void (v1::Faults::*)(std::uint64_t);

nanoseconds time_of(const std::string& option, const std::string& text) {
  const auto time = parse_time(text);
  if (!time) throw CLI::ValidationError(option, "must be a time such as 500ms, 5s, 2m or 1h, not '" + text + "'");
  return *time;
}

CLI::Option* add_time(CLI::App& app, const std::string& option, v1::SetFaultsRequest& request, TimeField field,
                      const std::string& help) {
  const auto read = [&request, option, field](const std::string& text) {
    set(*(request.mutable_faults()->*field)(), time_of(option, text));
  };
  return app.add_option_function<std::string>(option, read, help)->type_name("TIME");
}

CLI::Option* add_size(CLI::App& app, const std::string& option, v1::SetFaultsRequest& request, SizeField field,
                      const std::string& help) {
  const auto read = [&request, option, field](const std::string& text) {
    const auto size = parse_size(text);
    if (!size) throw CLI::ValidationError(option, "must be a size such as 7B, 10KiB or 1MiB, not '" + text + "'");
    (request.mutable_faults()->*field)(*size);
  };
  return app.add_option_function<std::string>(option, read, help)->type_name("SIZE");
}

CLI::Option* add_number(CLI::App& app, const std::string& option, v1::SetFaultsRequest& request,
                        void (v1::Faults::*field)(std::int32_t), const std::string& help) {
  const auto read = [&request, field](std::int32_t number) { (request.mutable_faults()->*field)(number); };
  return app.add_option_function<std::int32_t>(option, read, help)->type_name("NUMBER");
}

CLI::Option* add_direction(CLI::App& app, v1::SetFaultsRequest& request) {
  const auto read = [&request](const std::string& text) {
    const auto direction = text == "both"          ? v1::FAULT_DIRECTION_BOTH
                           : text == "to_upstream" ? v1::FAULT_DIRECTION_TO_UPSTREAM
                           : text == "to_client"   ? v1::FAULT_DIRECTION_TO_CLIENT
                                                   : v1::FAULT_DIRECTION_UNSPECIFIED;
    if (direction == v1::FAULT_DIRECTION_UNSPECIFIED)
      throw CLI::ValidationError("--direction", "must be both, to_upstream or to_client, not '" + text + "'");
    request.mutable_faults()->set_direction(direction);
  };
  return app.add_option_function<std::string>("--direction", read, "both, to_upstream or to_client (both)")
      ->type_name("WAY");
}

std::string direction_words(v1::FaultDirection direction) {
  return direction == v1::FAULT_DIRECTION_TO_UPSTREAM ? "to upstreams"
         : direction == v1::FAULT_DIRECTION_TO_CLIENT ? "to clients"
                                                      : "both ways";
}

std::string text_of(const v1::Faults& faults) {
  std::vector<std::string> parts;
  const auto add_time = [&](const char* what, const Duration& time) {
    if (const auto nanos = to_nanos(time); nanos.count() > 0) parts.push_back(what + format_time(nanos));
  };
  add_time("latency ", faults.latency());
  add_time("jitter ", faults.jitter());
  if (faults.bandwidth() > 0) parts.push_back(format_bytes(faults.bandwidth()) + " a second");
  if (faults.slice_size() > 0) parts.push_back("pieces of " + format_bytes(faults.slice_size()));
  add_time("between pieces ", faults.slice_delay());
  if (faults.blackhole()) parts.emplace_back("nothing arrives");
  if (faults.reset_bytes() > 0) parts.push_back("reset after " + format_bytes(faults.reset_bytes()));
  add_time("reset after ", faults.reset_time());
  return fmt::format("{}; {}% of the connections, {}", fmt::join(parts, ", "), faults.percent(),
                     direction_words(faults.direction()));
}

}  // namespace

void add_fault_options(CLI::App& app, v1::SetFaultsRequest& request, bool& asked) {
  auto* ttl = app.add_option_function<std::string>(
      "--for",
      [&request, &asked](const std::string& text) {
        set(*request.mutable_ttl(), time_of("--for", text));
        request.mutable_faults();
        asked = true;
      },
      "How long, 1s to 24h; then the configured faults are back by themselves");
  ttl->type_name("TIME");
  using F = v1::Faults;
  const std::vector<CLI::Option*> what{
      add_time(app, "--latency", request, &F::mutable_latency, "Each byte arrives so much later"),
      add_time(app, "--jitter", request, &F::mutable_jitter, "By which the latency is longer or shorter"),
      add_size(app, "--bandwidth", request, &F::set_bandwidth, "A second"),
      add_size(app, "--slice-size", request, &F::set_slice_size, "What comes is sent on in pieces of at most that"),
      add_time(app, "--slice-delay", request, &F::mutable_slice_delay, "Between two pieces"),
      add_size(app, "--reset-bytes", request, &F::set_reset_bytes, "Both sides are reset after so many"),
      add_time(app, "--reset-time", request, &F::mutable_reset_time, "... or so long after the connect"),
      app.add_flag_callback(
          "--blackhole", [&request] { request.mutable_faults()->set_blackhole(true); }, "Nothing arrives")};
  const std::vector<CLI::Option*> whom{
      add_direction(app, request),
      add_number(app, "--percent", request, &F::set_percent, "Of the connections, 1 to 100 (100)"),
      add_number(app, "--seed", request, &F::set_seed, "Decides which connections, and each jitter (0)")};
  auto* off = app.add_flag_callback(
      "--off", [&asked] { asked = true; },
      "What was set is over; with --for: touch nobody for that long, whatever is configured");
  for (const auto* options : {&what, &whom})
    for (auto* option : *options) {
      option->needs(ttl);
      off->excludes(option);
    }
  const auto is_given = [](const CLI::Option* option) { return option->count() > 0; };
  app.parse_complete_callback([=] {
    if (is_given(ttl) && !is_given(off) && std::ranges::none_of(what, is_given))
      throw CLI::ValidationError("--for", "goes with a fault such as --latency, or with --off");
  });
}

std::vector<std::string> fault_lines(const v1::Workload& workload) {
  const auto& state = workload.faults();
  std::vector<std::string> lines{state.has_in_force() ? text_of(state.in_force()) : "none"};
  if (state.has_expire_time())
    lines.push_back(fmt::format("until {}, {} from now", format_timestamp(state.expire_time()),
                                format_age(between(workload.snapshot_time(), state.expire_time()))));
  if (state.connections_total() > 0)
    lines.push_back(
        fmt::format("{} connection{} touched", state.connections_total(), state.connections_total() == 1 ? "" : "s"));
  return lines;
}

}  // namespace evloopd::ctl
