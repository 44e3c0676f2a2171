#include "devorg/field_selection.h"

namespace devorg {

FieldSelection FieldSelection::parse(std::string_view text) {
  FieldSelection selection;
  bool inside = false;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) (inside ? selection.profile_ : selection.fields_).insert(word);
    word.clear();
  };
  for (const char c : text) {
    if (c == '(') {
      // "profile:" opens the list of its attributes.
      word.clear();
      inside = true;
    } else if (c == ')' || c == ',' || c == ' ') {
      end_word();
      if (c == ')') inside = false;
    } else {
      word += c;
    }
  }
  end_word();
  return selection;
}

boost::json::object FieldSelection::apply(const boost::json::object& whole) const {
  boost::json::object out;
  for (const auto& member : whole) {
    if (fields_.contains(std::string_view(member.key()))) {
      out[member.key()] = member.value();
    } else if (member.key() == "profile" && !profile_.empty() && member.value().is_object()) {
      boost::json::object chosen;
      for (const auto& attribute : member.value().get_object())
        if (profile_.contains(std::string_view(attribute.key()))) chosen[attribute.key()] = attribute.value();
      out["profile"] = std::move(chosen);
    }
  }
  return out;
}

}  // namespace devorg
