// Any bytes as what a TLS client says first. A part of what is complete wants more, what is refused stays refused, and
// what comes behind a message changes nothing.
#include <span>
#include <stdexcept>

#include "fuzz/target.h"
#include "workloads/proxy/client_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using evloopd::workloads::ClientHello;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto whole = ClientHello::parse(bytes);
  if (whole.server_name.size() > 255) throw std::logic_error("no name is so long");
  auto decided = ClientHello::State::more;
  for (std::size_t i = 0; i < size; i += 1 + size / 64) {
    const auto part = ClientHello::parse(bytes.first(i));
    if (decided != ClientHello::State::more && part.state != decided) throw std::logic_error("it changes its mind");
    decided = part.state;
    if (part.state == ClientHello::State::complete && part.server_name != whole.server_name)
      throw std::logic_error("what comes behind it changes the name");
  }
  if (decided != ClientHello::State::more && whole.state != decided) throw std::logic_error("it changes its mind");
  return 0;
}
