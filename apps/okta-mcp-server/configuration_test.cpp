// The configuration file, and what flags, environment and file make together.
#include "configuration.h"

#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "config_file.h"
#include "core/scratch_directory.h"

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kTwo = R"(default_org = "prod"
read_only = false

[orgs.prod]
org_url = "https://prod.okta.com"
client_id = "0oaprod"
scopes = ["okta.users.read", "okta.logs.read"]
read_only = true

[orgs.dev]
org_url = "https://dev.okta.com"
client_id = "0oadev"
scopes = "okta.users.read okta.users.manage"
)";

class ConfigurationTest : public testing::Test {
 protected:
  std::string write(std::string_view text, mode_t mode = 0600, const std::string& name = "config.toml") {
    const std::string path = scratch_.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  core::Result<Configuration> read(std::string_view text, Environment environment = {},
                                   const std::string& org = {}) {
    environment.try_emplace("HOME", scratch_.path());
    return read_configuration(environment, {.file = write(text), .org = org});
  }
  core::ScratchDirectory scratch_;
};

std::string said(const core::Error& error) {
  return error.code + ": " + error.message + " " + error.hint;
}

// One file after the other, and what each key becomes; or which line is wrong, and why.
TEST(ConfigFile, MessyFiles) {
  const struct {
    std::string text, variable, becomes;
  } rows[] = {
      {"client_id = \"0oa1\"", "OKTA_CLIENT_ID", "0oa1"},
      {"client_id = ' \"0oa1\" '", "OKTA_CLIENT_ID", "0oa1"},
      {"client_id = \"\"", "OKTA_CLIENT_ID", "unset"},
      {"# nothing", "OKTA_CLIENT_ID", "unset"},
      {"", "OKTA_CLIENT_ID", "unset"},
      {"\xef\xbb\xbf"
       "client_id = \"0oa1\"\r\n",
       "OKTA_CLIENT_ID", "0oa1"},
      {"scopes = [\"a\", 'b',]", "OKTA_SCOPES", "a b"},
      {"scopes = \"a, b\"", "OKTA_SCOPES", "a, b"},
      {"scopes = []", "OKTA_SCOPES", "unset"},
      {"read_only = true", "OKTA_MCP_READ_ONLY", "true"},
      {"redirect_port = 16582", "OKTA_MCP_REDIRECT_PORT", "16582"},
      {"toolset = [\"users\", \"groups\"]", "OKTA_MCP_TOOLSET", "users groups"},
      {"state_dir = \"state\"", "OKTA_MCP_STATE_DIR", "/dir/state"},
      {"state_store = \"postgresql://db/okta\"", "OKTA_MCP_STATE_STORE", "postgresql://db/okta"},
      {"key_file = \"../key\"", "OKTA_MCP_KEY_FILE", "/key"},
      {"log_file = \"/var/log/x\"", "OKTA_LOG_FILE", "/var/log/x"},
      {"log_file = \"~/x\"", "OKTA_LOG_FILE", "~/x"},
      {"private_key_file = \"key.pem\"", "OKTA_PRIVATE_KEY", "/dir/key.pem"},
      {"private_key = \"\"\"\n-----BEGIN\nx\n\"\"\"", "OKTA_PRIVATE_KEY", "-----BEGIN\nx"},
      {"[orgs.a]\nkey_id = \"k\"", "OKTA_KEY_ID", "k"},
      {"default_org = \"b\"\n[orgs.a]\nkey_id=\"1\"\n[orgs.b]\nkey_id=\"2\"", "OKTA_KEY_ID", "1"},
      // Wrong.
      {"client_id = 0oa1", "", "app.config.syntax line 1"},
      {"client_id = \"0oa1", "", "app.config.syntax line 1"},
      {"a = 1\na = 2", "", "app.config.syntax line 2"},
      {"\nclientid = \"x\"", "", "app.config.key line 2 Did you mean \"client_id\"?"},
      {"clientId = \"x\"", "", "app.config.key line 1 \"client_id\""},
      {"OKTA_CLIENT_ID = \"x\"", "", "app.config.key line 1 \"client_id\""},
      {"url = \"x\"", "", "app.config.key line 1 \"org_url\""},
      {"scope = \"x\"", "", "app.config.key line 1 \"scopes\""},
      {"api-token = \"x\"", "", "app.config.key line 1 \"api_token\""},
      {"frobnicate = \"x\"", "", "app.config.key line 1 The keys are: "},
      {"[orgs.a]\nkeyid = \"x\"", "", "app.config.key line 2 in [orgs.a]. Did you mean \"key_id\"?"},
      {"[org.a]\nkey_id = \"x\"", "", "app.config.key line 1 \"orgs\""},
      {"[orgs.a]\nstate_dir = \"x\"", "", "app.config.key line 2 for the whole program"},
      {"client_id = \"x\"\n[orgs.a]\nkey_id = \"x\"", "", "app.config.key line 1 under [orgs.NAME]"},
      {"client_id = 7", "", "app.config.type line 1 a string in quotes"},
      {"read_only = \"true\"", "", "app.config.type line 1 without quotes"},
      {"scopes = [1]", "", "app.config.type line 1 list of strings"},
      {"orgs = \"x\"", "", "app.config.type line 1 [orgs.prod]"},
      {"[[orgs]]\nkey_id = \"x\"", "", "app.config.type line 1"},
      {"[orgs]\na = 1", "", "app.config.type line 2"},
      {"[orgs]", "", "app.config.value line 1"},
      {"[orgs.\"a b\"]", "", "app.config.value line 1 letters, digits"},
      {"private_key = \"x\"\nprivate_key_file = \"y\"", "", "app.config.value line 2 exclude each other"},
      {"[orgs.a]\n[orgs.b]", "", "app.config.value default_org = \"a\""},
      {"default_org = \"c\"\n[orgs.a]\n[orgs.b]", "", "app.config.value line 1 a, b"},
      {"default_org = \"a\"\nclient_id = \"x\"", "", "app.config.value line 1 no [orgs.NAME]"},
      {"a1 = 1\nb1 = 2\nc1 = 3", "", "app.config.key line 1 2 more"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.text);
    const auto file = parse_config(row.text, "c.toml", "/dir", false);
    if (row.becomes.starts_with("app.config.")) {
      ASSERT_FALSE(file);
      const auto space = row.becomes.find(' ');
      EXPECT_EQ(file.error().code, row.becomes.substr(0, space));
      std::string rest = row.becomes.substr(space + 1);
      if (rest.starts_with("line ")) {
        const auto end = rest.find(' ', 5);
        EXPECT_THAT(file.error().message, HasSubstr("c.toml, " + rest.substr(0, end) + ":"));
        rest = end == std::string::npos ? "" : rest.substr(end + 1);
      }
      EXPECT_THAT(said(file.error()), HasSubstr(rest));
      continue;
    }
    ASSERT_TRUE(file) << said(file.error());
    std::string value = "unset";
    for (const auto* values : {&file->program, file->orgs.empty() ? nullptr : &file->orgs[0].values}) {
      if (values && values->contains(row.variable)) value = values->at(row.variable).text;
    }
    EXPECT_EQ(value, row.becomes);
  }
}

TEST_F(ConfigurationTest, SecretsAreForTheirOwnerOnly) {
  const struct {
    std::string_view text;
    mode_t mode;
    std::string_view cure;  // empty: read
  } cases[] = {
      {"api_token = \"00abc\"", 0600, ""},
      {"api_token = \"00abc\"", 0400, ""},
      {"api_token = \"00abc\"", 0640, "chmod 600"},
      {"api_token = \"00abc\"", 0604, "chmod 600"},
      {"client_id = \"0oa1\"", 0644, ""},
      {"private_key_file = \"key.pem\"", 0644, ""},
      {"private_key = \"key.pem\"", 0644, ""},  // a file beside it
      {"private_key = \"-----BEGIN PRIVATE KEY-----\"", 0644, "chmod 600"},
      {"[orgs.a]\nprivate_key = \"MIIsecret\"", 0644, "chmod 600"},
      {"client_id = \"0oa1\"", 0664, "chmod go-w"},
      {"client_id = \"0oa1\"", 0602, "chmod go-w"},
  };
  write("key", 0600, "key.pem");
  for (const auto& c : cases) {
    SCOPED_TRACE(fmt::format("{} {:o}", c.text, c.mode));
    const std::string path = write(c.text, c.mode);
    const auto file = read_config_file(path);
    EXPECT_EQ(file.has_value(), c.cure.empty());
    if (file) continue;
    EXPECT_EQ(file.error().code, "app.config.permissions");
    EXPECT_THAT(file.error().hint, HasSubstr(fmt::format("{} {}", c.cure, path)));
    EXPECT_THAT(said(file.error()), AllOf(Not(HasSubstr("00abc")), Not(HasSubstr("MII"))));
  }
}

TEST_F(ConfigurationTest, TheFileIsFoundByFlagVariableOrPlace) {
  const std::string place = scratch_.path() + "/.config/okta-mcp-server";
  std::filesystem::create_directories(place);
  std::ofstream(place + "/config.toml") << "client_id = \"of the place\"";
  std::filesystem::create_directories(scratch_.path() + "/xdg/okta-mcp-server");
  std::ofstream(scratch_.path() + "/xdg/okta-mcp-server/config.toml") << "client_id = \"of xdg\"";
  for (const auto& path : {place, scratch_.path() + "/xdg/okta-mcp-server"}) {
    chmod((path + "/config.toml").c_str(), 0600);
  }
  const std::string variable = write("client_id = \"of the variable\"", 0600, "variable.toml");
  const std::string flag = write("client_id = \"of the flag\"", 0600, "flag.toml");
  const std::string home = scratch_.path();
  const struct {
    Environment environment;
    std::string flag, client_id;
  } cases[] = {
      {{{"HOME", home}}, "", "of the place"},
      {{{"HOME", home}, {"OKTA_MCP_CONFIG", " "}}, "", "of the place"},
      {{{"HOME", home}, {"XDG_CONFIG_HOME", home + "/xdg"}}, "", "of xdg"},
      {{{"HOME", home}, {"OKTA_MCP_CONFIG", "~/variable.toml"}}, "", "of the variable"},
      {{{"HOME", home}, {"OKTA_MCP_CONFIG", variable}}, flag, "of the flag"},
      {{{"HOME", home + "/nowhere"}}, "", ""},
      {{}, "", ""},
  };
  for (const auto& c : cases) {
    const auto configuration = read_configuration(c.environment, {.file = c.flag});
    ASSERT_TRUE(configuration) << said(configuration.error());
    EXPECT_EQ(configuration->standard().client_id, c.client_id);
  }
  const auto none = read_configuration({{"OKTA_MCP_CONFIG", home + "/none.toml"}}, {});
  ASSERT_FALSE(none) << "a file that was asked for must be there";
  EXPECT_THAT(said(none.error()), AllOf(HasSubstr("none.toml"), HasSubstr("OKTA_MCP_CONFIG")));
}

TEST_F(ConfigurationTest, EachOrgHasItsOwnSettings) {
  const auto configuration = read(kTwo);
  ASSERT_TRUE(configuration) << said(configuration.error());
  ASSERT_EQ(configuration->orgs.size(), 2u);
  EXPECT_EQ(configuration->standard().org_name, "prod");
  const Settings& prod = *configuration->find("prod");
  const Settings& dev = *configuration->find("dev");
  EXPECT_EQ(prod.org_url, "https://prod.okta.com");
  EXPECT_EQ(dev.org_url, "https://dev.okta.com");
  EXPECT_EQ(dev.scopes, (std::vector<std::string>{"okta.users.read", "okta.users.manage"}));
  EXPECT_TRUE(prod.read_only);
  EXPECT_FALSE(dev.read_only);
  EXPECT_EQ(configuration->find("test"), nullptr);
}

TEST_F(ConfigurationTest, TheEnvironmentBeatsTheFileForTheDefaultOrgOnly) {
  const auto configuration = read(kTwo, {{"OKTA_CLIENT_ID", "0oaenv"},
                                         {"OKTA_SCOPES", " "},
                                         {"OKTA_ORG_URL", "${input:OKTA_ORG_URL}"},
                                         {"OKTA_LOG_LEVEL", "error"},
                                         {"OKTA_MCP_TOOLSET", "users"}});
  ASSERT_TRUE(configuration) << said(configuration.error());
  const Settings& prod = *configuration->find("prod");
  const Settings& dev = *configuration->find("dev");
  EXPECT_EQ(prod.client_id, "0oaenv");
  EXPECT_EQ(prod.scopes.size(), 2u) << "blank is unset";
  EXPECT_EQ(prod.org_url, "https://prod.okta.com") << "so is what the host did not resolve";
  ASSERT_EQ(configuration->notices().size(), 1u);
  EXPECT_THAT(configuration->notices()[0].text, HasSubstr("does not resolve inputs"));
  EXPECT_FALSE(prod.origins.contains("OKTA_CLIENT_ID"));
  EXPECT_THAT(prod.origins.at("OKTA_SCOPES"), AllOf(HasSubstr("scopes in [orgs.prod]"), HasSubstr("line 7")));
  EXPECT_EQ(dev.client_id, "0oadev");
  for (const auto& org : configuration->orgs) {
    EXPECT_EQ(org.log_level, core::LogLevel::error);
    EXPECT_EQ(org.toolset, "users");
  }
}

TEST_F(ConfigurationTest, ReadOnlyAddsUp) {
  const std::string file = R"(read_only = {}
[orgs.a]
read_only = {}
)";
  const struct {
    std::string_view environment;
    bool program, org, becomes;
  } cases[] = {{"", false, false, false},     {"", true, false, true},       {"", false, true, true},
               {"true", false, false, true},  {"false", true, false, false}, {"false", false, true, true},
               {"false", false, false, false}};
  for (const auto& c : cases) {
    const auto configuration = read(fmt::format(fmt::runtime(file), c.program, c.org),
                                    {{"OKTA_MCP_READ_ONLY", std::string(c.environment)}});
    ASSERT_TRUE(configuration) << said(configuration.error());
    EXPECT_EQ(configuration->standard().read_only, c.becomes)
        << c.environment << " " << c.program << " " << c.org;
  }
}

