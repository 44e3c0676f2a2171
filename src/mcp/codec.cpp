#include "mcp/codec.h"

#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "core/log.h"
#include "mcp/json_text.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

// Most results fit; longer ones grow.
constexpr std::size_t kUsualResult = 512;

// Since when each revision has what, after the changelogs of the specification.
constexpr WireRules rules_of(Revision revision) {
  using enum Revision;
  return {.revision = revision,
          .batches = revision <= v2025_03_26,
          .audio = revision >= v2025_03_26,
          .tool_annotations = revision >= v2025_03_26,
          .progress_message = revision >= v2025_03_26,
          .titles = revision >= v2025_06_18,
          .structured_output = revision >= v2025_06_18,
          .resource_links = revision >= v2025_06_18,
          .form_elicitation = revision >= v2025_06_18,
          .url_elicitation = revision >= v2025_11_25,
          .implementation_text = revision >= v2025_11_25,
          .completions = revision >= v2025_03_26,
          .item_meta = revision >= v2025_06_18,
          .completion_context = revision >= v2025_06_18,
          .icons = revision >= v2025_11_25,
          .any_structured = revision >= v2026_07_28,
          .tasks = revision >= v2025_11_25,
          .result_envelope = revision >= v2026_07_28};
}

constexpr std::array<WireRules, kRevisions> kRules = {
    rules_of(Revision::v2024_11_05), rules_of(Revision::v2025_03_26), rules_of(Revision::v2025_06_18),
    rules_of(Revision::v2025_11_25), rules_of(Revision::v2026_07_28)};

std::string implementation_text(const WireRules& rules, const Implementation& info) {
  ObjectText out;
  out.string("name", info.name);
  if (rules.titles) out.optional_string("title", info.title);
  out.string("version", info.version);
  if (rules.implementation_text) {
    out.optional_string("description", info.description).optional_string("websiteUrl", info.website_url);
  }
  if (rules.icons && !info.icons.empty()) out.raw("icons", icons_text(info.icons));
  return std::move(out).close();
}

std::string_view member(const Object& block, std::string_view key) {
  const Value* found = block.if_contains(key);
  return found && found->is_string() ? std::string_view(found->get_string()) : std::string_view{};
}

void append_text_block(std::string& out, std::string_view text) {
  out += R"({"type":"text","text":)";
  core::json::append_string(out, text);
  out += '}';
}

// Whole numbers print as integers; clients show them.
std::string number_text(double number) {
  if (number == std::floor(number) && std::abs(number) < 9.0e15) return fmt::format("{:.0f}", number);
  return core::json::write(Value(number));
}

}  // namespace

const WireRules& wire_rules(Revision revision) {
  return kRules[static_cast<std::size_t>(revision)];
}

Codec::Codec(Revision revision, const ServerOptions& options)
    : rules_(wire_rules(revision)),
      server_info_(implementation_text(rules_, options.info)),
      instructions_(options.instructions) {
  if (!rules_.result_envelope) return;
  std::string identity = std::move(ObjectText().raw(meta::kServerInfo, server_info_)).close();
  envelope_ = R"("resultType":"complete","_meta":)" + identity;
  // `private`: what is listed depends on what the login may do (page Caching: anything user-dependent).
  list_envelope_ = fmt::format(R"("resultType":"complete","ttlMs":{},"cacheScope":"private","_meta":{})",
                               options.list_ttl.count(), identity);
}

ClientAbilities Codec::abilities(const Object* capabilities) const {
  auto declared = [&](std::string_view key) -> const Object* {
    const Value* found = capabilities ? capabilities->if_contains(key) : nullptr;
    return found ? found->if_object() : nullptr;
  };
  ClientAbilities abilities;
  if (const Object* modes = declared("elicitation"); modes && rules_.form_elicitation) {
    // An empty object means form mode, as it did before modes had names.
    abilities.form = !rules_.url_elicitation || modes->empty() || modes->contains("form");
    abilities.url = rules_.url_elicitation && modes->contains("url");
  }
  if (const Object* sampling = declared("sampling")) {
    abilities.sampling = true;
    abilities.sampling_tools = sampling->contains("tools");
  }
  abilities.roots = declared("roots") != nullptr;
  // 2025-11-25 says it call by call: params.task.
  const Object* extensions = rules_.result_envelope ? declared("extensions") : nullptr;
  const Value* tasks = extensions ? extensions->if_contains(extension::kTasks) : nullptr;
  abilities.tasks = tasks && tasks->is_object();
  return abilities;
}

