#include "core/table.h"

namespace core {
namespace {

bool formula_start(char c) {
  return c == '=' || c == '+' || c == '-' || c == '@' || c == '\t' || c == '\r';
}

bool needs_quotes(std::string_view cell) {
  if (cell.empty()) return false;
  if (cell.front() == ' ' || cell.back() == ' ') return true;
  return cell.find_first_of(",\"\r\n") != std::string_view::npos;
}

}  // namespace

void append_csv_cell(std::string& out, std::string_view cell, const CsvOptions& options) {
  const bool apostrophe = options.formula_safe && !cell.empty() && formula_start(cell.front());
  if (!needs_quotes(cell)) {
    if (apostrophe) out += '\'';
    out += cell;
    return;
  }
  out += '"';
  if (apostrophe) out += '\'';
  for (char c : cell) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_csv_row(std::string& out, std::span<const std::string> cells, const CsvOptions& options) {
  // An empty line would be no row at all.
  if (cells.size() == 1 && cells.front().empty()) out += "\"\"";
  bool first = true;
  for (const std::string& cell : cells) {
    if (!first) out += ',';
    first = false;
    append_csv_cell(out, cell, options);
  }
  out += options.line_end;
}

std::string csv_row(const std::vector<std::string>& cells, const CsvOptions& options) {
  std::string out;
  append_csv_row(out, cells, options);
  return out;
}

std::string spreadsheet_safe(std::string_view cell) {
  std::string out;
  if (!cell.empty() && formula_start(cell.front())) out += '\'';
  return out += cell;
}

void append_json_line(std::string& out, const json::Value& value) {
  out += json::write(value);
  out += '\n';
}

}  // namespace core
