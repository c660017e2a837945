#pragma once

namespace evloopd::control {

// What a caller may do; each role may do what those before it may.
enum class Role {
  observer,   // read everything
  operator_,  // start, stop, run jobs
  admin,      // create, close, delete
};

// "observer", "operator", "admin".
[[nodiscard]] constexpr const char* role_name(Role role) noexcept {
  switch (role) {
    case Role::observer: return "observer";
    case Role::operator_: return "operator";
    case Role::admin: return "admin";
  }
  return "unknown";
}

}  // namespace evloopd::control
