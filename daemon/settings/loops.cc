#include "settings/loops.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "settings/names.h"
#include "settings/text.h"
#include "settings/units.h"
#include "settings/words.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view placeholder = "{index}";
constexpr std::string_view default_pattern = "io-{index}";

std::string nth_name(std::string pattern, int index) {
  if (const auto at = pattern.find(placeholder); at != pattern.npos)
    pattern.replace(at, placeholder.size(), std::to_string(index));
  return pattern;
}

int read_count(const Value& value, int cpus) {
  const auto automatic = std::clamp(cpus, 1, max_loops);
  if (!value.present()) return automatic;
  return value.integer_or("auto", automatic, 1, max_loops).value_or(1);
}

void read_labels(const Value& value, std::map<std::string, std::string>& labels) {
  constexpr std::string_view what = "a text of at most 255 bytes without control characters";
  for (const auto& [name, at_name, label] : value.mapping().all()) {
    if (!is_label(name)) at_name.refuse(fmt::format("must be {}, got {}", label_syntax, excerpt(name)));
    const auto text = label.text(what);
    if (text && (text->size() > 255 || printable(*text) != *text))
      label.refuse(fmt::format("must be {}, got {}", what, excerpt(*text)));
    labels[name] = text.value_or("");
  }
}

// What all loops of a group have in common.
host::LoopOptions read_options(Mapping& group) {
  host::LoopOptions options;
  assign(options.selector, group["selector"].choice_of<host::SelectorKind>(selector_words));

  auto stall = group["stall"].mapping();
  const auto warn = stall["warn"], critical = stall["critical"];
  const bool warn_given = assign(options.stall_warn, warn.duration(1ms, 10min));
  const bool critical_given = assign(options.stall_critical, critical.duration(1ms, 1h));
  stall.finish();
  // Who only raises the warning need not think of the other.
  if (!critical_given) options.stall_critical = std::max(options.stall_critical, options.stall_warn);
  if (options.stall_critical < options.stall_warn && (warn_given || !warn.present()))
    critical.refuse(fmt::format("must not be shorter than warn, which is {}, got {}",
                                format_duration(options.stall_warn), format_duration(options.stall_critical)));

  auto drain = group["drain"].mapping();
  assign(options.drain_timeout, drain["timeout"].duration(0s, 24h));
  drain.finish();

  read_labels(group["labels"], options.labels);
  return options;
}

class Reader {
 public:
  explicit Reader(Reading& reading) : reading_(reading) {}

  void read_group(const Value& value) {
    auto group = value.mapping("a group of loops, as in {count: 4, names: \"io-{index}\"}, or a list of groups");
    if (value.present() && !value.is_mapping()) return;
    const auto names = group["names"];
    const auto count = read_count(group["count"], reading_.sources.environment.cpus);
    const auto options = read_options(group);
    group.finish();
    const auto pattern = read_pattern(names, count);
    if (pattern) add(value, names, *pattern, count, options);
  }

  Loops take() { return std::move(loops_); }

 private:
  std::optional<std::string> read_pattern(const Value& value, int count) {
    constexpr std::string_view what = "a pattern for names, such as io-{index}";
    if (!value.present()) return std::string(default_pattern);
    auto pattern = value.text(what);
    if (!pattern) return std::nullopt;
    if (!is_name(nth_name(*pattern, count - 1))) {
      value.refuse(fmt::format("must be {}, in which {{index}} may stand for the number of the loop, got {}",
                               name_syntax, excerpt(*pattern)));
      return std::nullopt;
    }
    if (count > 1 && pattern->find(placeholder) == pattern->npos) {
      value.refuse(fmt::format("must contain {{index}}, because there are {} loops, got {}", count, excerpt(*pattern)));
      return std::nullopt;
    }
    return pattern;
  }

  void add(const Value& group, const Value& names, const std::string& pattern, int count,
           const host::LoopOptions& options) {
    for (int index = 0; index < count; ++index) {
      const auto name = nth_name(pattern, index);
      const auto [owner, fresh] = owners_.try_emplace(name, group.path());
      if (!fresh) {
        names.refuse(fmt::format("there is a loop {} already, in {}", excerpt(name), owner->second));
        return;
      }
      loops_.options.push_back(options);
      loops_.options.back().name = name;
      loops_.groups[pattern].push_back(name);
    }
  }

  Reading& reading_;
  Loops loops_;
  std::map<std::string, std::string> owners_;  // loop to the path of its group
};

}  // namespace

Loops read_loops(const Value& value, Reading& reading) {
  const auto problems = reading.report.size();
  Reader reader(reading);
  if (value.is_sequence()) {
    const auto groups = value.list("a list of groups", max_loops);
    for (const auto& group : groups) reader.read_group(group);
    if (groups.empty() && reading.report.size() == problems) value.refuse("is empty; a daemon has at least one loop");
  } else {
    reader.read_group(value);
  }
  auto loops = reader.take();
  if (loops.options.size() > max_loops)
    value.refuse(fmt::format("must be at most {} loops in all, got {}", max_loops, loops.options.size()));
  loops.complete = reading.report.size() == problems;
  return loops;
}

}  // namespace evloopd::settings
