// Which key seals a login, in every situation a machine can be in, and what happens when that changes between
// two runs.
#include "oauth/store_choice.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/encoding.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using test::slurp;
using test::TempDir;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A keyring that comes and goes.
class FakeKeyring final : public Keyring {
 public:
  core::Result<std::vector<core::Secret>> keys(KeyringRequest request) override {
    ++asked;
    may_start = request.may_start;
    if (!there) {
      return core::fail(core::ErrorKind::unavailable, "oauth.keyring.locked", "The keyring is locked.");
    }
    if (held.empty() && !request.add_if_none.empty()) held.push_back(request.add_if_none.copy());
    std::vector<core::Secret> out;
    for (const auto& key : held) out.push_back(key.copy());
    return out;
  }

  bool there = true;
  int asked = 0;
  bool may_start = false;
  std::vector<core::Secret> held;
};

const TokenKey kLogin{.org = test::kOrg, .client_id = "0oa1", .grant = "device_code", .scopes = {"a"}};

class StoreChoiceTest : public testing::Test {
 protected:
  std::string state_dir() const { return dir_.path() + "/state"; }
  std::string token_file() const { return fmt::format("{}/tokens/{}.token", state_dir(), kLogin.name()); }

  std::string write_key(const std::string& name, char letter) const {
    const std::string path = dir_.path() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << core::base64_encode(std::string(32, letter)) << "\n";
    return path;
  }

  // A process that starts: what open_token_store() gives under the present circumstances.
  core::Result<std::unique_ptr<TokenStore>> open() {
    return open_token_store({.kind = kind_,
                             .state_dir = state_dir(),
                             .key_file = key_file_,
                             .credentials_directory = credentials_,
                             .keyring = &keyring_});
  }
  // "keyring", "named", "beside": the source of the key the file is sealed with now; "none" without a file.
  std::string sealed_with() const {
    const std::string line = slurp(token_file()).substr(0, 60);
    for (const std::string source : {"keyring", "named", "beside"}) {
      if (line.starts_with("okta-mcp-token 2 " + source + "-")) return source;
    }
    return line.empty() ? "none" : line;
  }
  void save(std::string_view refresh) {
    auto store = open();
    ASSERT_TRUE(store) << core::describe(store.error());
    ASSERT_TRUE((*store)->save(kLogin, {.access_token = core::Secret("access-s3cr3t"),
                                        .refresh_token = core::Secret(std::string(refresh)),
                                        .scopes = {"a"}}));
  }
  std::string load() {
    auto store = open();
    if (!store) return store.error().code;
    auto login = (*store)->load(kLogin);
    if (!login) return login.error().code;
    return *login ? (*login)->refresh_token.reveal() : "none";
  }
  StoreReport report() {
    auto store = open();
    return store ? (*store)->report(kLogin) : StoreReport{.trouble = store.error()};
  }

  TempDir dir_;
  FakeKeyring keyring_;
  StoreKind kind_ = StoreKind::automatic;
  std::string key_file_, credentials_;
};

