#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/host_error.h"

// Pages of lists that change between two requests. A page token is the key of the last item given, so there is
// nothing to remember and nothing to expire: the next page is what comes after that key.
namespace evloopd::control {

inline constexpr std::size_t default_page_size = 50;
inline constexpr std::size_t largest_page_size = 1000;

template <class Item>
struct Page {
  std::vector<Item> items;
  std::string next_page_token;  // empty: this is the last page
};

inline std::string to_token(const std::string& key) { return key; }
inline std::string to_token(std::uint64_t key) { return std::to_string(key); }

inline bool from_token(std::string_view token, std::string& key) {
  key = token;
  return true;
}
inline bool from_token(std::string_view token, std::uint64_t& key) {
  const char* end = token.data() + token.size();
  const auto [parsed, error] = std::from_chars(token.data(), end, key);
  return error == std::errc() && parsed == end;
}

// The items of `all` after `token`, in the order of their keys. `key` is a member that no two items share.
template <class Item, class Key>
host::HostResult<Page<Item>> take_page(std::vector<Item> all, Key Item::* key, std::int32_t page_size,
                                       const std::string& token) {
  if (page_size < 0) return std::unexpected(host::bad_argument("page_size", "0 or more", std::to_string(page_size)));
  const auto size =
      page_size == 0 ? default_page_size : std::min(static_cast<std::size_t>(page_size), largest_page_size);
  if (!token.empty()) {
    Key last{};
    if (!from_token(token, last))
      return std::unexpected(host::bad_argument("page_token", "a next_page_token of this list", token));
    std::erase_if(all, [&](const Item& item) { return !(last < item.*key); });
  }
  const auto order = [key](const Item& a, const Item& b) { return a.*key < b.*key; };
  Page<Item> page;
  if (all.size() > size) {
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(size);
    std::ranges::nth_element(all, end, order);
    all.erase(end, all.end());
    std::ranges::sort(all, order);
    page.next_page_token = to_token(all.back().*key);
  } else {
    std::ranges::sort(all, order);
  }
  page.items = std::move(all);
  return page;
}

}  // namespace evloopd::control