std::string Codec::empty_result() const {
  return "{" + envelope_ + "}";
}

std::string Codec::capabilities_text(const Offer& offer) const {
  ObjectText out;
  if (offer.completions && rules_.completions) out.raw("completions", "{}");
  ObjectText extensions;
  if (offer.tasks) extensions.raw(extension::kTasks, "{}");
  if (offer.ui) extensions.raw(extension::kUi, "{}");
  if (rules_.result_envelope && (offer.tasks || offer.ui)) {
    out.raw("extensions", std::move(extensions).close());
  }
  out.raw("logging", "{}");
  if (offer.prompts) out.raw("prompts", R"({"listChanged":true})");
  if (offer.resources) out.raw("resources", R"({"subscribe":true,"listChanged":true})");
  if (offer.tasks && rules_.tasks && !rules_.result_envelope) {
    out.raw("tasks", R"({"list":{},"cancel":{},"requests":{"tools":{"call":{}}}})");
  }
  if (offer.tools) out.raw("tools", R"({"listChanged":true})");
  return std::move(out).close();
}

std::string Codec::initialize_result(const Offer& offer) const {
  ObjectText out;
  out.string("protocolVersion", to_string(rules_.revision))
      .raw("capabilities", capabilities_text(offer))
      .raw("serverInfo", server_info_)
      .optional_string("instructions", instructions_);
  return std::move(out).close();
}

std::string Codec::discover_result(const Offer& offer) const {
  ObjectText out;
  // Modern revisions only: a legacy one is reached through initialize (page Versioning).
  out.raw("supportedVersions", fmt::format("[\"{}\"]", to_string(rules_.revision)))
      .raw("capabilities", capabilities_text(offer))
      .optional_string("instructions", instructions_)
      .members(list_envelope_);
  return std::move(out).close();
}

void Codec::append_content(std::string& out, const Content& content) const {
  if (const auto* text = std::get_if<std::string>(&content)) {
    append_text_block(out, *text);
  } else {
    append_block(out, std::get<Object>(content));
  }
}

// A kind the revision does not know becomes the text that says what it was; members it does not know go.
void Codec::append_block(std::string& out, const Object& block) const {
  std::string_view type = member(block, "type");
  if (type == "resource_link" && !rules_.resource_links) {
    return append_text_block(out, fmt::format("{}: {}", member(block, "name"), member(block, "uri")));
  }
  if (type == "audio" && !rules_.audio) {
    return append_text_block(out, fmt::format("[audio, {}: protocol revision {} cannot carry it]",
                                              member(block, "mimeType"), to_string(rules_.revision)));
  }
  if ((!rules_.item_meta && block.contains("_meta")) || (!rules_.icons && block.contains("icons"))) {
    Object known = block;
    if (!rules_.item_meta) known.erase("_meta");
    if (!rules_.icons) known.erase("icons");
    return append_block(out, known);
  }
  core::json::append(out, block);
}

std::string Codec::call_result(const ToolResult& result) const {
  bool structured = result.structured && rules_.structured_output &&
                    (rules_.any_structured || result.structured->is_object());
  std::size_t expected = kUsualResult + envelope_.size();
  for (const Content& content : result.content) expected += text_of(content).size();
  ObjectText out(expected);
  out.appended("content", [&](std::string& text) {
    text += '[';
    bool first = true;
    for (const Content& content : result.content) {
      if (!std::exchange(first, false)) text += ',';
      append_content(text, content);
    }
    // Many hosts render text only (page Tools: repeat structured content as text).
    if (first && result.structured) append_text_block(text, core::json::write(*result.structured));
    text += ']';
  });
  if (structured) out.value("structuredContent", *result.structured);
  if (result.is_error) out.boolean("isError", true);
  out.members(envelope_);
  return std::move(out).close();
}

std::string Codec::input_required_result(const std::map<std::string, Question>& questions,
                                         std::string_view request_state) const {
  ObjectText requests;
  for (const auto& [key, question] : questions) {
    ObjectText request;
    request.string("method", question_method(question)).raw("params", question_params(question));
    requests.raw(key, std::move(request).close());
  }
  ObjectText out;
  out.string("resultType", "input_required")
      .raw("inputRequests", std::move(requests).close())
      .string("requestState", request_state)
      .raw("_meta", std::move(ObjectText().raw(meta::kServerInfo, server_info_)).close());
  return std::move(out).close();
}

std::string Codec::listen_result(const RequestId& subscription) const {
  ObjectText about;
  about.raw(meta::kSubscriptionId, subscription.json).raw(meta::kServerInfo, server_info_);
  return std::move(ObjectText().string("resultType", "complete").raw("_meta", std::move(about).close()))
      .close();
}