TEST_F(StoreChoiceTest, TakesTheBestKeyThereIs) {
  struct Case {
    StoreKind kind;
    bool keyring, key_file, credential;
    std::string source;      // of the sealed file, or the error's code
    std::string protection;  // as `status` says it
  };
  const Case cases[] = {
      {StoreKind::automatic, true, false, false, "keyring", "sealed with a key in the desktop's keyring"},
      {StoreKind::automatic, false, false, false, "beside", "protected by file permissions only"},
      {StoreKind::automatic, true, true, false, "named", "OKTA_MCP_KEY_FILE"},
      {StoreKind::automatic, false, true, true, "named", "OKTA_MCP_KEY_FILE"},
      {StoreKind::automatic, true, false, true, "named", "systemd credential okta-mcp-key"},
      {StoreKind::automatic, false, false, true, "named", "systemd credential okta-mcp-key"},
      {StoreKind::keyring, true, false, false, "keyring", "sealed with a key in the desktop's keyring"},
      {StoreKind::keyring, true, false, true, "keyring", "sealed with a key in the desktop's keyring"},
      {StoreKind::keyring, false, false, false, "oauth.keyring.locked", ""},
      {StoreKind::keyring, true, true, false, "oauth.store.choice", ""},
      {StoreKind::file, true, false, false, "beside", "protected by file permissions only"},
      {StoreKind::file, true, true, false, "named", "OKTA_MCP_KEY_FILE"},
      {StoreKind::file, true, false, true, "named", "systemd credential okta-mcp-key"},
      {StoreKind::memory, true, true, true, "none", "memory only"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(fmt::format("kind {} keyring {} key file {} credential {}", static_cast<int>(each.kind),
                             each.keyring, each.key_file, each.credential));
    std::filesystem::remove_all(dir_.path() + "/state");
    keyring_ = FakeKeyring{};
    keyring_.there = each.keyring;
    kind_ = each.kind;
    key_file_ = each.key_file ? write_key("sealing.key", 'f') : "";
    credentials_ = dir_.path() + "/" + (each.credential ? "credentials" : "nothing-there");
    if (each.credential) write_key("credentials/okta-mcp-key", 'c');
    auto store = open();
    if (!store) {
      EXPECT_EQ(store.error().code, each.source);
      EXPECT_EQ(each.protection, "");
      continue;
    }
    ASSERT_TRUE((*store)->save(kLogin, {.access_token = core::Secret("access-s3cr3t"), .scopes = {"a"}}));
    EXPECT_EQ(sealed_with(), each.source);
    EXPECT_THAT((*store)->report(kLogin).protection, HasSubstr(each.protection));
    EXPECT_EQ(std::filesystem::exists(state_dir() + "/token.key"), each.source == "beside");
    EXPECT_EQ(keyring_.asked > 0, !each.key_file && !(each.credential && each.kind != StoreKind::keyring) &&
                                      each.kind != StoreKind::file && each.kind != StoreKind::memory);
  }
}

TEST_F(StoreChoiceTest, ReadsItsSetting) {
  EXPECT_EQ(*parse_store_kind(""), StoreKind::automatic);
  EXPECT_EQ(*parse_store_kind("auto"), StoreKind::automatic);
  EXPECT_EQ(*parse_store_kind("keyring"), StoreKind::keyring);
  EXPECT_EQ(*parse_store_kind("file"), StoreKind::file);
  EXPECT_EQ(*parse_store_kind("memory"), StoreKind::memory);
  const auto wrong = parse_store_kind("Keychain");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "oauth.store.choice");
  EXPECT_THAT(wrong.error().message, HasSubstr("OKTA_MCP_STORE"));
}

TEST_F(StoreChoiceTest, AKeyringThatVanishesIsNamedAndItsLoginKept) {
  save("refresh-1");
  ASSERT_EQ(sealed_with(), "keyring");
  const std::string before = slurp(token_file());

  keyring_.there = false;
  test::LogCapture log;
  EXPECT_EQ(load(), "none");
  EXPECT_THAT(log.text(), HasSubstr("which cannot be used now: The keyring is locked."));
  EXPECT_EQ(slurp(token_file()), before);
  const auto told = report();
  ASSERT_TRUE(told.trouble);
  EXPECT_EQ(told.trouble->code, "oauth.store.other_key");
  EXPECT_THAT(told.trouble->hint, HasSubstr("sign in again"));
  EXPECT_EQ(told.keyring->code, "oauth.keyring.locked");
  EXPECT_EQ(told.protection, "protected by file permissions only");

  // It comes back: nothing was lost. And since something of ours is in it, the service may be started for it.
  keyring_.there = true;
  EXPECT_EQ(load(), "refresh-1");
  EXPECT_TRUE(keyring_.may_start);
  EXPECT_FALSE(report().trouble);
}

TEST_F(StoreChoiceTest, ALoginMadeWithoutTheKeyringStaysReadableForBoth) {
  save("refresh-1");
  keyring_.there = false;
  save("refresh-2");  // signed in again, over ssh
  EXPECT_EQ(sealed_with(), "beside");
  EXPECT_EQ(load(), "refresh-2");
  // The desktop refreshes it: if it moved the login back to the keyring, the other would be locked out.
  keyring_.there = true;
  EXPECT_EQ(load(), "refresh-2");
  save("refresh-3");
  EXPECT_EQ(sealed_with(), "beside");
  EXPECT_EQ(report().protection, "protected by file permissions only");
  keyring_.there = false;
  EXPECT_EQ(load(), "refresh-3");
  // logout and login move it.
  keyring_.there = true;
  ASSERT_TRUE((*open())->erase_family(kLogin));
  save("refresh-4");
  EXPECT_EQ(sealed_with(), "keyring");
}

TEST_F(StoreChoiceTest, ARunningProcessFindsTheKeyThatAnotherHasMadeSince) {
  auto desktop = open();
  ASSERT_TRUE(desktop);
  keyring_.there = false;
  save("refresh-1");
  ASSERT_EQ(sealed_with(), "beside");
  const auto login = (*desktop)->load(kLogin);
  ASSERT_TRUE(login && *login);
  ASSERT_TRUE((*desktop)->save(kLogin, **login));
  EXPECT_EQ(sealed_with(), "beside");
}

