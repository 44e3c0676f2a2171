// Messy settings, and what each becomes.
#include "settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/encoding.h"
#include "oauth/jwk.h"
#include "oauth/key_loading.h"
#include "setting_text.h"

namespace {

using testing::HasSubstr;
using testing::Not;

// What a variable has become, in one line.
std::string became(const Settings& settings, std::string_view variable) {
  std::string value;
  if (variable == "OKTA_ORG_URL") value = settings.org_url;
  if (variable == "OKTA_CLIENT_ID") value = settings.client_id;
  if (variable == "OKTA_SCOPES") value = fmt::format("{}", fmt::join(settings.scopes, " "));
  if (variable == "OKTA_PRIVATE_KEY") value = settings.private_key.reveal();
  if (variable == "OKTA_KEY_ID") value = settings.key_id;
  if (variable == "OKTA_API_TOKEN") value = settings.api_token.reveal();
  if (variable == "OKTA_MCP_STATE_DIR") value = settings.state_dir;
  if (variable == "OKTA_MCP_KEY_FILE") value = settings.key_file;
  if (variable == "OKTA_MCP_TOOLSET") value = settings.toolset;
  if (variable == "OKTA_MCP_READ_ONLY") value = settings.read_only ? "true" : "false";
  if (variable == "OKTA_LOG_LEVEL") value = fmt::format("level {}", static_cast<int>(settings.log_level));
  if (variable == "OKTA_LOG_FILE") value = settings.log_file;
  if (variable == "OKTA_MCP_REDIRECT_PORT" && settings.redirect_port) {
    value = std::to_string(*settings.redirect_port);
  }
  return value.empty() ? "unset" : value;
}

struct Row {
  std::string variable, text;
  std::string becomes;  // the value, "unset", or "error: a part of the message"
  std::string notice;   // a part of the one notice; empty: there is none
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      // Blank is unset.
      {"OKTA_ORG_URL", "", "unset", ""},
      {"OKTA_ORG_URL", "  \t", "unset", ""},
      {"OKTA_CLIENT_ID", "\r\n", "unset", ""},
      {"OKTA_CLIENT_ID", "\"\"", "unset", ""},
      {"OKTA_CLIENT_ID", "' '", "unset", ""},
      {"OKTA_KEY_ID", "\xc2\xa0", "unset", ""},
      {"OKTA_SCOPES", " , \"\" ;", "unset", ""},
      {"OKTA_MCP_READ_ONLY", " ", "false", ""},
      // What hosts leave behind when they have no value.
      {"OKTA_CLIENT_ID", "undefined", "unset", "the word \"undefined\""},
      {"OKTA_PRIVATE_KEY", "null", "unset", "the word \"null\""},
      {"OKTA_CLIENT_ID", "${input:OKTA_CLIENT_ID}", "unset", "does not resolve inputs"},
      {"OKTA_PRIVATE_KEY", "\"${input:okta-key}\"", "unset", "${input:okta-key}"},
      {"OKTA_ORG_URL", "${env:OKTA_ORG_URL}", "unset", "does not resolve such variables"},
      {"OKTA_SCOPES", "${OKTA_SCOPES}", "unset", "\"${OKTA_SCOPES}\""},
      {"OKTA_API_TOKEN", "${OKTA_API_TOKEN:-}", "unset", "counts as not set"},
      {"OKTA_MCP_READ_ONLY", "${input:ro}", "false", "counts as not set"},
      // What was copied from where VS Code shows it, or from documentation.
      {"OKTA_SCOPES", "${input:OKTA_SCOPES = okta.users.read okta.groups.read}",
       "okta.users.read okta.groups.read", "after the equals sign"},
      {"OKTA_SCOPES", "OKTA_SCOPES = okta.users.read okta.logs.read", "okta.users.read okta.logs.read",
       "Write the value alone"},
      {"OKTA_SCOPES", "OKTA_SCOPES=\"okta.users.read\"", "okta.users.read", "after the equals sign"},
      {"OKTA_SCOPES", "${input:OKTA_SCOPES=}", "unset", "after the equals sign"},
      {"OKTA_ORG_URL", "${input:OKTA_ORG_URL = https://example.okta.com}", "https://example.okta.com",
       "after the equals sign"},
      {"OKTA_KEY_ID", "OKTA_KEY_ID=kid-1", "kid-1", "Write the value alone"},
      {"OKTA_SCOPES", "okta.users.read ${env:MORE}", "error: placeholder", ""},
      // Scopes: separators and quotes of every kind.
      {"OKTA_SCOPES", "okta.users.read okta.groups.read", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", "okta.users.read,okta.groups.read", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", "  okta.users.read ,\n\tokta.groups.read  ", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", "\"okta.users.read okta.groups.read\"", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", "'okta.users.read' 'okta.groups.read'", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", R"(["okta.users.read", "okta.groups.read"])", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", "\xe2\x80\x9cokta.users.read\xe2\x80\x9d,\xc2\xa0okta.logs.read",
       "okta.users.read okta.logs.read", ""},
      {"OKTA_SCOPES", "okta.users.read%20okta.groups.read", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", "okta.users.read+okta.groups.read", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", "okta.users.read\\nokta.groups.read", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", "okta.users.read; okta.groups.read;", "okta.users.read okta.groups.read", ""},
      {"OKTA_SCOPES", "okta.users.read okta.users.read", "okta.users.read", ""},
      // The org's address.
      {"OKTA_ORG_URL", "https://example.okta.com", "https://example.okta.com", ""},
      {"OKTA_ORG_URL", "HTTPS://Example.OKTA.com", "https://example.okta.com", ""},
      {"OKTA_ORG_URL", "https://example.okta.com:443", "https://example.okta.com", ""},
      {"OKTA_ORG_URL", "'https://example.okta.com'", "https://example.okta.com", ""},
      {"OKTA_ORG_URL", "example.okta.com", "https://example.okta.com", "https:// was put in front"},
      {"OKTA_ORG_URL", "https://example.okta.com/", "https://example.okta.com", "slash"},
      {"OKTA_ORG_URL", "https://example.okta.com/oauth2/default", "https://example.okta.com",
       "follows the host"},
      {"OKTA_ORG_URL", "https://example.okta.com?x=1", "https://example.okta.com", "follows the host"},
      {"OKTA_ORG_URL", "https://example.okta.com/#/users", "https://example.okta.com", "follows the host"},
      {"OKTA_ORG_URL", "https://example-admin.okta.com/admin/dashboard", "https://example.okta.com",
       "admin console"},
      {"OKTA_ORG_URL", "trial-1-admin.oktapreview.com", "https://trial-1.oktapreview.com", "admin console"},
      {"OKTA_ORG_URL", "https://example-admin.okta-emea.com", "https://example.okta-emea.com",
       "admin console"},
      {"OKTA_ORG_URL", "https://example-admin.okta-gov.com", "https://example.okta-gov.com", "admin console"},
      {"OKTA_ORG_URL", "https://id-admin.example.com", "https://id-admin.example.com", ""},
      {"OKTA_ORG_URL", "<https://example.okta.com>", "https://example.okta.com", ""},
      {"OKTA_ORG_URL", "http://127.0.0.1:4400", "http://127.0.0.1:4400", ""},
      {"OKTA_ORG_URL", "localhost:4400", "http://localhost:4400", "http:// was put in front"},
      {"OKTA_ORG_URL", "http://[::1]:4400/", "http://[::1]:4400", "slash"},
      {"OKTA_ORG_URL", "http://example.okta.com", "error: https", ""},
      {"OKTA_ORG_URL", "trial-123456", "error: domain", ""},
      {"OKTA_ORG_URL", "htps://example.okta.com", "error: htps://example.okta.com", ""},
      {"OKTA_ORG_URL", "https://", "error: OKTA_ORG_URL", ""},
      {"OKTA_ORG_URL", "https:/example.okta.com", "error: OKTA_ORG_URL", ""},
      {"OKTA_ORG_URL", "my org", "error: OKTA_ORG_URL", ""},
      {"OKTA_ORG_URL", "https://ada:secret@example.okta.com", "error: OKTA_ORG_URL", ""},
      // Answers that went into the wrong prompt.
      {"OKTA_KEY_ID", "-----BEGIN PRIVATE KEY-----MIIsecret-----END PRIVATE KEY-----",
       "error: changed places", ""},
      {"OKTA_SCOPES", "-----BEGIN PRIVATE KEY----- MIIsecret", "error: changed places", ""},
      {"OKTA_CLIENT_ID", "-----BEGIN RSA PRIVATE KEY-----", "error: OKTA_CLIENT_ID", ""},
      {"OKTA_ORG_URL", "-----BEGIN PRIVATE KEY-----", "error: OKTA_ORG_URL", ""},
      {"OKTA_KEY_ID", "two words", "error: OKTA_KEY_ID", ""},
      // Names and tokens.
      {"OKTA_CLIENT_ID", " 0oa1\n", "0oa1", ""},
      {"OKTA_CLIENT_ID", "\"'0oa1'\"", "0oa1", ""},
      {"OKTA_CLIENT_ID",
       "\xef\xbb\xbf"
       "0oa1",
       "0oa1", ""},
      {"OKTA_API_TOKEN", "SSWS 00abc", "00abc", "without the word SSWS"},
      {"OKTA_API_TOKEN", "\"00abc\"\r\n", "00abc", ""},
      // Switches, names and places.
      {"OKTA_MCP_READ_ONLY", "TRUE", "true", ""},
      {"OKTA_MCP_READ_ONLY", "\"on\"", "true", ""},
      {"OKTA_MCP_READ_ONLY", "No", "false", ""},
      {"OKTA_MCP_READ_ONLY", "perhaps", "error: OKTA_MCP_READ_ONLY cannot be \"perhaps\"", ""},
      {"OKTA_LOG_LEVEL", "WARNING", "level 3", ""},
      {"OKTA_LOG_LEVEL", "loud", "error: OKTA_LOG_LEVEL", ""},
      {"OKTA_MCP_TOOLSET", " users, groups ", "users,groups", ""},
      {"OKTA_MCP_STATE_DIR", "~/state", "/home/ada/state", ""},
      {"OKTA_MCP_STATE_DIR", " ", "/home/ada/.local/state/okta-mcp-server", ""},
      {"OKTA_MCP_KEY_FILE", "'/run/key'", "/run/key", ""},
      {"OKTA_LOG_FILE", "~/log", "/home/ada/log", ""},
      {"OKTA_PRIVATE_KEY", "~/key.pem", "/home/ada/key.pem", ""},
      {"OKTA_MCP_REDIRECT_PORT", " 65535\n", "65535", ""},
      {"OKTA_MCP_REDIRECT_PORT", "1023", "error: OKTA_MCP_REDIRECT_PORT", ""},
      {"OKTA_MCP_REDIRECT_PORT", "8080x", "error: OKTA_MCP_REDIRECT_PORT", ""},
  };
  return all;
}

TEST(Settings, MessyValues) {
  EXPECT_GE(rows().size(), 60u);
  for (const auto& row : rows()) {
    SCOPED_TRACE(row.variable + "=" + row.text);
    const auto settings = read_settings({{"HOME", "/home/ada"}, {row.variable, row.text}});
    if (row.becomes.starts_with("error: ")) {
      ASSERT_FALSE(settings);
      const std::string said = settings.error().message + " " + settings.error().hint;
      EXPECT_THAT(said, HasSubstr(row.becomes.substr(7)));
      EXPECT_THAT(said, HasSubstr(row.variable));
      EXPECT_THAT(said, Not(HasSubstr("secret"))) << "what was typed may be a secret";
      continue;
    }
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(became(*settings, row.variable), row.becomes);
    ASSERT_EQ(settings->notices.size(), row.notice.empty() ? 0u : 1u);
    if (!row.notice.empty()) {
      EXPECT_THAT(settings->notices[0].text, HasSubstr(row.notice));
      EXPECT_THAT(settings->notices[0].text, HasSubstr(row.variable));
      EXPECT_EQ(settings->notices[0].setting, row.variable);
    }
  }
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST(Settings, AKeySurvivesAPromptOfOneLine) {
  const auto made = oauth::Key::generate(oauth::Algorithm::rs256);
  ASSERT_TRUE(made);
  const std::string pem = made->private_pem()->reveal();
  const std::pair<std::string, std::string> forms[] = {
      {"as it is", pem},
      {"line ends gone", replaced(pem, "\n", "")},
      {"line ends turned into spaces", replaced(pem, "\n", " ")},
      {"line ends as \\n", replaced(pem, "\n", "\\n")},
      {"CRLF", replaced(pem, "\n", "\r\n")},
      {"in quotes, as \\n", "\"" + replaced(pem, "\n", "\\n") + "\""},
      {"in typographic quotes", "\xe2\x80\x9c" + replaced(pem, "\n", "") + "\xe2\x80\x9d"},
      {"base64", core::base64_encode(pem)},
      {"with the variable's name", "OKTA_PRIVATE_KEY = " + replaced(pem, "\n", " ")},
      {"as VS Code shows it", "${input:OKTA_PRIVATE_KEY = " + replaced(pem, "\n", "") + "}"},
      {"a JWK as VS Code shows it",
       "${input:OKTA_PRIVATE_KEY = " + std::string(made->private_jwk()->reveal()) + "}"},
  };
  for (const auto& [what, text] : forms) {
    SCOPED_TRACE(what);
    const auto settings = read_settings({{"OKTA_PRIVATE_KEY", text}, {"OKTA_KEY_ID", "kid-1"}});
    ASSERT_TRUE(settings);
    const auto key = oauth::load_private_key(settings->private_key.reveal(), settings->key_id);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->thumbprint(), made->thumbprint());
    for (const auto& notice : settings->notices) EXPECT_THAT(notice.text, Not(HasSubstr(pem.substr(40, 20))));
  }
}

// How one signs in follows from which of key and key id are there; one alone never falls back to anything.
TEST(Settings, KeyAndKeyIdBelongTogether) {
  const auto made = oauth::Key::generate(oauth::Algorithm::es256);
  ASSERT_TRUE(made);
  const std::string pem = replaced(made->private_pem()->reveal(), "\n", "");
  const std::string jwk = made->private_jwk()->reveal();
  const std::string named_jwk = made->with_kid("k").private_jwk()->reveal();
  const struct {
    std::string key, key_id;
    std::string_view missing;  // empty: complete
  } cases[] = {
      {"", "", ""},
      {" ", "\t", ""},
      {"${input:OKTA_PRIVATE_KEY}", "${input:OKTA_KEY_ID}", ""},
      {pem, "kid-1", ""},
      {pem, "", "OKTA_KEY_ID"},
      {pem, "  ", "OKTA_KEY_ID"},
      {pem, "${input:OKTA_KEY_ID}", "OKTA_KEY_ID"},
      {"", "kid-1", "OKTA_PRIVATE_KEY"},
      {"${input:OKTA_PRIVATE_KEY}", "kid-1", "OKTA_PRIVATE_KEY"},
      {jwk, "", "OKTA_KEY_ID"},
      {named_jwk, "", ""},
      {core::base64_encode(named_jwk), "", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.key.substr(0, 30) + " and " + c.key_id);
    const auto settings = read_settings({{"OKTA_ORG_URL", "https://example.okta.com"},
                                         {"OKTA_CLIENT_ID", "0oa1"},
                                         {"OKTA_SCOPES", "okta.users.read"},
                                         {"OKTA_PRIVATE_KEY", c.key},
                                         {"OKTA_KEY_ID", c.key_id}});
    ASSERT_TRUE(settings);
    const auto missing = missing_setting(*settings);
    EXPECT_EQ(missing ? missing->message : "",
              c.missing.empty() ? "" : fmt::format("{} is not set.", c.missing));
  }
}

TEST(Settings, WhatIsMissingIsNamedWithTheReason) {
  auto settings = read_settings({{"OKTA_ORG_URL", "https://example.okta.com"},
                                 {"OKTA_CLIENT_ID", "0oa1"},
                                 {"OKTA_SCOPES", "${input:OKTA_SCOPES}"}});
  ASSERT_TRUE(settings);
  const auto missing = missing_setting(*settings);
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->message, "OKTA_SCOPES is not set.");
  EXPECT_THAT(missing->hint, HasSubstr("does not resolve inputs"));
  const auto usual = split_words(usual_scopes());
  EXPECT_EQ(usual.size(), 9u);
  for (const auto& scope : usual) EXPECT_THAT(missing->hint, HasSubstr(scope));
}

