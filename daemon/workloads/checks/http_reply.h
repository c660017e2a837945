#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evloopd::workloads {

// An HTTP/1 answer as it comes. Keeps the first 64 KiB of its body, and refuses a head that is larger than that. Not
// movable: llhttp is given its address.
class HttpReply {
 public:
  // `no_body`: it answers a HEAD.
  explicit HttpReply(bool no_body) noexcept;
  HttpReply(const HttpReply&) = delete;
  HttpReply& operator=(const HttpReply&) = delete;

  // Throws ValueError if this is no HTTP.
  void feed(std::span<const std::byte> data);
  // Which is the end of a body without a length. Throws likewise, if it comes too early.
  void end_of_data();

  [[nodiscard]] bool has_head() const noexcept { return has_head_; }
  [[nodiscard]] bool is_complete() const noexcept { return complete_; }
  // No more of the body is kept.
  [[nodiscard]] bool is_full() const noexcept { return body_.size() == most; }
  [[nodiscard]] int status() const noexcept { return status_; }
  // "Name: value": a field of that name, in any case, whose value holds that one. "Name": any such field.
  [[nodiscard]] bool has_header(std::string_view wanted) const;
  [[nodiscard]] bool has_body(std::string_view part) const { return body_.find(part) != body_.npos; }

 private:
  static constexpr std::size_t most = 64 * 1024;

  struct Llhttp;
  int field_name(std::string_view part);
  int field_value(std::string_view part);
  int head_ends();
  int body(std::string_view part);
  int ends();
  void check(int result, const char* where) const;

  alignas(8) std::array<std::byte, 96> state_;  // the llhttp_t
  const bool no_body_;
  bool has_head_ = false;
  bool complete_ = false;
  bool in_value_ = true;
  int status_ = 0;
  std::size_t head_bytes_ = 0;
  std::vector<std::pair<std::string, std::string>> fields_;
  std::string body_;
};

}  // namespace evloopd::workloads
