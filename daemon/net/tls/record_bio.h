#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <span>
#include <utility>

#include "net/bytes.h"

namespace evloop {

// Where OpenSSL reads what came and writes what is to be sent, of one connection: OpenSSL's memory BIO, but for three
// things. What came is read where it is, and copied only if some is left; nothing holds memory once it is empty; and
// memory comes from the thread's lists. No I/O happens here. Loop thread only.
class RecordBio {
 public:
  RecordBio() = default;
  RecordBio(const RecordBio&) = delete;
  RecordBio& operator=(const RecordBio&) = delete;

  // A BIO on this, for an SSL to own. This outlives it. Throws TlsError.
  [[nodiscard]] BIO* make();

  // `data` is valid until keep_input().
  void feed(std::span<const std::byte> data) noexcept { arriving_ = data; }
  void keep_input() { held_.append(std::exchange(arriving_, {})); }
  void drop_input() noexcept {
    held_.clear();
    arriving_ = {};
  }
  [[nodiscard]] std::size_t input_size() const noexcept { return held_.size() + arriving_.size(); }

  [[nodiscard]] Bytes take_output() noexcept { return std::exchange(output_, {}); }
  [[nodiscard]] std::size_t output_size() const noexcept { return output_.size(); }

 private:
  struct Callbacks;

  Bytes held_;  // before what is arriving
  std::span<const std::byte> arriving_;
  Bytes output_;
};

}  // namespace evloop