TEST(Settings, TwoWaysToSignInContradict) {
  const auto both = read_settings({{"OKTA_API_TOKEN", "00abc"}, {"OKTA_PRIVATE_KEY", "secret"}});
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().message,
              testing::AllOf(HasSubstr("OKTA_API_TOKEN"), HasSubstr("OKTA_PRIVATE_KEY")));
  const auto idle = read_settings({{"OKTA_API_TOKEN", "00abc"}, {"OKTA_CLIENT_ID", "0oa1"}});
  ASSERT_TRUE(idle);
  ASSERT_EQ(idle->notices.size(), 1u);
  EXPECT_THAT(idle->notices[0].text, HasSubstr("OKTA_CLIENT_ID is not used"));
}

TEST(Settings, ErrorsTellHowToCorrectWhatTheHostRemembers) {
  Settings settings;
  settings.host_prompts = true;
  const core::Error error{core::ErrorKind::invalid_input, "x",
                          "OKTA_KEY_ID is not a key of the app that OKTA_CLIENT_ID names.", "", std::nullopt};
  const auto cured = with_cure(error, settings);
  EXPECT_EQ(cured.message, error.message);
  for (const std::string part :
       {"${input:OKTA_KEY_ID}", "${input:OKTA_CLIENT_ID}", "mcp.json", "Edit", "Clear"}) {
    EXPECT_THAT(cured.hint, HasSubstr(part));
  }
  EXPECT_THAT(cured.hint, Not(HasSubstr("OKTA_ORG_URL")));
  EXPECT_EQ(with_cure(cured, settings).hint, cured.hint) << "once is enough";

  settings.origins["OKTA_KEY_ID"] = "key_id in [orgs.prod] of /c.toml (line 3)";
  const auto of_file = with_cure(error, settings);
  EXPECT_THAT(of_file.hint, HasSubstr("OKTA_KEY_ID is key_id in [orgs.prod] of /c.toml (line 3)."));
  EXPECT_THAT(of_file.hint, Not(HasSubstr("${input:OKTA_KEY_ID}")));

  settings.host_prompts = false;
  settings.origins.clear();
  EXPECT_EQ(with_cure(error, settings).hint, "") << "at a terminal nobody remembers anything";
}

