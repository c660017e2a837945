#include "workloads/checks/health_message.h"

#include <array>
#include <cstddef>

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

constexpr std::size_t frame_header = 5;  // compressed or not, and the length
constexpr std::uint64_t status_field = 1;
enum WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

[[noreturn]] void refuse(const char* why) { throw evloop::ValueError(std::string("the answer ") + why); }

// Takes a protobuf message apart, from its front.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    refuse("is no health message: a number without end");
  }
  void skip(std::uint64_t wire_type) {
    switch (wire_type) {
      case varint: number(); return;
      case fixed64: take(8); return;
      case bytes: take(number()); return;
      case fixed32: take(4); return;
      default: refuse("is no health message: a field of no known type");
    }
  }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) refuse("is no health message: it ends within a field");
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
};

std::string varint_of(std::size_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7U) text += static_cast<char>(value | 0x80U);
  return text + static_cast<char>(value);
}

}  // namespace

std::string status_name(ServingStatus status) {
  static constexpr std::array names{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  const auto number = static_cast<std::size_t>(status);
  return number < names.size() ? names[number] : "status " + std::to_string(number);
}

std::string health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) message = std::string("\x0a") + varint_of(service.size()) + std::string(service);
  std::string frame(1, '\0');
  for (const unsigned shift : {24U, 16U, 8U, 0U}) frame += static_cast<char>(message.size() >> shift);
  return frame + message;
}

ServingStatus parse_health_response(std::string_view body) {
  if (body.size() < frame_header) refuse("has no message");
  if (body.front() != '\0') refuse("is compressed, which was not asked for");
  std::size_t length = 0;
  for (std::size_t i = 1; i < frame_header; ++i) length = length << 8U | static_cast<unsigned char>(body[i]);
  if (length != body.size() - frame_header) refuse("is not one message");
  Reader message(body.substr(frame_header));
  auto status = ServingStatus::unknown;  // what protobuf does not send
  while (!message.at_end()) {
    const auto tag = message.number();
    if (tag == (status_field << 3U | varint))
      status = static_cast<ServingStatus>(message.number());
    else
      message.skip(tag & 7U);
  }
  return status;
}

}  // namespace evloopd::workloads
