#include "admin/tools/user_files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <unistd.h>

#include "admin/read.h"
#include "admin/tools/shapes.h"
#include "core/file.h"
#include "core/table.h"

namespace admin {
namespace {

namespace json = core::json;
using core::ErrorKind;
using core::fail;

constexpr std::size_t kMaxFileName = 100;

std::string_view kind_of(const json::Value& value) {
  if (value.is_string()) return "string";
  if (value.is_bool()) return "boolean";
  if (value.is_number()) return "number";
  if (value.is_array()) return "array";
  return "unknown";
}

core::Result<mcp::Outcome> attributes_of_schema(const json::Value& schema) {
  std::string text = "name,title,type,required,where\n";
  for (std::string_view part : {"base", "custom"}) {
    const json::Value* properties = json::find(schema, fmt::format("definitions.{}.properties", part));
    if (!properties || !properties->is_object()) continue;
    for (const auto& member : properties->get_object()) {
      const json::Value* required = json::find(member.value(), "required");
      text += core::csv_row(
          {std::string(member.key()), std::string(json::string_or_empty(member.value(), "title")),
           std::string(json::string_or_empty(member.value(), "type")),
           required && required->is_bool() && required->get_bool() ? "yes" : "", std::string(part)});
    }
  }
  return mcp::Complete{mcp::text_result(std::move(text))};
}

// Which file an export may be: a plain name inside the export folder, whatever path was asked for.
core::Result<std::string> export_file(const Services& services, std::string_view wanted) {
  std::string_view name =
      wanted.substr(wanted.rfind('/') == std::string_view::npos ? 0 : wanted.rfind('/') + 1);
  if (name.empty()) name = "okta_users_export.csv";
  bool plain = name.size() <= kMaxFileName && !name.starts_with('.') &&
               name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
                   std::string_view::npos;
  if (!plain) {
    return fail(ErrorKind::invalid_input, "admin.export.name", "\"output_path\" is not a plain file name.",
                "Use letters, digits, dots, dashes and underscores.");
  }
  std::string folder = services.options().state_dir + "/exports";
  RETURN_IF_ERROR(core::make_private_directory(folder));
  return folder + "/" + std::string(name);
}

// A file that appears under its name only when it is whole.
class ExportFile {
 public:
  static core::Result<ExportFile> create(std::string path) {
    ExportFile file(std::move(path));
    file.fd_ = ::open(file.temporary().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file.fd_ < 0) return file.failed("created");
    return file;
  }
  ExportFile(ExportFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  ExportFile& operator=(ExportFile&&) = delete;
  ~ExportFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(temporary().c_str());
  }

  core::Status write(std::string_view text) {
    while (!text.empty()) {
      ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return failed("written");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  core::Status finish() {
    if (::fsync(fd_) != 0 || ::rename(temporary().c_str(), path_.c_str()) != 0) return failed("finished");
    ::close(std::exchange(fd_, -1));
    return {};
  }

 private:
  explicit ExportFile(std::string path) : path_(std::move(path)) {}
  std::string temporary() const { return path_ + ".part"; }
  std::unexpected<core::Error> failed(std::string_view what) const {
    return fail(ErrorKind::unavailable, "admin.export.io",
                fmt::format("{} could not be {}: {}.", path_, what, std::strerror(errno)));
  }

  std::string path_;
  int fd_ = -1;
};

}  // namespace

core::Result<mcp::Outcome> get_user_profile_attributes(Services& services, const ToolRow& row,
                                                       const core::Context& context, Arguments&,
                                                       const mcp::ToolCall&) {
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  auto schema = org->get(context, std::string(row.call.path));
  if (schema) return attributes_of_schema(schema->body);
  if (schema.error().kind != ErrorKind::forbidden) return std::unexpected(std::move(schema).error());
  ASSIGN_OR_RETURN(auto users, org->get(context, "/api/v1/users", {{"limit", "200"}}));
  std::map<std::string, std::string_view> seen;
  if (users.body.is_array()) {
    for (const auto& user : users.body.get_array()) {
      const json::Value* profile = json::find(user, "profile");
      if (!profile || !profile->is_object()) continue;
      for (const auto& member : profile->get_object()) {
        auto& kind = seen[std::string(member.key())];
        if (kind.empty() || kind == "unknown") kind = kind_of(member.value());
      }
    }
  }
  std::string text =
      "Attribute names seen on up to 200 users; the schema itself needs okta.schemas.read, which is not "
      "granted. "
      "Attributes that nobody has are missing.\nname,type\n";
  for (const auto& [name, kind] : seen) text += core::csv_row({name, std::string(kind)});
  return mcp::Complete{mcp::text_result(std::move(text))};
}

core::Result<mcp::Outcome> export_users_csv(Services& services, const ToolRow& row,
                                            const core::Context& context, Arguments& arguments,
                                            const mcp::ToolCall&) {
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  ASSIGN_OR_RETURN(std::string path, export_file(services, arguments.text("output_path")));
  ASSIGN_OR_RETURN(ExportFile file, ExportFile::create(path));
  static constexpr std::string_view kColumns[] = {"id",
                                                  "status",
                                                  "created",
                                                  "activated",
                                                  "lastLogin",
                                                  "lastUpdated",
                                                  "passwordChanged",
                                                  "profile.login",
                                                  "profile.email",
                                                  "profile.firstName",
                                                  "profile.lastName",
                                                  "profile.displayName",
                                                  "profile.title",
                                                  "profile.department",
                                                  "profile.manager",
                                                  "profile.employeeNumber",
                                                  "profile.mobilePhone"};
  std::vector<std::string> cells;
  for (auto column : kColumns) cells.emplace_back(column);
  RETURN_IF_ERROR(file.write(core::csv_row(cells)));
  okta::Pages pages(*org, std::string(row.call.path), query_of(row, arguments), {.limit = 200});
  std::int64_t count = 0;
  for (;;) {
    ASSIGN_OR_RETURN(auto page, pages.next(context));
    if (!page) break;
    std::string rows;
    for (const auto& user : *page) {
      cells.clear();
      for (auto column : kColumns)
        cells.emplace_back(core::spreadsheet_safe(json::string_or_empty(user, column)));
      rows += core::csv_row(cells);
    }
    RETURN_IF_ERROR(file.write(rows));
    count += static_cast<std::int64_t>(page->size());
    context.progress(static_cast<double>(count), std::nullopt, fmt::format("{} users written", count));
  }
  RETURN_IF_ERROR(file.finish());
  return mcp::Complete{
      mcp::text_result(fmt::format("{} users, {} pages, written to {} (readable by this account only).",
                                   count, pages.pages_read(), path))};
}

}  // namespace admin