std::string Codec::question_params(const Question& question) const {
  ObjectText out;
  if (const auto* form = std::get_if<FormQuestion>(&question)) {
    if (rules_.url_elicitation) out.string("mode", "form");
    out.string("message", form->message).object("requestedSchema", form->requested_schema);
  } else if (const auto* url = std::get_if<UrlQuestion>(&question)) {
    out.string("mode", "url").string("message", url->message).string("url", url->url);
    if (!is_modern(rules_.revision)) out.string("elicitationId", url->elicitation_id);
  } else if (const auto* sampling = std::get_if<SamplingQuestion>(&question)) {
    return core::json::write(sampling->params);
  }
  return std::move(out).close();
}

std::string Codec::progress_params(std::string_view token, double done, std::optional<double> total,
                                   std::string_view message) const {
  ObjectText out;
  out.raw("progressToken", token).raw("progress", number_text(done));
  if (total) out.raw("total", number_text(*total));
  if (rules_.progress_message) out.optional_string("message", message);
  return std::move(out).close();
}

std::string Codec::message_params(core::LogLevel level, std::string_view logger, const Value& data) const {
  ObjectText out;
  out.string("level", core::to_string(level)).optional_string("logger", logger).value("data", data);
  return std::move(out).close();
}

std::string Codec::acknowledged_params(const RequestId& subscription, const ListenFilter& honoured) const {
  ObjectText filter;
  auto list = [&](std::string_view key, std::span<const std::string> values) {
    if (values.empty()) return;
    std::string array = "[";
    for (const std::string& value : values) {
      if (array.size() > 1) array += ',';
      core::json::append_string(array, value);
    }
    filter.raw(key, array += ']');
  };
  if (honoured.tools) filter.boolean("toolsListChanged", true);
  if (honoured.prompts) filter.boolean("promptsListChanged", true);
  if (honoured.resources) filter.boolean("resourcesListChanged", true);
  list("resourceSubscriptions", honoured.uris);
  list("taskIds", honoured.tasks);
  ObjectText out;
  out.raw("notifications", std::move(filter).close())
      .raw("_meta", std::move(ObjectText().raw(meta::kSubscriptionId, subscription.json)).close());
  return std::move(out).close();
}

std::string Codec::updated_params(std::string_view uri, const RequestId* subscription) const {
  ObjectText out;
  out.string("uri", uri);
  if (subscription) {
    out.raw("_meta", std::move(ObjectText().raw(meta::kSubscriptionId, subscription->json)).close());
  }
  return std::move(out).close();
}

std::string Codec::subscription_params(const RequestId& subscription) const {
  return std::move(
             ObjectText().raw("_meta",
                              std::move(ObjectText().raw(meta::kSubscriptionId, subscription.json)).close()))
      .close();
}

std::string unsupported_version_data(std::string_view requested) {
  ObjectText out;
  out.raw("supported", fmt::format("[\"{}\"]", to_string(Revision::v2026_07_28)))
      .string("requested", requested);
  return std::move(out).close();
}

std::string missing_capability_data(std::span<const Question* const> questions) {
  Object required;
  for (const Question* question : questions) {
    if (std::holds_alternative<SamplingQuestion>(*question)) {
      required["sampling"].emplace_object();
    } else if (std::holds_alternative<RootsQuestion>(*question)) {
      required["roots"].emplace_object();
    } else {
      Value& modes = required["elicitation"];
      if (!modes.is_object()) modes.emplace_object();
      modes.get_object()[std::holds_alternative<UrlQuestion>(*question) ? "url" : "form"].emplace_object();
    }
  }
  return core::json::write(Object{{"requiredCapabilities", std::move(required)}});
}

std::string_view question_method(const Question& question) {
  if (std::holds_alternative<SamplingQuestion>(question)) return method::kCreateMessage;
  return std::holds_alternative<RootsQuestion>(question) ? method::kListRoots : method::kElicit;
}

bool can_answer(const ClientAbilities& abilities, const Question& question) {
  if (std::holds_alternative<FormQuestion>(question)) return abilities.form;
  if (std::holds_alternative<UrlQuestion>(question)) return abilities.url;
  if (std::holds_alternative<RootsQuestion>(question)) return abilities.roots;
  const Object& params = std::get<SamplingQuestion>(question).params;
  return abilities.sampling && (abilities.sampling_tools || !params.contains("tools"));
}

}  // namespace mcp
