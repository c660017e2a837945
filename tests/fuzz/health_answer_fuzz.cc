// Any bytes as what a server sends that was asked for its health: at once and byte by byte they must mean the same, and
// only a whole answer may speak for it. The same bytes as the answer's message alone.
#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "aio/errors.h"
#include "fuzz/target.h"
#include "workloads/checks/health_call.h"
#include "workloads/checks/health_message.h"

namespace {

using namespace evloopd::workloads;

// None: it is refused.
std::optional<std::string> verdict(std::span<const std::byte> bytes, std::size_t piece) {
  HealthCall call({.service = "a.B", .authority = "a.example", .tls = false, .timeout = std::chrono::seconds(1)});
  static_cast<void>(call.output());
  try {
    while (!bytes.empty() && !call.is_over()) {
      const auto part = bytes.first(std::min(piece, bytes.size()));
      call.feed(part);
      static_cast<void>(call.output());
      bytes = bytes.subspan(part.size());
    }
    return call.verdict();
  } catch (const evloop::ValueError&) {
    return std::nullopt;
  }
}

void check_message(const std::string& text) {
  try {
    static_cast<void>(status_name(parse_health_response(text)));
  } catch (const evloop::ValueError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto whole = verdict(bytes, bytes.size());
  if (whole && *whole != "SERVING") throw std::logic_error("what speaks for it is " + *whole);
  // Behind the answer's end nothing counts, so only this way round.
  if (whole && verdict(bytes, 1) != whole) throw std::logic_error("in pieces it is another answer");
  check_message(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
