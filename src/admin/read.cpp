#include "admin/read.h"

#include <algorithm>
#include <fmt/format.h>

#include "admin/resolve.h"
#include "catalogue/operations.h"

namespace admin {
namespace {

namespace json = core::json;

constexpr std::int64_t kDefaultRows = 100;
constexpr std::int64_t kPageMaximum = 200;
constexpr std::int64_t kLogPageMaximum = 1000;

// fetch_all reads on until the end, but not for ever beyond what an answer can hold: no row costs fewer
// tokens.
constexpr std::size_t kFewestTokensPerRow = 4;

// What has been read of a list, and where each page began, so that the answer can be cut anywhere.
struct Reading {
  json::Array items;
  ListInfo info;
};

// Whether Okta takes a cursor for this list; some (listUserGroups, listPolicyRules) come in one piece.
bool is_paged(std::string_view path) {
  const auto* operation = catalogue::match_operation("GET", path);
  return operation == nullptr || std::ranges::any_of(operation->parameters, [](const auto& parameter) {
           return parameter.name == "after" && parameter.in == catalogue::Parameter::In::query;
         });
}

core::Result<mcp::Outcome> count(const ToolRow& row, const core::Context& context, okta::Pages& pages,
                                 const AnswerOptions& options, const std::optional<TimeWindow>& window) {
  ListInfo info{.window = window};
  std::size_t total = 0;
  for (;;) {
    ASSIGN_OR_RETURN(auto page, pages.next(context));
    if (!page) break;
    total += page->size();
    context.progress(static_cast<double>(total), std::nullopt,
                     fmt::format("{} {} counted", total, row.list->nouns));
  }
  info.count = total;
  return mcp::Complete{mcp::text_result(list_answer(*row.list, {}, options, info))};
}

}  // namespace

net::Query query_of(const ToolRow& row, const Arguments& arguments) {
  net::Query query;
  for (const Param& param : row.params) {
    if (param.place != Place::query) continue;
    std::string name(param.wire.empty() ? param.name : param.wire);
    if (const json::Value* value = arguments.given().if_contains(param.name)) {
      if (value->is_bool()) query.emplace_back(name, value->get_bool() ? "true" : "false");
      if (value->is_int64()) query.emplace_back(name, std::to_string(value->get_int64()));
      // Okta takes an empty search for a broken one.
      if (value->is_string() && !value->get_string().empty())
        query.emplace_back(name, arguments.id(param.name));
    } else if (!param.fallback.empty()) {
      query.emplace_back(name, std::string(param.fallback));
    }
  }
  return query;
}

AnswerOptions answer_options(const Services& services, const Arguments& arguments) {
  AnswerOptions options;
  options.fields = arguments.list("fields");
  options.format = arguments.text("format") == "json" ? Format::json : Format::csv;
  options.count_only = arguments.boolean("count_only");
  options.budget_tokens = services.options().answer_budget_tokens;
  return options;
}

core::Result<mcp::Outcome> run_item(Services& services, const ToolRow& row, const core::Context& context,
                                    Arguments& arguments) {
  RETURN_IF_ERROR(resolve_identifiers(services, row, context, arguments));
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  ASSIGN_OR_RETURN(auto response,
                   org->get(context, expand_path(row.call.path, arguments), query_of(row, arguments)));
  std::string noun(row.name.substr(row.name.find('_') + 1));
  return mcp::Complete{
      mcp::text_result(item_answer(noun, response.body, answer_options(services, arguments)))};
}

core::Result<mcp::Outcome> run_list(Services& services, const ToolRow& row, const core::Context& context,
                                    Arguments& arguments) {
  RETURN_IF_ERROR(resolve_identifiers(services, row, context, arguments));
  return run_list_of(services, row, context, arguments,
                     {.path = expand_path(row.call.path, arguments), .query = query_of(row, arguments)});
}

core::Result<mcp::Outcome> run_list_of(Services& services, const ToolRow& row, const core::Context& context,
                                       const Arguments& arguments, ListRequest request) {
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  AnswerOptions options = answer_options(services, arguments);
  bool all = arguments.boolean("fetch_all");
  auto wanted = static_cast<std::size_t>(arguments.integer("limit", kDefaultRows));
  Cursor start;
  if (arguments.has("after")) {
    ASSIGN_OR_RETURN(start, decode_cursor(arguments.text("after")));
    if (!start.after.empty() && !is_paged(request.path)) {
      return core::fail(core::ErrorKind::invalid_input, "admin.cursor.one_page",
                        "This list comes in one piece; `after` is not a cursor that it gave.",
                        "Leave `after` out to start from the beginning.");
    }
  }
  std::int64_t page_maximum = row.area == Area::logs ? kLogPageMaximum : kPageMaximum;
  bool whole_pages = all || options.count_only;
  auto page_size =
      whole_pages ? page_maximum : std::min(page_maximum, static_cast<std::int64_t>(wanted + start.skip));
  okta::Pages pages(
      *org, std::move(request.path), std::move(request.query),
      {.limit = page_size, .after = start.after.empty() ? std::nullopt : std::optional(start.after)});
  if (options.count_only) return count(row, context, pages, options, request.window);

  Reading reading{.info = {.window = request.window}};
  std::size_t enough = all ? options.budget_tokens / kFewestTokensPerRow : wanted;
  std::size_t skip = start.skip;
  Cursor at = start;
  for (;;) {
    ASSIGN_OR_RETURN(auto page, pages.next(context));
    if (!page) break;
    reading.info.pages.push_back({.first = reading.items.size(), .start = at});
    std::size_t first = std::min(skip, page->size());
    std::size_t taken = page->size() - first;
    if (!all) taken = std::min(taken, wanted - reading.items.size());
    for (std::size_t i = first; i < first + taken; ++i) {
      reading.items.push_back(std::move((*page)[i]));
    }
    bool page_cut = first + taken < page->size();
    skip -= first;
    bool more = page_cut || !pages.done();
    if (page_cut) {
      at.skip = first + taken;
    } else if (more) {
      at = {.after = pages.cursor().value_or(""), .skip = skip};
    }
    if (!more) break;
    if (reading.items.size() >= enough) {
      reading.info.next = at;
      break;
    }
    context.progress(static_cast<double>(reading.items.size()), std::nullopt,
                     fmt::format("{} {} read", reading.items.size(), row.list->nouns));
  }
  return mcp::Complete{mcp::text_result(list_answer(*row.list, reading.items, options, reading.info))};
}

}  // namespace admin
