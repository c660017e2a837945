#include "base/ref.h"

#include <gtest/gtest.h>

#include <utility>

namespace evloop {
namespace {

class Counted {
 public:
  void add_ref() noexcept { ++references; }
  void release() noexcept { --references; }
  int references = 0;
};
class Derived : public Counted {};

TEST(Ref, HoldsOneReferenceEach) {
  Counted object;
  {
    const Ref<Counted> a(&object);
    EXPECT_EQ(object.references, 1);
    const auto b = a;
    EXPECT_EQ(object.references, 2);
    EXPECT_EQ(a, b);
  }
  EXPECT_EQ(object.references, 0);
}

TEST(Ref, MovesWithoutCounting) {
  Counted object;
  Ref<Counted> a(&object);
  const Ref<Counted> b(std::move(a));
  EXPECT_EQ(object.references, 1);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(b.get(), &object);
}

TEST(Ref, AssignsAlsoToItself) {
  Counted one;
  Counted two;
  Ref<Counted> ref(&one);
  ref = Ref<Counted>(&two);
  EXPECT_EQ(one.references, 0);
  const auto& same = ref;
  ref = same;
  EXPECT_EQ(two.references, 1);
  ref = nullptr;
  EXPECT_EQ(two.references, 0);
}

TEST(Ref, AdoptsAndDetachesWithoutCounting) {
  Counted object;
  object.add_ref();
  auto ref = Ref<Counted>::adopt(&object);
  EXPECT_EQ(object.references, 1);
  EXPECT_EQ(ref.detach(), &object);
  EXPECT_EQ(object.references, 1);
  EXPECT_FALSE(ref);
}

TEST(Ref, OfADerivedClassIsOneOfItsBase) {
  Derived object;
  const Ref<Derived> derived(&object);
  const Ref<Counted> base = derived;
  EXPECT_EQ(object.references, 2);
  EXPECT_EQ(base.get(), &object);
}

TEST(HeldRef, TakesAReferenceOverAndGivesItUpAtItsEnd) {
  Counted object;
  {
    const HeldRef<Counted> held{Ref<Counted>(&object)};
    EXPECT_EQ(object.references, 1);
    EXPECT_EQ(&*held, &object);
    EXPECT_EQ(held->references, 1);
  }
  EXPECT_EQ(object.references, 0);
}

}  // namespace
}  // namespace evloop
