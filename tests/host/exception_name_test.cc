#include "host/exception_name.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <new>
#include <system_error>

#include "aio/errors.h"
#include "net/os_error.h"

namespace evloopd::host {
namespace {

template <class Error>
ExceptionName name_of(Error error) {
  return ExceptionName(std::make_exception_ptr(std::move(error)));
}

TEST(ExceptionName, WhatAsyncioRaisesIsCalledAsInPython) {
  EXPECT_EQ(name_of(evloop::TimeoutError()).type, "TimeoutError");
  EXPECT_EQ(name_of(evloop::CancelledError()).type, "CancelledError");
  EXPECT_EQ(name_of(evloop::ValueError("no")).type, "ValueError");
  EXPECT_EQ(name_of(evloop::InvalidState("no")).type, "InvalidStateError");
  EXPECT_EQ(name_of(evloop::LoopError("no")).type, "RuntimeError");
  EXPECT_EQ(name_of(evloop::ExitRequest(3)).type, "SystemExit");
  EXPECT_EQ(name_of(evloop::Interrupt()).type, "KeyboardInterrupt");
  EXPECT_EQ(name_of(evloop::QueueEmpty()).type, "QueueEmpty");
}

TEST(ExceptionName, ASystemErrorIsTheChildOfOSErrorThatItsErrnoHas) {
  const auto of = [](int error) { return name_of(evloop::OsError(error, "x")).type; };
  EXPECT_EQ(of(ECONNREFUSED), "ConnectionRefusedError");
  EXPECT_EQ(of(ECONNRESET), "ConnectionResetError");
  EXPECT_EQ(of(EPIPE), "BrokenPipeError");
  EXPECT_EQ(of(ETIMEDOUT), "TimeoutError");
  EXPECT_EQ(of(ENOENT), "FileNotFoundError");
  EXPECT_EQ(of(EACCES), "PermissionError");
  EXPECT_EQ(of(ENETUNREACH), "OSError");
  EXPECT_EQ(name_of(std::system_error(EPERM, std::generic_category())).type, "PermissionError");
}

TEST(ExceptionName, AnotherKeepsTheNameOfItsType) {
  EXPECT_EQ(name_of(std::runtime_error("no")).type, "std::runtime_error");
  EXPECT_EQ(name_of(std::bad_alloc()).type, "std::bad_alloc");
}

TEST(ExceptionName, TheTextFollowsUnlessThereIsNone) {
  EXPECT_EQ(name_of(evloop::ValueError("a: b")).text(), "ValueError: a: b");
  EXPECT_EQ(name_of(evloop::ValueError("a: b")).message, "a: b");
  EXPECT_EQ(name_of(evloop::TimeoutError()).text(), "TimeoutError");
  EXPECT_EQ(name_of(evloop::CancelledError("enough")).text(), "CancelledError: enough");
}

}  // namespace
}  // namespace evloopd::host