TEST(SettingsTest, TheRedirectPortIsAPort) {
  EXPECT_FALSE(read_settings({})->redirect_port);
  EXPECT_FALSE(read_settings({{"OKTA_MCP_REDIRECT_PORT", " "}})->redirect_port);
  EXPECT_EQ(read_settings({{"OKTA_MCP_REDIRECT_PORT", "1024"}})->redirect_port, 1024);
  EXPECT_EQ(read_settings({{"OKTA_MCP_REDIRECT_PORT", " 65535\n"}})->redirect_port, 65535);
  for (const std::string text : {"0", "80", "1023", "65536", "99999999999", "-1", "8080x", "http", "8 080"}) {
    const auto settings = read_settings({{"OKTA_MCP_REDIRECT_PORT", text}});
    ASSERT_FALSE(settings) << text;
    EXPECT_NE(settings.error().message.find("OKTA_MCP_REDIRECT_PORT"), std::string::npos);
  }
}

TEST(SettingsTest, TheStateStoreIsADirectoryOrPostgresql) {
  EXPECT_TRUE(read_settings({})->state_store.empty());
  EXPECT_EQ(read_settings({{"OKTA_MCP_STATE_STORE", " directory "}})->state_store.reveal(), "directory");
  const std::string uri = "postgresql://ada:s3cr3t@db.example.com/okta?sslmode=verify-full";
  EXPECT_EQ(read_settings({{"OKTA_MCP_STATE_STORE", uri}})->state_store.reveal(), uri);
  const auto wrong = read_settings({{"OKTA_MCP_STATE_STORE", "mysql://ada:s3cr3t@db"}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "app.settings");
  EXPECT_EQ(core::describe(wrong.error()).find("s3cr3t"), std::string::npos);
}

TEST(SettingsTest, TheStoreIsOneOfFour) {
  EXPECT_EQ(read_settings({})->store, oauth::StoreKind::automatic);
  EXPECT_EQ(read_settings({{"OKTA_MCP_STORE", " memory "}})->store, oauth::StoreKind::memory);
  const auto wrong = read_settings({{"OKTA_MCP_STORE", "vault"}});
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, "oauth.store.choice");
}

}  // namespace
