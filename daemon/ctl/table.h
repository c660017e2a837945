#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace evloopd::ctl {

enum class Align { left, right };
enum class Color { none, green, yellow, red };

struct Column {
  std::string title;
  Align align = Align::left;
};

struct Cell {
  Cell(std::string words) : text(std::move(words)) {}  // a row is a list of strings, some of them with a colour
  Cell(const char* words) : text(words) {}
  Cell(std::string words, Color paint) : text(std::move(words)), color(paint) {}

  std::string text;
  Color color = Color::none;
};

// Columns as wide as their widest cell, two spaces apart, no trailing spaces.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns.
  void add(std::vector<Cell> row);

  [[nodiscard]] std::string text(bool color) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// `text` with its control characters replaced by '?'. What programs and clients put into names must not reach the
// terminal as commands.
[[nodiscard]] std::string printable(std::string text);

// The number of characters of a UTF-8 string, which is about what it takes on a screen.
[[nodiscard]] std::size_t display_width(const std::string& text);

}  // namespace evloopd::ctl