TEST_F(ConfigurationTest, OneOrgCanBeChosen) {
  const auto dev = read(kTwo, {{"OKTA_CLIENT_ID", "0oaenv"}}, "dev");
  ASSERT_TRUE(dev);
  EXPECT_FALSE(dev->several());
  EXPECT_EQ(dev->standard().client_id, "0oadev") << "the environment speaks of the default org";
  const auto none = read(kTwo, {}, "test");
  ASSERT_FALSE(none);
  EXPECT_THAT(said(none.error()), AllOf(HasSubstr("\"test\""), HasSubstr("prod, dev")));
  EXPECT_FALSE(read("client_id = \"0oa1\"", {}, "prod"));
}

TEST_F(ConfigurationTest, TwoOrgsMayNotShareALogin) {
  const std::string_view twins = R"(default_org = "a"
[orgs.a]
org_url = "https://example.okta.com"
client_id = "0oa1"
scopes = ["okta.users.read"]
[orgs.b]
org_url = "example-admin.okta.com"
client_id = "0oa1"
{}
)";
  const struct {
    std::string_view rest;
    bool same;
  } cases[] = {{"scopes = [\"okta.users.manage\"]", true},
               {"private_key_file = \"k\"\nkey_id = \"k\"", false},
               {"api_token = \"00abc\"", false}};
  for (const auto& c : cases) {
    const auto configuration = read(fmt::format(fmt::runtime(twins), c.rest));
    EXPECT_EQ(configuration.has_value(), !c.same) << c.rest;
    if (!configuration) {
      EXPECT_THAT(said(configuration.error()), AllOf(HasSubstr("\"a\""), HasSubstr("\"b\"")));
    }
  }
}

TEST_F(ConfigurationTest, ErrorsNameTheKeyOfTheFile) {
  const auto bad = read("[orgs.a]\n\norg_url = \"http://example.okta.com\"\n");
  ASSERT_FALSE(bad);
  EXPECT_THAT(said(bad.error()), AllOf(HasSubstr("org_url in [orgs.a]"), HasSubstr("line 3")));
}

}  // namespace
