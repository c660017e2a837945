#pragma once

#include <llhttp.h>

#include <cstddef>
#include <new>
#include <span>
#include <string_view>

namespace evloopd::workloads {

// Between llhttp and the `Object` that drives it, for that one's source file: llhttp.h stays out of our headers, so its
// state lies in bytes of the object's.
template <class Object>
struct LlhttpEvents {
  // What llhttp calls: a method of the object, plain or with a text.
  template <auto method>
  static int event(llhttp_t* state) {
    return (object(state).*method)();
  }
  template <auto method>
  static int text(llhttp_t* state, const char* at, std::size_t length) {
    return (object(state).*method)({at, length});
  }

  static void begin(std::span<std::byte> memory, llhttp_type_t type, const llhttp_settings_t& settings,
                    Object& object) noexcept {
    auto* state = ::new (static_cast<void*>(memory.data())) llhttp_t;
    llhttp_init(state, type, &settings);
    state->data = &object;
  }
  [[nodiscard]] static llhttp_t& state_in(std::span<std::byte> memory) noexcept {
    return *reinterpret_cast<llhttp_t*>(memory.data());
  }

 private:
  static Object& object(llhttp_t* state) noexcept { return *static_cast<Object*>(state->data); }
};

}  // namespace evloopd::workloads
