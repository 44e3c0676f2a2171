#include "devorg/user_list.h"

#include "devorg/field_selection.h"
#include "devorg/views.h"
#include "rest/body.h"

namespace devorg {

namespace {

using rest::Answer;
using rest::Call;
using rest::Reply;

// Users as `search` sees them: what was written lately still shows its old version.
class IndexedUsers final : public LiveUsers {
 public:
  explicit IndexedUsers(const Service& service) : LiveUsers(service), now_(service.now()) {}

  bool exists(std::uint32_t at) const override {
    if (const auto* stale = service_.search().stale(Indexed::user, at, now_))
      return stale->before.has_value();
    return LiveUsers::exists(at);
  }
  void collect(std::uint32_t at, std::string_view path, catalogue::FilterValues& out) const override {
    const auto* stale = service_.search().stale(Indexed::user, at, now_);
    if (!stale) return LiveUsers::collect(at, path, out);
    if (!stale->before) return;
    // Borrowed by the JSON, which lives as long as the lock is held.
    if (const auto* value = find_member(*stale->before, path))
      catalogue::JsonSubject(*value).collect("", out);
  }
  boost::json::object json(std::uint32_t at) const override {
    const auto* stale = service_.search().stale(Indexed::user, at, now_);
    return stale && stale->before ? *stale->before : LiveUsers::json(at);
  }

 private:
  static const boost::json::value* find_member(const boost::json::object& object, std::string_view path) {
    const std::size_t dot = path.find('.');
    const auto* member = object.if_contains(path.substr(0, dot));
    if (!member || dot == std::string_view::npos) return member;
    const auto* inner = member->if_object();
    return inner ? find_member(*inner, path.substr(dot + 1)) : nullptr;
  }

  core::WallTime now_;
};

// Only chosen properties of each user (query parameter `fields`).
class SelectedUsers final : public ListSource {
 public:
  SelectedUsers(const ListSource& all, FieldSelection fields) : all_(all), fields_(std::move(fields)) {}
  std::uint32_t size() const override { return all_.size(); }
  bool exists(std::uint32_t at) const override { return all_.exists(at); }
  std::string id(std::uint32_t at) const override { return all_.id(at); }
  std::uint32_t find(std::string_view id) const override { return all_.find(id); }
  void collect(std::uint32_t at, std::string_view path, catalogue::FilterValues& out) const override {
    all_.collect(at, path, out);
  }
  boost::json::object json(std::uint32_t at) const override { return fields_.apply(all_.json(at)); }

 private:
  const ListSource& all_;
  FieldSelection fields_;
};

Answer<Reply> answer(const Call& call, const ListSource& source, const ListQuery& query,
                     SortedResults& results) {
  const std::string fields = call.query_value("fields");
  if (fields.empty()) return list_page(call, source, query, results);
  return list_page(call, SelectedUsers(source, FieldSelection::parse(fields)), query, results);
}

bool starts_with_folded(std::string_view text, std::string_view folded_prefix) {
  return catalogue::fold_case(text).starts_with(folded_prefix);
}

// Matches the start of firstName, lastName or email; two words match first and last name.
bool matches_quick(const LiveUsers& users, std::uint32_t at, const std::string& folded) {
  catalogue::FilterValues values;
  std::string names;
  for (const auto path : {"profile.firstName", "profile.lastName", "profile.email"}) {
    values.clear();
    users.collect(at, path, values);
    if (values.values().empty()) continue;
    const std::string_view text = values.values().front().text;
    if (starts_with_folded(text, folded)) return true;
    if (std::string_view(path) != "profile.email") names += std::string(text) + " ";
  }
  return folded.find(' ') != std::string::npos && starts_with_folded(names, folded);
}

Answer<Reply> search_users(Service& service, const Call& call, SortedResults& results, ListQuery query) {
  const IndexedUsers users(service);
  query.search = call.query_value("search");
  ASSIGN_OR_RETURN(const auto filter, read_filter(query.search, catalogue::users_search()));
  query.keep = [&](std::uint32_t at) { return filter.matches(SourceSubject(users, at)); };
  query.version = service.search().version(service.now());
  query.sort_by = call.query_value("sortBy");
  if (!query.sort_by.empty()) {
    const auto* property = catalogue::find_property(catalogue::users_search(), query.sort_by);
    if (!property)
      return rest::refuse(rest::invalid_search("sortBy does not support '" + query.sort_by + "'."));
    query.sort_type = property->type;
    const std::string order = catalogue::fold_case(call.query_value("sortOrder"));
    if (!order.empty() && order != "asc" && order != "desc")
      return rest::refuse(rest::validation_failed("sortOrder", {"sortOrder: must be asc or desc"}));
    query.descending = order == "desc";
  }
  return answer(call, users, query, results);
}

}  // namespace

std::uint32_t LiveUsers::find(std::string_view id) const {
  if (const std::uint32_t found = users_.find_id(id); found != kNobody) return found;
  // A cursor may name a user that was deleted since; its slot is still there.
  for (std::uint32_t at = 0; at < users_.size(); ++at)
    if (users_.at(at).removed && users_.at(at).id() == id) return at;
  return size();
}

void LiveUsers::collect(std::uint32_t at, std::string_view path, catalogue::FilterValues& out) const {
  UserSubject(users_, at, service_.org().user_type_id).collect(path, out);
}

boost::json::object LiveUsers::json(std::uint32_t at) const {
  return user_json(service_, at, Links::self);
}

Answer<Reply> list_users(Service& service, const Call& call, SortedResults& results) {
  const bool has_search = !call.query_value("search").empty();
  const bool has_filter = !call.query_value("filter").empty();
  const std::string q = call.query_value("q");
  if (static_cast<int>(has_search) + static_cast<int>(has_filter) + static_cast<int>(!q.empty()) > 1)
    return rest::refuse(rest::other(
        400, "E0000033", "Bad request. Can't specify a search query and filter in the same request."));
  ListQuery query{.base_url = service.base_url(), .shown_limit = q.empty() ? 200u : 10u};
  ASSIGN_OR_RETURN(query.page, rest::read_page(call, {.default_limit = query.shown_limit, .maximum = 200}));
  if (has_search) return search_users(service, call, results, std::move(query));

  const LiveUsers users(service);
  const auto active_list = [&](std::uint32_t at) {
    return service.org().users.at(at).status != UserStatus::deprovisioned;
  };
  if (has_filter) {
    ASSIGN_OR_RETURN(const auto filter, read_filter(call.query_value("filter"), catalogue::users_filter()));
    query.keep = [&](std::uint32_t at) { return filter.matches(SourceSubject(users, at)); };
    return answer(call, users, query, results);
  }
  if (!q.empty()) {
    const std::string folded = catalogue::fold_case(q);
    query.has_next = false;
    query.page.after.clear();
    query.keep = [&](std::uint32_t at) { return active_list(at) && matches_quick(users, at, folded); };
    return answer(call, users, query, results);
  }
  query.keep = active_list;
  return answer(call, users, query, results);
}

}  // namespace devorg
