// Any bytes as what a proxy says in front of a connection. What they mean must not depend on what comes behind, no part
// of a header may be a header, and what is understood must be read again when it is written.
#include <span>
#include <stdexcept>

#include "fuzz/target.h"
#include "workloads/proxy/proxy_header.h"

namespace {

using namespace evloopd::workloads;

void check_written(const ProxyHeader& header, const std::string& text) {
  const auto again = parse_proxy_header(std::as_bytes(std::span(text)));
  if (again.state != HeaderState::complete || again.length != text.size() || again.header.source != header.source ||
      again.header.destination != header.destination)
    throw std::logic_error("what was written is not read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto parsed = parse_proxy_header(bytes);
  if (parsed.state != HeaderState::complete) return 0;
  if (parsed.length > size || parsed.length > most_proxy_header) throw std::logic_error("longer than it is");
  for (std::size_t i = 0; i < parsed.length; ++i)
    if (parse_proxy_header(bytes.first(i)).state != HeaderState::more) throw std::logic_error("a part is not a part");
  if (!parsed.header.source || !parsed.header.destination) return 0;
  check_written(parsed.header, proxy_header_v1(parsed.header));
  check_written(parsed.header, proxy_header_v2(parsed.header));
  return 0;
}
