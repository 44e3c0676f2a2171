#include "core/table.h"

#include <gtest/gtest.h>

namespace core {
namespace {

TEST(Csv, QuotesOnlyWhereItMust) {
  const struct {
    std::string_view cell, out;
  } cases[] = {
      {"plain", "plain"},
      {"", ""},
      {"a,b", "\"a,b\""},
      {"say \"hi\"", "\"say \"\"hi\"\"\""},
      {"two\nlines", "\"two\nlines\""},
      {"cr\rhere", "\"cr\rhere\""},
      {" led", "\" led\""},
      {"trailed ", "\"trailed \""},
      {"-5", "-5"},
      {"=1+1", "=1+1"},
      {"a;b|c", "a;b|c"},
  };
  for (const auto& c : cases) {
    std::string out;
    append_csv_cell(out, c.cell);
    EXPECT_EQ(out, c.out);
  }
}

// OWASP "CSV Injection": the first character decides.
TEST(Csv, FilesAreSafeFromFormulas) {
  const struct {
    std::string_view cell, out;
  } cases[] = {
      {"=HYPERLINK(\"http://e.example\")", "\"'=HYPERLINK(\"\"http://e.example\"\")\""},
      {"+1", "'+1"},
      {"-1", "'-1"},
      {"@SUM(A1)", "'@SUM(A1)"},
      {"\t=1", "'\t=1"},
      {"\r=1", "\"'\r=1\""},
      {"a=1", "a=1"},
      {"", ""},
  };
  for (const auto& c : cases) {
    std::string out;
    append_csv_cell(out, c.cell, {.formula_safe = true});
    EXPECT_EQ(out, c.out);
  }
  EXPECT_EQ(spreadsheet_safe("=1"), "'=1");
  EXPECT_EQ(spreadsheet_safe("1"), "1");
  EXPECT_EQ(spreadsheet_safe(""), "");
}

TEST(Csv, Rows) {
  EXPECT_EQ(csv_row({"a", "b,c", ""}), "a,\"b,c\",\n");
  EXPECT_EQ(csv_row({"a"}, {.line_end = "\r\n"}), "a\r\n");
  EXPECT_EQ(csv_row({""}), "\"\"\n") << "an empty line would be no row";
  EXPECT_EQ(csv_row({"", ""}), ",\n");
}

TEST(JsonLines, KeepsOneLineAValue) {
  std::string out;
  append_json_line(out, json::Object{{"a", "x\ny"}});
  append_json_line(out, 5);
  EXPECT_EQ(out, "{\"a\":\"x\\ny\"}\n5\n");
}

}  // namespace
}  // namespace core
