#include "host/utilisation.h"

#include <gtest/gtest.h>

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;

constexpr Utilisation::Time begin{};

TEST(Utilisation, IsNothingBeforeTwoSamples) {
  Utilisation utilisation;
  EXPECT_EQ(utilisation.over(1s), 0);
  utilisation.add(begin, 0ns);
  EXPECT_EQ(utilisation.over(1s), 0);
}

TEST(Utilisation, IsTheBusyPartOfTheWindow) {
  Utilisation utilisation;
  // Idle for 30 s, then half busy for 10 s, then all busy for 1 s.
  Nanos busy{};
  for (int tenth = 0; tenth <= 410; ++tenth) {
    utilisation.add(begin + tenth * 100ms, busy);
    if (tenth >= 300) busy += tenth < 400 ? 50ms : 100ms;
  }
  EXPECT_NEAR(utilisation.over(1s), 1.0, 1e-9);
  EXPECT_NEAR(utilisation.over(10s), 5.5 / 10, 1e-9);
  EXPECT_NEAR(utilisation.over(60s), 6.0 / 41, 1e-9) << "over what has been seen";
}

TEST(Utilisation, ForgetsWhatIsOlderThanAMinute) {
  Utilisation utilisation;
  for (int tenth = 0; tenth <= 1000; ++tenth) utilisation.add(begin + tenth * 100ms, std::min(tenth, 100) * 100ms);
  EXPECT_EQ(utilisation.over(60s), 0);
}

TEST(Utilisation, SamplesThatCrowdAreLeftOut) {
  Utilisation utilisation;
  utilisation.add(begin, 0ns);
  utilisation.add(begin + 10ms, 10ms);
  EXPECT_EQ(utilisation.over(1s), 0);
  utilisation.add(begin + 100ms, 50ms);
  EXPECT_NEAR(utilisation.over(1s), 0.5, 1e-9);
}

TEST(Utilisation, IsNeverMoreThanOne) {
  Utilisation utilisation;
  utilisation.add(begin, 0ns);
  utilisation.add(begin + 100ms, 5s);
  EXPECT_EQ(utilisation.over(1s), 1);
}

}  // namespace
}  // namespace evloopd::host
