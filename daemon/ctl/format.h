#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "evloopd/control/v1/loop.pb.h"
#include "evloopd/control/v1/site.pb.h"
#include "evloopd/control/v1/workload_service.pb.h"

// How evloopctl writes values down. Pure functions.
namespace evloopd::ctl {

[[nodiscard]] std::chrono::nanoseconds to_nanos(const google::protobuf::Duration& duration);

[[nodiscard]] google::protobuf::Duration to_duration(std::chrono::nanoseconds time);

// The time from one to the other.
[[nodiscard]] std::chrono::nanoseconds between(const google::protobuf::Timestamp& from,
                                               const google::protobuf::Timestamp& to);

// A measured time, three digits: "0", "850ns", "12.5us", "0.80ms", "7.10s"; from a minute on as an age.
[[nodiscard]] std::string format_time(std::chrono::nanoseconds time);

// How long something has been so: "5s", "41s", "12m05s", "3h07m", "3d02h".
[[nodiscard]] std::string format_age(std::chrono::nanoseconds age);

// "2026-03-01 12:00:05Z".
[[nodiscard]] std::string format_timestamp(const google::protobuf::Timestamp& time);

// "512B", "1.5KiB", "20.0MiB".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

// "scale.cc:97 scale_bicubic()", the file without its folders; "-" when nothing is known.
[[nodiscard]] std::string format_site(const evloopd::control::v1::Site& site);

// "io-0" for "loops/io-0", "17" for "loops/io-0/tasks/17".
[[nodiscard]] std::string short_name(std::string_view resource);

// "RUNNING" for LOOP_STATE_RUNNING.
[[nodiscard]] std::string state_word(evloopd::control::v1::LoopState state);

// The value below which the share `q` (0..1) of all values lies, as the upper end of its range; nothing without
// values, infinity above the last range.
[[nodiscard]] std::optional<double> quantile(const evloopd::control::v1::Histogram& histogram, double q);

// "500ms", "5s", "2m", "1h": a number and a unit. Nothing if `text` is not that.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_time(std::string_view text);

// "7B", "10KiB", "1MiB", "1GiB": a whole number and a unit. Nothing if `text` is not that.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

// "10.0.0.5:80", "[::1]:80=3", "dns:app.internal:80=2": where to, and after a = its weight. Nothing if `text` is not
// that; which addresses there are the daemon knows.
[[nodiscard]] std::optional<evloopd::control::v1::UpstreamTarget> parse_upstream(std::string_view text);

}  // namespace evloopd::ctl
