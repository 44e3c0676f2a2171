// Tables as text: CSV (RFC 4180) and JSON lines.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace core {

struct CsvOptions {
  // For files that a spreadsheet opens: a cell that would be taken for a formula (it starts with = + - @, a
  // tab or a carriage return) gets a leading apostrophe. Answers to a model stay as they are: "-5" must
  // remain -5.
  bool formula_safe = false;
  std::string_view line_end = "\n";  // "\r\n" for files, as RFC 4180 section 2 writes it
};

// One cell: quoted only where it must be (comma, quote, line break, blank at either end).
void append_csv_cell(std::string& out, std::string_view cell, const CsvOptions& options = {});
// One row with its line end.
void append_csv_row(std::string& out, std::span<const std::string> cells, const CsvOptions& options = {});
std::string csv_row(const std::vector<std::string>& cells, const CsvOptions& options = {});
// What CsvOptions::formula_safe does to one cell.
std::string spreadsheet_safe(std::string_view cell);

// One compact JSON value a line. Line breaks inside strings are escaped by JSON itself.
void append_json_line(std::string& out, const json::Value& value);

}  // namespace core
