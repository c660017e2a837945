#include "ctl/table.h"

#include <algorithm>

namespace evloopd::ctl {
namespace {

std::string painted(const Cell& cell, bool color) {
  if (!color || cell.color == Color::none) return cell.text;
  const char* code = cell.color == Color::green ? "32" : cell.color == Color::yellow ? "33" : "31";
  return "\x1b[" + std::string(code) + "m" + cell.text + "\x1b[0m";
}

}  // namespace

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

void Table::add(std::vector<Cell> row) {
  for (auto& cell : row) cell.text = printable(std::move(cell.text));
  rows_.push_back(std::move(row));
}

std::string Table::text(bool color) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(display_width(columns_[i].title));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], display_width(row[i].text));
  }

  std::string all;
  const auto add_line = [&](const std::vector<Cell>& cells) {
    std::string line;
    std::size_t gap = 0;  // spaces owed before the next cell: never written at the end of a line
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const auto fill = widths[i] - display_width(cells[i].text);
      const bool right = columns_[i].align == Align::right;
      if (right) gap += fill;
      line.append(gap, ' ');
      line += painted(cells[i], color);
      gap = 2 + (right ? 0 : fill);
    }
    all += line + '\n';
  };

  std::vector<Cell> titles;
  for (const auto& column : columns_) titles.emplace_back(column.title);
  add_line(titles);
  for (const auto& row : rows_) add_line(row);
  return all;
}

}  // namespace evloopd::ctl
