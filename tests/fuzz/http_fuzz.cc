// Any bytes as what an HTTP client sends. The first byte says in what fragments the rest comes. What the parser
// reports, and after which byte, must not depend on the fragments, and it must use all input unless it refuses it.
#include <algorithm>
#include <span>
#include <stdexcept>
#include <vector>

#include "fuzz/target.h"
#include "workloads/http/parser.h"

namespace {

using evloopd::workloads::HttpParser;
using Event = HttpParser::Event;

struct Reported {
  Event event;
  std::size_t used;  // bytes up to here; for a refusal it is not defined where in a fragment
  bool is_head, is_http_1_0, keep_alive;

  bool operator==(const Reported&) const = default;
};

bool goes_on(Event event) { return event == Event::request || event == Event::wants_continue; }

std::vector<Reported> parse(std::span<const std::byte> text, std::size_t fragment) {
  HttpParser parser;
  std::vector<Reported> all;
  std::size_t used = 0;
  while (used < text.size()) {
    auto input = text.subspan(used, std::min(fragment, text.size() - used));
    while (!input.empty()) {
      const auto before = input.size();
      const auto event = parser.advance(input);
      used += before - input.size();
      if (event == Event::more) {
        if (!input.empty()) throw std::logic_error("wants more and leaves input");
        continue;
      }
      if (before == input.size() && goes_on(event)) throw std::logic_error("reports without using a byte");
      if (event == Event::request && parser.in_request()) throw std::logic_error("a request that does not end");
      const auto end = goes_on(event) ? used : 0;
      all.push_back({event, end, parser.is_head(), parser.is_http_1_0(), parser.keep_alive()});
      if (!goes_on(event)) {
        all.back() = {event, 0, false, false, false};
        return all;
      }
    }
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto text = std::as_bytes(std::span(data, size)).subspan(1);
  const std::size_t fragment = 1U + data[0];
  if (parse(text, std::max<std::size_t>(text.size(), 1)) != parse(text, fragment))
    throw std::logic_error("the fragments change the meaning");
  return 0;
}
