#include "core/hash_chain.h"

#include "core/seal.h"

namespace core {
namespace {

constexpr std::string_view kFirstLink = "0000000000000000000000000000000000000000000000000000000000000000";

// The hash covers the line as written, without its own "hash" member, which is always the last one.
std::string link_of(const json::Object& line) {
  json::Object body = line;
  body.erase("hash");
  return sha256_hex(json::write(body));
}

std::unexpected<Error> damaged() {
  return fail(ErrorKind::internal, "core.chain.damaged", "The last line of the chain is damaged.");
}

}  // namespace

Result<std::string> next_chained_line(std::string_view previous_line, const json::Object& members) {
  std::string link(kFirstLink);
  std::int64_t number = 1;
  if (!previous_line.empty()) {
    const auto last = json::parse(previous_line);
    if (!last || !last->is_object()) return damaged();
    link = json::string_or_empty(*last, "hash");
    const auto before = json::Reader(*last).at("n").integer();
    if (!before || link.size() != kFirstLink.size()) return damaged();
    number = *before + 1;
  }
  json::Object line;
  line["n"] = number;
  for (const auto& member : members) line[member.key()] = member.value();
  line["previous"] = link;
  line["hash"] = link_of(line);
  return json::write(line);
}

std::optional<std::string> ChainCheck::next(std::string_view text) {
  ++lines_;
  if (lines_ == 1) link_ = kFirstLink;
  const auto line = json::parse(text);
  if (!line || !line->is_object()) return "it is not JSON";
  if (json::string_or_empty(*line, "previous") != link_) return "it does not follow the line before it";
  link_ = link_of(line->get_object());
  if (json::string_or_empty(*line, "hash") != link_) return "its content was altered";
  const auto number = json::Reader(*line).at("n").integer();
  if (!number || *number != lines_) return "its number is out of order";
  return std::nullopt;
}

}  // namespace core
