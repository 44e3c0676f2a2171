#include "okta/link.h"

#include <algorithm>

namespace okta {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// Reads one field value from left to right (RFC 8288 appendix B.2).
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : text_(text) {}

  std::optional<Link> next() {
    skip(" \t,");  // empty list elements are allowed, RFC 9110 section 5.6.1.2
    if (!take('<')) return std::nullopt;
    auto end = text_.find('>');
    if (end == std::string_view::npos) return std::nullopt;
    Link link;
    link.target = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    bool has_relation = false;
    for (;;) {
      skip(" \t");
      if (!take(';')) break;
      skip(" \t");
      std::string name = lower(take_until("=;, \t"));
      skip(" \t");
      std::string value;
      if (take('=')) {
        skip(" \t");
        value = take('"') ? take_quoted() : std::string(take_until(";, \t"));
      }
      // Only the first rel counts, RFC 8288 section 3.3.
      if (name == "rel" && !has_relation) {
        has_relation = true;
        add_relations(link, value);
      }
    }
    if (!text_.empty() && text_.front() != ',') text_ = {};
    return link;
  }

 private:
  void skip(std::string_view characters) {
    auto first = text_.find_first_not_of(characters);
    text_ = first == std::string_view::npos ? std::string_view{} : text_.substr(first);
  }
  bool take(char wanted) {
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string_view take_until(std::string_view characters) {
    auto piece = text_.substr(0, text_.find_first_of(characters));
    text_.remove_prefix(piece.size());
    return piece;
  }
  std::string take_quoted() {
    std::string value;
    while (!text_.empty()) {
      char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') break;
      if (c == '\\' && !text_.empty()) {
        c = text_.front();
        text_.remove_prefix(1);
      }
      value += c;
    }
    return value;
  }
  static void add_relations(Link& link, std::string_view value) {
    while (!value.empty()) {
      auto begin = std::find_if_not(value.begin(), value.end(), is_space);
      auto end = std::find_if(begin, value.end(), is_space);
      if (begin != end) link.relations.push_back(lower({begin, end}));
      value = {end, value.end()};
    }
  }

  std::string_view text_;
};

}  // namespace

std::vector<Link> parse_links(std::span<const std::string_view> fields) {
  std::vector<Link> links;
  for (auto field : fields) {
    FieldReader reader(field);
    while (auto link = reader.next()) links.push_back(*std::move(link));
  }
  return links;
}

std::optional<std::string> next_target(const net::Headers& headers) {
  for (auto& link : parse_links(headers.all("Link"))) {
    if (std::find(link.relations.begin(), link.relations.end(), "next") != link.relations.end()) {
      return std::move(link.target);
    }
  }
  return std::nullopt;
}

}  // namespace okta
