#include "workloads/proxy/client_hello.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace evloopd::workloads {
namespace {

using namespace std::string_literals;
using State = ClientHello::State;

ClientHello parse(std::string_view text) { return ClientHello::parse(std::as_bytes(std::span(text))); }

std::string number(std::size_t value, int size) {
  std::string text;
  while (size-- > 0) text += static_cast<char>(value >> static_cast<unsigned>(8 * size) & 0xffU);
  return text;
}
std::string sized(const std::string& content, int size) { return number(content.size(), size) + content; }
std::string extension(std::size_t type, const std::string& content) { return number(type, 2) + sized(content, 2); }
std::string server_name(const std::string& name) { return extension(0, sized("\0"s + sized(name, 2), 2)); }
std::string message(const std::string& extensions) {
  const auto hello = "\x03\x03"s + std::string(32, 'r') + sized("session", 1) + sized("\x13\x01"s, 2) + sized("\0"s, 1);
  return "\x01"s + sized(hello + (extensions.empty() ? "" : sized(extensions, 2)), 3);
}
std::string record(const std::string& content) { return "\x16\x03\x01"s + sized(content, 2); }

TEST(ClientHello, NamesTheServer) {
  const auto hello = parse(record(message(extension(43, "x") + server_name("A.Example") + extension(16, "y"))));
  EXPECT_EQ(hello.state, State::complete);
  EXPECT_EQ(hello.server_name, "a.example");
}

TEST(ClientHello, MayNameNone) {
  for (const auto& extensions : {""s, extension(43, "x")}) {
    const auto hello = parse(record(message(extensions)));
    EXPECT_EQ(hello.state, State::complete);
    EXPECT_EQ(hello.server_name, "");
  }
}

TEST(ClientHello, IsNotCompleteBeforeItsLastByte) {
  const auto whole = record(message(server_name("a.example")));
  for (std::size_t i = 0; i < whole.size(); ++i)
    EXPECT_EQ(parse(std::string_view(whole).substr(0, i)).state, State::more) << i;
}

TEST(ClientHello, MayComeInManyRecords) {
  std::string records;
  for (const char c : message(server_name("a.example"))) records += record({c});
  EXPECT_EQ(parse(records).server_name, "a.example");
  EXPECT_EQ(parse(std::string_view(records).substr(0, records.size() - 1)).state, State::more);
}

TEST(ClientHello, IsNothingElse) {
  const auto good = message(server_name("a.example"));
  for (const auto& text :
       {"GET / HTTP/1.1\r\n"s, "\x16\x02\x01"s, "\x15\x03\x01\x00\x02\x01\x00"s, record("\x02" + good.substr(1)),
        record("\x01\xff\xff\xff"s), "\x16\x03\x01\x00\x00"s, "\x16\x03\x01\xff\xff"s, record(message("\x00\x00"s)),
        record(message(extension(0, ""))),
        record(message(extension(0, sized("\0"s + sized(std::string(256, 'a'), 2), 2)))),
        record(message(extension(0, sized("\0\x00\x09short"s, 2)))), record("\x01\x00\x00\x02\x03\x03"s)})
    EXPECT_EQ(parse(text).state, State::bad) << testing::PrintToString(text);
}

}  // namespace
}  // namespace evloopd::workloads
