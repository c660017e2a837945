#include "workloads/proxy/client_hello.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace evloopd::workloads {
namespace {

using State = ClientHello::State;

constexpr std::uint8_t handshake_record = 22;
constexpr std::size_t record_head = 5;
constexpr std::size_t largest_record = 16 * 1024;
constexpr std::uint8_t client_hello_message = 1;
constexpr std::size_t message_head = 4;
constexpr std::size_t server_name_extension = 0;
constexpr std::size_t longest_name = 255;

// Reads numbers and blocks from the front; once something is missing, nothing more comes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  std::size_t number(std::size_t size) noexcept {
    std::size_t value = 0;
    for (const char c : block(size)) value = value << 8U | static_cast<std::uint8_t>(c);
    return value;
  }
  std::string_view block(std::size_t size) noexcept {
    if (failed_ || bytes_.size() < size) {
      failed_ = true;
      bytes_ = {};
      return {};
    }
    const auto taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  // One that says its size itself, in so many bytes.
  std::string_view sized(std::size_t size_bytes) noexcept { return block(number(size_bytes)); }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

// The first message of the handshake, put together from its records.
struct Message {
  State state = State::more;
  std::string body{};
};

Message first_message(std::string_view bytes) {
  Message message;
  std::optional<std::size_t> size;
  while (!bytes.empty()) {
    if (static_cast<std::uint8_t>(bytes[0]) != handshake_record) return {State::bad};
    if (bytes.size() >= 2 && bytes[1] != 3) return {State::bad};
    if (bytes.size() < record_head) return message;
    Reader head(bytes.substr(3, 2));
    const auto length = head.number(2);
    if (length == 0 || length > largest_record) return {State::bad};
    message.body += bytes.substr(record_head, length);
    if (!size && message.body.size() >= message_head) {
      Reader reader(message.body);
      if (reader.number(1) != client_hello_message) return {State::bad};
      size = message_head + reader.number(3);
      if (*size > most_client_hello) return {State::bad};
    }
    if (size && message.body.size() >= *size) {
      message.body = message.body.substr(message_head, *size - message_head);
      message.state = State::complete;
      return message;
    }
    bytes.remove_prefix(std::min(bytes.size(), record_head + length));
  }
  return message;
}

// Nothing if the extension is broken.
std::optional<std::string> read_name(std::string_view extension) {
  Reader list(extension);
  Reader names(list.sized(2));
  if (list.failed() || !list.empty()) return std::nullopt;
  while (!names.empty()) {
    const auto type = names.number(1);
    const auto name = names.sized(2);
    if (names.failed() || name.size() > longest_name) return std::nullopt;
    if (type != 0) continue;
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return lower;
  }
  return std::nullopt;
}

}  // namespace

ClientHello ClientHello::parse(std::span<const std::byte> bytes) {
  const auto message = first_message({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (message.state != State::complete) return {message.state};
  Reader hello(message.body);
  hello.block(2 + 32);  // version, random
  hello.sized(1);       // session
  hello.sized(2);       // ciphers
  hello.sized(1);       // compressions
  if (hello.failed()) return {State::bad};
  ClientHello parsed{.state = State::complete};
  if (hello.empty()) return parsed;  // without extensions
  Reader extensions(hello.sized(2));
  if (hello.failed()) return {State::bad};
  while (!extensions.empty()) {
    const auto type = extensions.number(2);
    const auto extension = extensions.sized(2);
    if (extensions.failed()) return {State::bad};
    if (type != server_name_extension) continue;
    auto name = read_name(extension);
    if (!name) return {State::bad};
    parsed.server_name = std::move(*name);
  }
  return parsed;
}

}  // namespace evloopd::workloads
