#include "control/paging.h"

#include <gmock/gmock.h>

#include <cstdint>
#include <string>
#include <vector>

namespace evloopd::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Item {
  std::uint64_t id = 0;
  std::string name;
};

std::vector<Item> items(std::initializer_list<std::uint64_t> ids) {
  std::vector<Item> all;
  for (const auto id : ids) all.push_back({id, "n" + std::to_string(id)});
  return all;
}

std::vector<std::uint64_t> ids(const Page<Item>& page) {
  std::vector<std::uint64_t> all;
  for (const auto& item : page.items) all.push_back(item.id);
  return all;
}

TEST(Paging, GoesThroughAllInTheOrderOfTheirKeys) {
  const auto all = items({5, 100, 1, 9, 3});
  const auto first = take_page(all, &Item::id, 2, "").value();
  EXPECT_THAT(ids(first), ElementsAre(1, 3));
  const auto second = take_page(all, &Item::id, 2, first.next_page_token).value();
  EXPECT_THAT(ids(second), ElementsAre(5, 9));
  const auto last = take_page(all, &Item::id, 2, second.next_page_token).value();
  EXPECT_THAT(ids(last), ElementsAre(100));
  EXPECT_EQ(last.next_page_token, "");
}

TEST(Paging, APageThatHoldsTheRestIsTheLast) {
  const auto page = take_page(items({1, 2}), &Item::id, 2, "").value();
  EXPECT_THAT(ids(page), ElementsAre(1, 2));
  EXPECT_EQ(page.next_page_token, "");
}

TEST(Paging, GoesOnWhereItWasThoughTheLastItemIsGoneAndOthersCame) {
  const auto first = take_page(items({1, 2, 3, 4}), &Item::id, 2, "").value();
  const auto second = take_page(items({1, 3, 4, 5}), &Item::id, 5, first.next_page_token).value();
  EXPECT_THAT(ids(second), ElementsAre(3, 4, 5));
}

TEST(Paging, WorksByNameAsWell) {
  const auto first = take_page(items({3, 1, 2}), &Item::name, 1, "").value();
  EXPECT_THAT(ids(first), ElementsAre(1));
  EXPECT_THAT(ids(take_page(items({3, 1, 2}), &Item::name, 9, first.next_page_token).value()), ElementsAre(2, 3));
}

TEST(Paging, GivesFiftyUnlessAskedAndAThousandAtMost) {
  std::vector<Item> many(1500);
  for (std::size_t i = 0; i < many.size(); ++i) many[i].id = i;
  EXPECT_EQ(take_page(many, &Item::id, 0, "").value().items.size(), 50U);
  EXPECT_EQ(take_page(many, &Item::id, 5000, "").value().items.size(), 1000U);
}

TEST(Paging, OfNothingIsOneEmptyPage) {
  const auto page = take_page(std::vector<Item>{}, &Item::id, 0, "").value();
  EXPECT_THAT(page.items, IsEmpty());
  EXPECT_EQ(page.next_page_token, "");
}

TEST(Paging, RefusesANegativeSizeAndAForeignToken) {
  EXPECT_EQ(take_page(items({1}), &Item::id, -1, "").error().metadata.at("field"), "page_size");
  EXPECT_EQ(take_page(items({1}), &Item::id, 0, "12x").error().metadata.at("field"), "page_token");
}

}  // namespace
}  // namespace evloopd::control
