#include "settings/faults.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "settings/units.h"
#include "settings/words.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;

// In the order of the enumerators.
const std::array<std::string, 3> direction_words{"both", "to_upstream", "to_client"};

void read_time(const Value& value, std::chrono::nanoseconds& time) {
  assign(time, value.duration(0ms, host::longest_fault_time));
}

void read_size(const Value& value, std::size_t& size) { assign(size, value.size(0, host::largest_fault_size)); }

}  // namespace

host::FaultSpec read_faults(const Value& value) {
  host::FaultSpec spec;
  auto keys = value.mapping();
  assign(spec.percent, keys["percent"].integer(1, 100));
  assign(spec.seed, keys["seed"].integer(0, host::largest_fault_seed));
  assign(spec.direction, keys["direction"].choice_of<host::FaultDirection>(direction_words));
  read_time(keys["latency"], spec.latency);
  const auto jitter = keys["jitter"];
  read_time(jitter, spec.jitter);
  if (spec.jitter > spec.latency)
    jitter.refuse(fmt::format("must be at most the latency, {}, got {}", format_duration(spec.latency),
                              format_duration(spec.jitter)));
  read_size(keys["bandwidth"], spec.bandwidth);
  auto slice = keys["slice"].mapping();
  read_size(slice["size"], spec.slice_size);
  const auto delay = slice["delay"];
  read_time(delay, spec.slice_delay);
  if (spec.slice_delay > 0ns && spec.slice_size == 0) delay.refuse("needs a `size`");
  slice.finish();
  assign(spec.blackhole, keys["blackhole"].boolean());
  auto reset = keys["reset"].mapping();
  read_size(reset["bytes"], spec.reset_bytes);
  read_time(reset["time"], spec.reset_time);
  reset.finish();
  keys.finish();
  return spec;
}

std::string print_faults(const host::FaultSpec& spec) {
  return fmt::format(
      "faults: {{percent: {}, seed: {}, direction: {}, latency: {}, jitter: {}, bandwidth: {}, slice: {{size: {}, "
      "delay: "
      "{}}}, blackhole: {}, reset: {{bytes: {}, time: {}}}}}",
      spec.percent, spec.seed, word_of(direction_words, spec.direction), format_duration(spec.latency),
      format_duration(spec.jitter), format_size(spec.bandwidth), format_size(spec.slice_size),
      format_duration(spec.slice_delay), spec.blackhole, format_size(spec.reset_bytes),
      format_duration(spec.reset_time));
}

}  // namespace evloopd::settings
