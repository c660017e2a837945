#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "net/net_test.h"

namespace evloop {

// The reading and the writing end of a pipe.
inline std::pair<UniqueFd, UniqueFd> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Both sides of a terminal that changes nothing on the way: the one of the program that drives it, and the one of the
// program in it.
inline std::pair<UniqueFd, UniqueFd> make_terminal() {
  UniqueFd driver(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!driver || ::grantpt(driver.get()) != 0 || ::unlockpt(driver.get()) != 0) std::abort();
  std::array<char, 128> name{};
  if (::ptsname_r(driver.get(), name.data(), name.size()) != 0) std::abort();
  return {std::move(driver), UniqueFd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC))};
}

inline void write_text(const UniqueFd& fd, std::string_view data) {
  ASSERT_EQ(::write(fd.get(), data.data(), data.size()), static_cast<ssize_t>(data.size()));
}

// What is there to be read, without waiting.
inline std::string read_text(const UniqueFd& fd) {
  set_non_blocking(fd.get());
  std::string all;
  std::array<char, 65536> buffer{};
  for (;;) {
    const auto count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

inline bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

// Something that is neither pipe, socket nor character device.
inline UniqueFd open_regular_file() {
  std::string name = testing::TempDir() + "evloop-XXXXXX";
  UniqueFd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) std::abort();
  ::unlink(name.c_str());
  return file;
}

// The errno of a system error, 0 of none.
inline int errno_of(const std::exception_ptr& error) {
  if (!error) return 0;
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    return e.code().value();
  }
}

}  // namespace evloop
