#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace evloop {

// What stands behind a host: a number, a service name ("http"), or nothing (""). A value type.
class Port {
 public:
  // Throws ValueError out of 0 to 65535.
  template <std::integral T>
  Port(T number) : Port(check(std::in_range<std::uint16_t>(number), number)) {}  // NOLINT(google-explicit-constructor)
  Port(std::string service) : text_(std::move(service)) {}                       // NOLINT(google-explicit-constructor)
  Port(const char* service) : text_(service) {}                                  // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  // None for a service name; 0 for nothing.
  [[nodiscard]] std::optional<std::uint16_t> number() const noexcept;

 private:
  template <class T>
  static std::string check(bool in_range, T number) {
    if (!in_range) throw_out_of_range(std::to_string(number));
    return std::to_string(number);
  }
  [[noreturn]] static void throw_out_of_range(const std::string& number);

  std::string text_;
};

struct HostPort {
  std::string host;
  Port port;
};

}  // namespace evloop
