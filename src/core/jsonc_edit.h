// Changes a JSON file that people write by hand, and leaves every byte alone that need not change: comments,
// trailing commas, order, indentation, line ends, a byte order mark. For the configuration files of editors
// and MCP hosts ("JSON with comments": RFC 8259 plus // and /* */ comments and trailing commas).
//
//   ASSIGN_OR_RETURN(auto document, core::jsonc::Document::parse(text));
//   RETURN_IF_ERROR(document.set({"servers", "okta", "command"}, "/usr/bin/okta-mcp-server"));
//   write(document.text());
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace core::jsonc {

// Where a value stands in the text: [begin, end), in bytes.
struct Node {
  enum class Kind { object, array, string, scalar };
  struct Member;

  Kind kind = Kind::object;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::vector<Member> members;  // of an object, in order; a name may stand twice
  std::vector<Node> elements;   // of an array
};

struct Node::Member {
  std::string name;  // unescaped
  std::size_t begin = 0;
  Node value;
};

using Path = std::vector<std::string>;

class Document {
 public:
  // Text without any value (empty, blank, only comments) counts as an empty object, which is added at its
  // end. At most 16 MiB and 200 levels. Errors core.jsonc.syntax (what was expected, with line and column),
  // core.jsonc.too_large.
  static Result<Document> parse(std::string text);

  const std::string& text() const { return text_; }
  const Node& root() const { return root_; }
  // The value there; nullopt where a step of the path is missing. Error core.jsonc.duplicate: a name on the
  // path stands twice, so that nobody can say which one counts.
  Result<std::optional<json::Value>> get(const Path& path) const;

  // Replaces the value at `path`, or adds it as the last member; objects that are missing on the way are
  // made. Does nothing when the value there is equal. Errors core.jsonc.shape (a step is there, and is no
  // object), core.jsonc.duplicate.
  Status set(const Path& path, const json::Value& value);
  // Adds an element at the end of the array at `path`, which is made when it is missing. Errors as above.
  Status append(const Path& path, const json::Value& value);

  // "line 3, column 14": both from 1, columns in characters.
  std::string place(std::size_t offset) const;
  // Where the first comment or trailing comma stands: readers of plain JSON stop there.
  std::optional<std::size_t> first_extension() const { return first_extension_; }

 private:
  Document() = default;
  Result<const Node*> find(const Path& path, std::size_t steps) const;  // null: missing
  Status replace(std::size_t begin, std::size_t end, std::string_view with);
  Status insert(const Node& container, std::string_view item);
  std::string print(const json::Value& value, const std::string& indent) const;
  std::string indent_of_line(std::size_t offset) const;
  bool starts_its_line(std::size_t offset) const;
  std::string indent_of_children(const Node& container) const;
  void learn_style();

  std::string text_;
  Node root_;
  std::optional<std::size_t> first_extension_;
  std::string line_end_ = "\n";
  std::string unit_ = "  ";  // one step of indentation
};

}  // namespace core::jsonc
