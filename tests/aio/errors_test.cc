#include "aio/errors.h"

#include <gtest/gtest.h>

#include <system_error>

#include "aio/outcome.h"

namespace evloop {
namespace {

TEST(Errors, ACancelledErrorIsNoOrdinaryException) {
  static_assert(!std::is_base_of_v<std::exception, CancelledError>);
  static_assert(!std::is_base_of_v<std::exception, GeneratorExit>);
  static_assert(!std::is_base_of_v<std::exception, Fatal>);
  const auto cancelled = std::make_exception_ptr(CancelledError("m"));
  EXPECT_TRUE(holds<CancelledError>(cancelled));
  EXPECT_FALSE(holds<std::exception>(cancelled));
}

TEST(Errors, HoldsSeesBaseClasses) {
  EXPECT_TRUE(holds<std::runtime_error>(std::make_exception_ptr(LoopError("x"))));
  EXPECT_TRUE(holds<Fatal>(std::make_exception_ptr(ExitRequest(1))));
  EXPECT_FALSE(holds<LoopError>(std::make_exception_ptr(ValueError("x"))));
  EXPECT_FALSE(holds<LoopError>(nullptr));
}

TEST(Errors, AreDescribedByTypeAndText) {
  EXPECT_EQ(describe(std::make_exception_ptr(LoopError("text"))), "evloop::LoopError: text");
  EXPECT_NE(describe(std::make_exception_ptr(5)).find("int"), std::string::npos);
  EXPECT_NE(describe(std::make_exception_ptr(CancelledError("m"))).find("CancelledError"), std::string::npos);
}

TEST(Errors, AGroupKeepsItsErrorsInOrder) {
  const ExceptionGroup group("several",
                             {std::make_exception_ptr(LoopError("a")), std::make_exception_ptr(ValueError("b"))});
  ASSERT_EQ(group.errors().size(), 2u);
  EXPECT_TRUE(holds<LoopError>(group.errors()[0]));
  EXPECT_STREQ(group.what(), "several");
}

TEST(Outcome, IsEmptyAValueOrAnError) {
  Outcome<int> empty;
  EXPECT_TRUE(empty.empty());
  EXPECT_FALSE(empty);
  auto value = Outcome<int>::of(3);
  EXPECT_TRUE(value);
  EXPECT_EQ(value.value(), 3);
  EXPECT_EQ(value.error(), nullptr);
  EXPECT_EQ(std::move(value).take(), 3);
  auto failed = Outcome<void>::failed(std::make_exception_ptr(CancelledError()));
  EXPECT_TRUE(failed.cancelled());
  EXPECT_THROW(std::move(failed).take(), CancelledError);
}

}  // namespace
}  // namespace evloop
