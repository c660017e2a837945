#include "settings/parse.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "settings/text.h"

namespace evloopd::settings {
namespace {

// Ends the parsing; what is wrong has been reported.
struct Refused {};

Position position_of(const YAML::Mark& mark) { return {.line = mark.line + 1, .column = mark.column + 1}; }

// Builds the tree from the parser's events. yaml-cpp's own nodes would lose what matters here: they keep duplicate keys
// silently, ignore merge keys, and know no position of a key.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(Report& report) : report_(report) {}

  [[nodiscard]] NodePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) refuse(mark, "a second document begins here; a configuration is one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (wants_key()) refuse(mark, "a key is missing here");
    auto node = make(Node::Kind::null, mark);
    // The mark of a value that is not there is that of whatever follows; its key is the better place.
    if (!frames_.empty() && frames_.back().node->kind == Node::Kind::mapping) node->position = frames_.back().key_at;
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (wants_key()) refuse(mark, "an alias cannot be a key");
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) refuse(mark, "an alias cannot stand inside the value it repeats");
    count(known->second->weight, mark);
    attach(known->second);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    // yaml-cpp 0.7 makes single bytes of these two escapes.
    if (utf8_prefix(value) != value.size()) refuse(mark, "write \\u0085 instead of \\N and \\u00a0 instead of \\_");
    if (wants_key()) return take_key(mark, value);
    auto node = make(Node::Kind::scalar, mark);
    node->text = value;
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::sequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::mapping, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or mapping that is not complete yet.
  struct Frame {
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor = 0;
    std::map<std::string, int> keys;  // of a mapping, with their lines
    std::optional<std::string> key;   // waits for its value
    Position key_at;
    bool drop = false;  // that value: it belongs to a key that was refused
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string message) {
    report_.add(position_of(mark), path(), std::move(message));
    throw Refused{};
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    // "?" is a plain value and "!" a quoted one; both without a tag.
    if (tag.empty() || tag == "?" || tag == "!") return;
    report_.add(position_of(mark), path(), fmt::format("tags mean nothing here; leave {} out", excerpt(tag)));
  }

  void count(std::size_t values, const YAML::Mark& mark) {
    values_ += values;
    if (values_ > max_values) refuse(mark, fmt::format("more than {} values", max_values));
  }

  std::shared_ptr<Node> make(Node::Kind kind, const YAML::Mark& mark) {
    count(1, mark);
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->position = position_of(mark);
    return node;
  }

  [[nodiscard]] bool wants_key() const {
    return !frames_.empty() && frames_.back().node->kind == Node::Kind::mapping && !frames_.back().key;
  }

  void take_key(const YAML::Mark& mark, const std::string& key) {
    auto& frame = frames_.back();
    const auto position = position_of(mark);
    const auto [known, fresh] = frame.keys.try_emplace(key, position.line);
    frame.drop = !fresh || key == "<<";
    frame.key = key;
    frame.key_at = position;
    if (key == "<<")
      report_.add(position, path(), "merge keys are not supported; write the keys out, or use an alias for one value");
    else if (!fresh)
      report_.add(position, path(), fmt::format("duplicate key; it is given first in line {}", known->second));
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (wants_key()) refuse(mark, "a key must be a word, not a list or a mapping");
    check_tag(mark, tag);
    if (frames_.size() == max_depth) refuse(mark, fmt::format("nested deeper than {} levels", max_depth));
    auto node = make(kind, mark);
    auto& frame = frames_.emplace_back();
    frame.node = std::move(node);
    frame.anchor = anchor;
  }

  void close() {
    auto frame = std::move(frames_.back());
    frames_.pop_back();
    add(std::move(frame.node), frame.anchor);
  }

  void add(NodePtr node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    attach(std::move(node));
  }

  void attach(NodePtr node) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& frame = frames_.back();
    frame.node->weight += node->weight;
    if (frame.node->kind == Node::Kind::sequence) {
      frame.node->items.push_back(std::move(node));
      return;
    }
    if (!frame.drop) frame.node->entries.push_back({*std::move(frame.key), frame.key_at, std::move(node)});
    frame.key.reset();
  }

  // Of the value that comes next.
  [[nodiscard]] std::string path() const {
    std::string path;
    for (const auto& frame : frames_) {
      if (frame.node->kind == Node::Kind::sequence)
        path += fmt::format("[{}]", frame.node->items.size());
      else if (frame.key)
        path += (path.empty() ? "" : ".") + printable(*frame.key);
    }
    return path;
  }

  Report& report_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, NodePtr> anchors_;
  NodePtr root_;
  std::size_t values_ = 0;
  int documents_ = 0;
};

Position position_at(std::string_view text, std::size_t offset) {
  Position position{1, 1};
  for (const char c : text.substr(0, offset)) {
    ++position.column;
    if (c == '\n') position = {position.line + 1, 1};
  }
  return position;
}

// yaml-cpp guesses at UTF-16 and UTF-32, and lets through what is no encoding at all.
bool check_encoding(std::string_view text, Report& report) {
  auto end = utf8_prefix(text);
  end = std::min(end, text.find('\0'));
  if (end == text.size()) return true;
  report.add(position_at(text, end), {},
             fmt::format("is not text in UTF-8: byte 0x{:02x}", static_cast<unsigned char>(text[end])));
  return false;
}

}  // namespace

NodePtr parse(const std::string& text, Report& report) {
  if (text.size() > max_file_size) {
    report.add({}, {}, fmt::format("is larger than {} bytes", max_file_size));
    return nullptr;
  }
  if (!check_encoding(text, report)) return nullptr;

  Builder builder(report);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused&) {
    return nullptr;
  } catch (const YAML::Exception& error) {
    report.add(position_of(error.mark), {}, "is not YAML: " + error.msg);
    return nullptr;
  }
  if (!builder.root() || builder.root()->kind == Node::Kind::null) {
    report.add({}, {}, "is empty; the smallest configuration is `version: 1`");
    return nullptr;
  }
  return builder.root();
}

}  // namespace evloopd::settings
