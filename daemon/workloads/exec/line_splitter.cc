#include "workloads/exec/line_splitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace evloopd::workloads {
namespace {

bool is_control(std::string_view character) noexcept {
  const auto byte = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return byte < 0x20 || byte == 0x7f;
  return byte == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;  // C1, which terminals obey
}

std::string escaped(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto length = evloop::utf8_character(bytes);
    const auto character = bytes.substr(0, std::max<std::size_t>(length, 1));
    bytes.remove_prefix(character.size());
    if (character == "\t") {
      text += "\\t";
    } else if (length == 0 || is_control(character)) {
      for (const char c : character) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      text += character;
    }
  }
  return text;
}

}  // namespace

void LineSplitter::take(std::string_view bytes, const Line& line) {
  for (auto end = bytes.find('\n'); end != bytes.npos; end = bytes.find('\n')) {
    append(bytes.substr(0, end));
    this->end(line);
    bytes.remove_prefix(end + 1);
  }
  append(bytes);
}

void LineSplitter::finish(const Line& line) {
  if (!pending_.empty()) end(line);
}

void LineSplitter::append(std::string_view bytes) {
  const auto room = longest - pending_.size();
  pending_ += bytes.substr(0, room);
  if (bytes.size() > room) is_cut_ = true;
}

void LineSplitter::end(const Line& line) {
  if (pending_.ends_with('\r')) pending_.pop_back();
  auto text = escaped(std::exchange(pending_, {}));
  if (std::exchange(is_cut_, false)) text += "... (cut)";
  line(std::move(text));
}

}  // namespace evloopd::workloads