TEST_F(StoreChoiceTest, AKeyringThatAppearsLosesNothing) {
  keyring_.there = false;
  save("refresh-1");
  keyring_.there = true;
  EXPECT_EQ(load(), "refresh-1");
  EXPECT_FALSE(keyring_.may_start);
  // Demanded, it takes the login over with the next save.
  kind_ = StoreKind::keyring;
  EXPECT_EQ(load(), "refresh-1");
  save("refresh-2");
  EXPECT_EQ(sealed_with(), "keyring");
  EXPECT_EQ(load(), "refresh-2");
}

TEST_F(StoreChoiceTest, AKeyringThatHasLostItsKeyAsksToSignInAgain) {
  save("refresh-1");
  keyring_.held.clear();
  keyring_.held.emplace_back(std::string(32, 'n'));
  EXPECT_EQ(load(), "none");
  EXPECT_THAT(report().trouble->message, HasSubstr("that key is not there"));
  EXPECT_EQ(sealed_with(), "keyring");
  save("refresh-2");
  EXPECT_EQ(load(), "refresh-2");
}

TEST_F(StoreChoiceTest, ANamedKeyTakesOverAndIsMissedWhenItIsGone) {
  save("refresh-1");
  key_file_ = write_key("sealing.key", 'f');
  EXPECT_EQ(load(), "refresh-1");  // still with the keyring's key, which is asked for it
  save("refresh-2");
  EXPECT_EQ(sealed_with(), "named");
  keyring_.asked = 0;
  EXPECT_EQ(load(), "refresh-2");
  EXPECT_EQ(keyring_.asked, 0);

  key_file_ = write_key("other.key", 'o');
  EXPECT_EQ(load(), "none");
  EXPECT_THAT(report().trouble->hint, HasSubstr("OKTA_MCP_KEY_FILE"));
  key_file_.clear();
  EXPECT_EQ(load(), "none");
  EXPECT_THAT(report().trouble->message, HasSubstr("key file"));
  key_file_ = dir_.path() + "/sealing.key";
  EXPECT_EQ(load(), "refresh-2");
}

TEST_F(StoreChoiceTest, TwoProcessesThatBothAddedAKeyAgreeOnOne) {
  keyring_.held.emplace_back(std::string(32, 'x'));
  save("refresh-1");
  const std::string one = slurp(token_file()).substr(0, 41);
  keyring_.held.emplace(keyring_.held.begin(), std::string(32, 'y'));
  EXPECT_EQ(load(), "refresh-1");
  ASSERT_TRUE((*open())->erase(kLogin));
  save("refresh-2");
  const std::string both = slurp(token_file()).substr(0, 41);
  std::swap(keyring_.held[0], keyring_.held[1]);
  ASSERT_TRUE((*open())->erase(kLogin));
  save("refresh-3");
  EXPECT_EQ(slurp(token_file()).substr(0, 41), both);
  EXPECT_THAT(one, StartsWith("okta-mcp-token 2 keyring-"));
}

TEST_F(StoreChoiceTest, ReadsFilesThatDoNotNameTheirKey) {
  keyring_.there = false;
  save("refresh-1");
  std::string content = slurp(token_file());
  const auto line_end = content.find('\n');
  content.replace(0, line_end, "okta-mcp-token 2");
  std::ofstream(token_file(), std::ios::binary | std::ios::trunc) << content;
  EXPECT_EQ(load(), "refresh-1");
  save("refresh-2");
  EXPECT_EQ(sealed_with(), "beside");
}

TEST_F(StoreChoiceTest, LeavesNoKeyInAnyTextItGives) {
  test::LogCapture log;
  key_file_ = write_key("sealing.key", 'f');
  save("refresh-1");
  key_file_ = write_key("other.key", 'o');
  EXPECT_EQ(load(), "none");
  const auto told = report();
  const std::string all = log.text() + test::everything(*told.trouble) + told.protection + told.where +
                          slurp(token_file()).substr(0, 60);
  for (char letter : {'f', 'o'}) {
    const std::string bytes(32, letter);
    for (const auto& form : {bytes, core::base64_encode(bytes), core::to_hex(bytes)}) {
      EXPECT_THAT(all, Not(HasSubstr(form.substr(0, 16))));
    }
  }
}

}  // namespace
}  // namespace oauth
