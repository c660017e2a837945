#include "net/tls/record_bio.h"

#include <openssl/bio.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "net/tls/tls_error.h"

namespace evloop {

// What OpenSSL calls. No exception may pass through it.
struct RecordBio::Callbacks {
  static int read(BIO* bio, char* buffer, std::size_t size, std::size_t* count) noexcept {
    auto& self = *static_cast<RecordBio*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (self.input_size() == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    const auto held = std::min(size, self.held_.size());
    if (held > 0) std::memcpy(buffer, self.held_.data(), held);
    self.held_.consume(held);
    const auto rest = std::min(size - held, self.arriving_.size());
    if (rest > 0) std::memcpy(buffer + held, self.arriving_.data(), rest);
    self.arriving_ = self.arriving_.subspan(rest);
    *count = held + rest;
    return 1;
  }

  static int write(BIO* bio, const char* data, std::size_t size, std::size_t* count) noexcept {
    BIO_clear_retry_flags(bio);
    try {
      static_cast<RecordBio*>(BIO_get_data(bio))->output_.append(std::as_bytes(std::span(data, size)));
    } catch (const std::bad_alloc&) {
      return 0;
    }
    *count = size;
    return 1;
  }

  static long control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static BIO_METHOD* const one = [] {
      auto* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "evloop records");
      if (!made) throw take_tls_error("cannot make a BIO");
      BIO_meth_set_read_ex(made, read);
      BIO_meth_set_write_ex(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return one;
  }
};

BIO* RecordBio::make() {
  auto* const bio = BIO_new(Callbacks::method());
  if (!bio) throw take_tls_error("cannot make a BIO");
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace evloop
