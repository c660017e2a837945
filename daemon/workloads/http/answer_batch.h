#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace evloopd::workloads {

// The answers to pipelined requests, on their way into one write. One loop has one, for all its
// connections in turn: its buffer is kept, so that a warm loop allocates nothing. What is added must stay
// valid until it is taken.
class AnswerBatch {
 public:
  // From here on it is better to write what there is.
  static constexpr std::size_t enough = 64 * 1024;

  void add(std::span<const std::byte> answer) {
    if (size_ == 0) {
      single_ = answer;  // a lone answer is not copied
    } else {
      if (buffer_.empty()) append(single_);
      append(answer);
    }
    size_ += answer.size();
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // All of it, in order. Valid until the next add(); clear() when it is written.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return buffer_.empty() ? single_ : buffer_; }
  void clear() noexcept {
    size_ = 0;
    buffer_.clear();
  }

 private:
  void append(std::span<const std::byte> answer) { buffer_.insert(buffer_.end(), answer.begin(), answer.end()); }

  std::span<const std::byte> single_;
  std::vector<std::byte> buffer_;
  std::size_t size_ = 0;
};

}  // namespace evloopd::workloads
