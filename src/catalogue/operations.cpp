#include "catalogue/operations.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

#include "catalogue/embedded.h"

namespace catalogue {
namespace {

// Takes what stands before the next `separator` off the front of `text`.
std::string_view take(std::string_view& text, char separator) {
  auto end = text.find(separator);
  auto piece = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return piece;
}

constexpr std::array<std::string_view, 6> kEffects = {"read",    "create",    "update",
                                                      "replace", "lifecycle", "destroy"};
constexpr std::array<std::string_view, 5> kMethods = {"GET", "POST", "PUT", "PATCH", "DELETE"};

std::size_t method_index(std::string_view method) {
  if (method == "HEAD") method = "GET";
  return static_cast<std::size_t>(std::find(kMethods.begin(), kMethods.end(), method) - kMethods.begin());
}

Parameter parse_parameter(std::string_view text) {
  Parameter parameter;
  parameter.in = text.front() == 'p'   ? Parameter::In::path
                 : text.front() == 'q' ? Parameter::In::query
                                       : Parameter::In::header;
  text.remove_prefix(1);
  parameter.required = text.starts_with('!');
  if (parameter.required) text.remove_prefix(1);
  parameter.name = take(text, ':');
  parameter.type = text;
  return parameter;
}

Operation parse_operation(std::string_view line) {
  Operation operation;
  operation.id = take(line, '\t');
  operation.method = take(line, '\t');
  operation.path = take(line, '\t');
  auto effect = std::find(kEffects.begin(), kEffects.end(), take(line, '\t'));
  assert(effect != kEffects.end());
  operation.effect = static_cast<Effect>(effect - kEffects.begin());
  for (auto scopes = take(line, '\t'); !scopes.empty();) operation.scopes.push_back(take(scopes, ','));
  operation.bucket = take(line, '\t');
  auto maximum = take(line, '\t');
  std::from_chars(maximum.data(), maximum.data() + maximum.size(), operation.page_maximum);
  operation.has_request_body = !take(line, '\t').empty();
  operation.parameters.reserve(static_cast<std::size_t>(std::count(line.begin(), line.end(), ':')));
  while (!line.empty()) operation.parameters.push_back(parse_parameter(take(line, ' ')));
  return operation;
}

// The path templates as a tree of segments: one step per segment, whatever the number of operations.
class PathTree {
 public:
  PathTree() { nodes_.emplace_back(); }

  void add(const Operation& operation) {
    std::size_t node = 0;
    for (auto rest = operation.path.substr(1); !rest.empty();) node = step(node, take(rest, '/'));
    nodes_[node].operations[method_index(operation.method)] = &operation;
  }

  const Operation* find(std::string_view method, std::string_view path) const {
    auto index = method_index(method);
    if (index == kMethods.size() || !path.starts_with('/') || path.ends_with('/')) return nullptr;
    return find(0, index, path.substr(1));
  }

 private:
  struct Node {
    std::vector<std::pair<std::string_view, std::size_t>> literals;  // ordered
    std::size_t parameter = 0;                                       // 0: none; the root is nobody's child
    std::array<const Operation*, kMethods.size()> operations{};
  };

  static auto position(auto& literals, std::string_view segment) {
    return std::lower_bound(literals.begin(), literals.end(), segment,
                            [](const auto& entry, std::string_view name) { return entry.first < name; });
  }

  std::size_t step(std::size_t node, std::string_view segment) {
    auto fresh = nodes_.size();
    if (segment.starts_with('{')) {
      if (nodes_[node].parameter) return nodes_[node].parameter;
      nodes_[node].parameter = fresh;
    } else {
      auto& literals = nodes_[node].literals;
      auto place = position(literals, segment);
      if (place != literals.end() && place->first == segment) return place->second;
      literals.insert(place, {segment, fresh});
    }
    nodes_.emplace_back();
    return fresh;
  }

  // Goes back to the parameter when the literal leads nowhere: "/users/me" is no template, "/users/{id}" is.
  const Operation* find(std::size_t at, std::size_t method, std::string_view rest) const {
    const Node& node = nodes_[at];
    if (rest.empty()) return node.operations[method];
    auto segment = take(rest, '/');
    if (segment.empty()) return nullptr;
    if (auto place = position(node.literals, segment);
        place != node.literals.end() && place->first == segment) {
      if (auto* found = find(place->second, method, rest)) return found;
    }
    return node.parameter ? find(node.parameter, method, rest) : nullptr;
  }

  std::vector<Node> nodes_;
};

struct Table {
  std::vector<Operation> operations;
  std::vector<const Operation*> by_id;
  PathTree paths;

  Table() {
    auto text = operations_data();
    operations.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
    while (!text.empty()) operations.push_back(parse_operation(take(text, '\n')));
    for (const auto& operation : operations) {
      by_id.push_back(&operation);
      paths.add(operation);
    }
    std::sort(by_id.begin(), by_id.end(), [](auto* a, auto* b) { return a->id < b->id; });
  }
};

const Table& table() {
  static const Table loaded;
  return loaded;
}

}  // namespace

std::string_view to_string(Effect effect) {
  return kEffects[static_cast<std::size_t>(effect)];
}

std::span<const Operation> operations() {
  return table().operations;
}

bool may_suffice(std::span<const std::string> held, std::string_view wanted) {
  constexpr std::string_view kRead = ".read";
  if (std::ranges::find(held, wanted) != held.end()) return true;
  if (!wanted.ends_with(kRead)) return false;
  wanted.remove_suffix(kRead.size());
  return std::ranges::any_of(held, [&](std::string_view scope) {
    return scope.starts_with(wanted) && scope.substr(wanted.size()) == ".manage";
  });
}

const Operation* find_operation(std::string_view id) {
  const auto& ids = table().by_id;
  auto place = std::lower_bound(ids.begin(), ids.end(), id, [](auto* operation, std::string_view wanted) {
    return operation->id < wanted;
  });
  return place != ids.end() && (*place)->id == id ? *place : nullptr;
}

const Operation* match_operation(std::string_view method, std::string_view path) {
  return table().paths.find(method, path);
}

}  // namespace catalogue
