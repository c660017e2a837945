#pragma once

#include <memory>

namespace evloop {

template <auto free>
struct OpenSslFree {
  template <class T>
  void operator()(T* object) const noexcept {
    free(object);
  }
};

// Owns an object of OpenSSL's, given back by its function `free`.
template <class T, auto free>
using OpenSslPtr = std::unique_ptr<T, OpenSslFree<free>>;

}  // namespace evloop
