#include "oauth/token_store.h"

#include <atomic>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <latch>
#include <sys/stat.h>
#include <thread>

#include "core/encoding.h"
#include "oauth/sealed_file_store.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using std::chrono::milliseconds;
using test::slurp;
using test::TempDir;
using testing::HasSubstr;
using testing::Not;

TokenKey key_of(std::string org = "https://acme.okta.test", std::string client = "0oa1",
                std::string grant = "device_code", std::vector<std::string> scopes = {"okta.users.read"}) {
  return {.org = std::move(org),
          .client_id = std::move(client),
          .grant = std::move(grant),
          .scopes = std::move(scopes)};
}

StoredToken token_of(std::string_view number = "1") {
  return {.access_token = core::Secret(fmt::format("access-s3cr3t-{}", number)),
          .refresh_token = core::Secret(fmt::format("refresh-s3cr3t-{}", number)),
          .scopes = {"okta.users.read"},
          .granted_scopes = {"okta.users.read", "openid"},
          .obtained_at = core::WallTime{milliseconds{1'800'000'000'123}},
          .expires_at = core::WallTime{milliseconds{1'800'003'600'123}}};
}

std::unique_ptr<SealedFileStore> open_store(const TempDir& dir, std::string key_file = "") {
  auto store = SealedFileStore::create({.state_dir = dir.path() + "/state", .key_file = std::move(key_file)});
  EXPECT_TRUE(store) << (store ? "" : store.error().message);
  return std::move(*store);
}

std::string token_file(const TempDir& dir, const TokenKey& key, std::string_view extension = "token") {
  return fmt::format("{}/state/tokens/{}.{}", dir.path(), key.name(), extension);
}

mode_t mode_of(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

void write_text(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

void expect_token(core::Result<std::optional<StoredToken>> loaded, std::string_view number) {
  ASSERT_TRUE(loaded);
  ASSERT_TRUE(*loaded);
  const auto expected = token_of(number);
  EXPECT_EQ((*loaded)->access_token.reveal(), expected.access_token.reveal());
  EXPECT_EQ((*loaded)->refresh_token.reveal(), expected.refresh_token.reveal());
  EXPECT_EQ((*loaded)->scheme, expected.scheme);
  EXPECT_EQ((*loaded)->scopes, expected.scopes);
  EXPECT_EQ((*loaded)->granted_scopes, expected.granted_scopes);
  EXPECT_EQ((*loaded)->obtained_at, expected.obtained_at);
  EXPECT_EQ((*loaded)->expires_at, expected.expires_at);
}

TEST(TokenKey, TellsLoginsApartAndScopeOrdersNot) {
  const auto base = key_of();
  EXPECT_EQ(key_of("https://acme.okta.test", "0oa1", "device_code", {"b", "a"}).name(),
            key_of("https://acme.okta.test", "0oa1", "device_code", {"a", "b", "a"}).name());
  const TokenKey others[] = {key_of("https://other.okta.test"), key_of("https://acme.okta.test", "0oa2"),
                             key_of("https://acme.okta.test", "0oa1", "client_credentials"),
                             // The same text, cut elsewhere.
                             key_of("https://acme.okta.test0", "oa1")};
  for (const auto& other : others) {
    EXPECT_NE(other.name(), base.name());
    EXPECT_NE(other.family(), base.family());
  }
  const auto wider =
      key_of("https://acme.okta.test", "0oa1", "device_code", {"okta.users.read", "okta.logs.read"});
  EXPECT_NE(wider.name(), base.name());
  EXPECT_EQ(wider.family(), base.family());
  EXPECT_THAT(base.name(), Not(HasSubstr("acme")));
  EXPECT_EQ(base.name().find_first_not_of("0123456789abcdef-"), std::string::npos);
}

// What every store owes, whatever it keeps logins in.
class AnyStore : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      store_ = open_store(dir_);
    } else {
      store_ = std::make_unique<MemoryTokenStore>();
    }
  }
  TempDir dir_;
  std::unique_ptr<TokenStore> store_;
};

TEST_P(AnyStore, GivesBackWhatWasSavedAndNothingElse) {
  auto nothing = store_->load(key_of());
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
  ASSERT_TRUE(store_->save(key_of(), token_of("1")));
  ASSERT_TRUE(store_->save(key_of("https://other.okta.test"), token_of("2")));
  expect_token(store_->load(key_of()), "1");
  expect_token(store_->load(key_of("https://other.okta.test")), "2");
  ASSERT_TRUE(store_->save(key_of(), token_of("3")));
  expect_token(store_->load(key_of()), "3");
  ASSERT_TRUE(store_->erase(key_of()));
  ASSERT_TRUE(store_->erase(key_of()));
  EXPECT_FALSE(*store_->load(key_of()));
  expect_token(store_->load(key_of("https://other.okta.test")), "2");
}

TEST_P(AnyStore, ErasesALoginInAllItsScopes) {
  const auto wide = key_of("https://acme.okta.test", "0oa1", "device_code", {"okta.logs.read"});
  ASSERT_TRUE(store_->save(key_of(), token_of("1")));
  ASSERT_TRUE(store_->save(wide, token_of("2")));
  ASSERT_TRUE(store_->save(key_of("https://other.okta.test"), token_of("3")));
  ASSERT_TRUE(store_->erase_family(key_of()));
  EXPECT_FALSE(*store_->load(key_of()));
  EXPECT_FALSE(*store_->load(wide));
  EXPECT_TRUE(*store_->load(key_of("https://other.okta.test")));
}

TEST_P(AnyStore, LocksOneEntryAtATime) {
  auto first = store_->lock({}, key_of());
  ASSERT_TRUE(first);
  EXPECT_TRUE(store_->lock({}, key_of("https://other.okta.test")));

  std::stop_source stopped;
  stopped.request_stop();
  const auto cancelled = store_->lock({.stop = stopped.get_token()}, key_of());
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, "oauth.cancelled");
  const auto late = store_->lock({.deadline = std::chrono::steady_clock::now()}, key_of());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "oauth.store.locked");

  first->reset();
  EXPECT_TRUE(store_->lock({}, key_of()));
}

TEST_P(AnyStore, KeepsThreadsApart) {
  // Atomic for the thread sanitizer only, which cannot see that flock() orders threads.
  std::atomic<int> inside{0}, together{0}, done{0};
  std::vector<std::jthread> threads;
  std::latch go(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      go.arrive_and_wait();
      for (int round = 0; round < 5; ++round) {
        auto lock = store_->lock({}, key_of());
        ASSERT_TRUE(lock);
        if (++inside != 1) ++together;
        std::this_thread::yield();
        --inside;
        ++done;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(together, 0);
  EXPECT_EQ(done, 40);
}

INSTANTIATE_TEST_SUITE_P(, AnyStore, testing::Bool(),
                         [](const auto& each) { return each.param ? "SealedFiles" : "Memory"; });

TEST(SealedFileStore, WritesNothingReadableAndNothingForOthers) {
  TempDir dir;
  auto store = open_store(dir);
  ASSERT_TRUE(store->save(key_of(), token_of()));
  EXPECT_EQ(mode_of(dir.path() + "/state"), 0700u);
  EXPECT_EQ(mode_of(dir.path() + "/state/tokens"), 0700u);
  EXPECT_EQ(mode_of(dir.path() + "/state/token.key"), 0600u);
  EXPECT_EQ(mode_of(token_file(dir, key_of())), 0600u);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path())) {
    if (!entry.is_regular_file()) continue;
    const std::string content = slurp(entry.path());
    for (const std::string readable : {"s3cr3t", "acme", "0oa1", "okta.users"}) {
      EXPECT_FALSE(content.contains(readable)) << entry.path();
    }
  }
}

TEST(SealedFileStore, OpensAgainWithTheKeyItMade) {
  TempDir dir;
  ASSERT_TRUE(open_store(dir)->save(key_of(), token_of("7")));
  const std::string key = slurp(dir.path() + "/state/token.key");
  expect_token(open_store(dir)->load(key_of()), "7");
  EXPECT_EQ(slurp(dir.path() + "/state/token.key"), key);
}

TEST(SealedFileStore, MakesOneKeyHoweverManyStartAtOnce) {
  TempDir dir;
  std::vector<std::unique_ptr<SealedFileStore>> stores(8);
  {
    std::latch go(8);
    std::vector<std::jthread> threads;
    for (auto& store : stores) {
      threads.emplace_back([&] {
        go.arrive_and_wait();
        store = open_store(dir);
      });
    }
  }
  ASSERT_TRUE(stores.front()->save(key_of(), token_of("5")));
  for (auto& store : stores) expect_token(store->load(key_of()), "5");
}

TEST(SealedFileStore, TakesAKeyFileInEveryUsualForm) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes += static_cast<char>(200 + i);
  std::string windows_hex = core::to_hex(bytes) + "\r\n";
  const std::string forms[] = {bytes, core::to_hex(bytes) + "\n", windows_hex,
                               core::base64_encode(bytes) + "\n", core::base64url_encode(bytes)};
  TempDir dir;
  const std::string key_file = dir.path() + "/sealing.key";
  write_text(key_file, bytes);
  ASSERT_TRUE(open_store(dir, key_file)->save(key_of(), token_of("4")));
  for (const auto& form : forms) {
    write_text(key_file, form);
    expect_token(open_store(dir, key_file)->load(key_of()), "4");
  }
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/state/token.key"));
}

TEST(SealedFileStore, RefusesAKeyFileThatHoldsNoKey) {
  TempDir dir;
  const std::string key_file = dir.path() + "/sealing.key";
  const auto error_of = [&] {
    auto store = SealedFileStore::create({.state_dir = dir.path() + "/state", .key_file = key_file});
    return store ? core::Error{} : store.error();
  };
  EXPECT_EQ(error_of().code, "oauth.store.key_file");
  EXPECT_THAT(error_of().message, HasSubstr("does not exist"));
  for (const std::string content : {"", "s3cr3t-but-short", "s3cr3t-but-thirty-three-bytes-long"}) {
    write_text(key_file, content);
    const auto error = error_of();
    EXPECT_EQ(error.code, "oauth.store.key_file");
    EXPECT_THAT(error.hint, HasSubstr("OKTA_MCP_KEY_FILE"));
    EXPECT_THAT(test::everything(error), Not(HasSubstr("s3cr3t")));
  }
}

TEST(SealedFileStore, ReplacesADamagedKeyOfItsOwn) {
  TempDir dir;
  (void)open_store(dir);
  write_text(dir.path() + "/state/token.key", "half a k");
  test::LogCapture log;
  auto store = open_store(dir);
  ASSERT_TRUE(store->save(key_of(), token_of("6")));
  expect_token(open_store(dir)->load(key_of()), "6");
  EXPECT_THAT(log.text(), HasSubstr("sealing key was damaged"));
  EXPECT_EQ(slurp(dir.path() + "/state/token.key.unreadable"), "half a k");
}

TEST(SealedFileStore, SetsAsideWhatDoesNotOpenAndSaysSoOnce) {
  struct Case {
    std::string what;
    std::function<void(const TempDir&)> harm;
  };
  const Case cases[] = {
      {"a flipped bit",
       [](const TempDir& dir) {
         std::string content = slurp(token_file(dir, key_of()));
         content.back() = static_cast<char>(content.back() ^ 1);
         write_text(token_file(dir, key_of()), content);
       }},
      {"cut off",
       [](const TempDir& dir) {
         const std::string content = slurp(token_file(dir, key_of()));
         write_text(token_file(dir, key_of()), content.substr(0, content.size() / 2));
       }},
      {"empty", [](const TempDir& dir) { write_text(token_file(dir, key_of()), ""); }},
      {"something else",
       [](const TempDir& dir) { write_text(token_file(dir, key_of()), "okta-mcp-token x\n"); }},
      {"too large",
       [](const TempDir& dir) { write_text(token_file(dir, key_of()), std::string(2u << 20, 'x')); }},
      {"another login's file",
       [](const TempDir& dir) {
         ASSERT_TRUE(open_store(dir)->save(key_of("https://other.okta.test"), token_of("2")));
         std::filesystem::rename(token_file(dir, key_of("https://other.okta.test")),
                                 token_file(dir, key_of()));
       }},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    TempDir dir;
    ASSERT_TRUE(open_store(dir)->save(key_of(), token_of()));
    each.harm(dir);
    test::LogCapture log;
    auto store = open_store(dir);
    for (int i = 0; i < 3; ++i) {
      const auto loaded = store->load(key_of());
      ASSERT_TRUE(loaded);
      EXPECT_FALSE(*loaded);
    }
    EXPECT_FALSE(std::filesystem::exists(token_file(dir, key_of())));
    EXPECT_TRUE(std::filesystem::exists(token_file(dir, key_of(), "unreadable")));
    const std::string text = log.text();
    const auto first = text.find("set aside");
    EXPECT_NE(first, std::string::npos);
    EXPECT_EQ(text.find("set aside", first + 1), std::string::npos);
    ASSERT_TRUE(store->save(key_of(), token_of("8")));
    expect_token(store->load(key_of()), "8");
  }
}

TEST(SealedFileStore, KeepsWhatAnotherKeySealedUntilItIsReplaced) {
  TempDir dir;
  ASSERT_TRUE(open_store(dir)->save(key_of(), token_of()));
  const std::string own_key = slurp(dir.path() + "/state/token.key");
  write_text(dir.path() + "/state/token.key", core::base64url_encode(std::string(32, 'k')) + "\n");
  test::LogCapture log;
  auto store = open_store(dir);
  for (int i = 0; i < 3; ++i) {
    const auto loaded = store->load(key_of());
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(*loaded);
  }
  const std::string text = log.text();
  const auto first = text.find("token.key beside it is another");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(text.find("token.key beside it is another", first + 1), std::string::npos);
  EXPECT_EQ(store->report(key_of()).trouble.value().code, "oauth.store.other_key");
  // The key comes back from a backup.
  write_text(dir.path() + "/state/token.key", own_key);
  expect_token(open_store(dir)->load(key_of()), "1");
  // The other one signs in.
  ASSERT_TRUE(store->save(key_of(), token_of("8")));
  expect_token(store->load(key_of()), "8");
  EXPECT_FALSE(store->report(key_of()).trouble);
}

// What a process leaves behind that dies while it stores a login: the new file, not yet in its place.
void leave_behind(const TempDir& dir, std::string_view number, std::chrono::seconds newer_by,
                  std::string_view suffix = "abcdefghijkl") {
  TempDir elsewhere;
  std::filesystem::create_directory(elsewhere.path() + "/state");
  std::filesystem::copy_file(dir.path() + "/state/token.key", elsewhere.path() + "/state/token.key");
  auto token = token_of(number);
  token.obtained_at += newer_by;
  ASSERT_TRUE(open_store(elsewhere)->save(key_of(), token));
  std::filesystem::copy_file(token_file(elsewhere, key_of()),
                             fmt::format("{}.{}.tmp", token_file(dir, key_of()), suffix));
}

int left_over(const TempDir& dir) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path() + "/state/tokens")) {
    count += entry.path().extension() == ".tmp";
  }
  return count;
}

std::string refresh_token_in(TokenStore& store) {
  const auto loaded = store.load(key_of());
  return loaded && *loaded ? (*loaded)->refresh_token.reveal() : "none";
}

TEST(SealedFileStore, RecoversALoginWhoseProcessDiedBeforeTheRename) {
  TempDir dir;
  auto store = open_store(dir);
  ASSERT_TRUE(store->save(key_of(), token_of("1")));
  leave_behind(dir, "2", std::chrono::seconds{1});
  // Reading alone changes nothing: its writer may be alive and hold the lock.
  EXPECT_EQ(refresh_token_in(*store), "refresh-s3cr3t-1");
  test::LogCapture log;
  ASSERT_TRUE(store->lock({}, key_of()));
  EXPECT_EQ(refresh_token_in(*store), "refresh-s3cr3t-2");
  EXPECT_EQ(left_over(dir), 0);
  EXPECT_THAT(log.text(), HasSubstr("has been recovered"));
}

TEST(SealedFileStore, RecoversTheNewestOfSeveral) {
  for (const bool older_first : {true, false}) {
    TempDir dir;
    auto store = open_store(dir);
    ASSERT_TRUE(store->save(key_of(), token_of("1")));
    leave_behind(dir, "2", std::chrono::seconds{1}, older_first ? "aaaaaaaaaaaa" : "bbbbbbbbbbbb");
    leave_behind(dir, "3", std::chrono::seconds{2}, older_first ? "bbbbbbbbbbbb" : "aaaaaaaaaaaa");
    ASSERT_TRUE(store->lock({}, key_of()));
    EXPECT_EQ(refresh_token_in(*store), "refresh-s3cr3t-3");
    EXPECT_EQ(left_over(dir), 0);
  }
}

TEST(SealedFileStore, BringsNoOldLoginBack) {
  TempDir dir;
  auto store = open_store(dir);
  ASSERT_TRUE(store->save(key_of(), token_of("5")));
  leave_behind(dir, "4", std::chrono::seconds{-1});
  ASSERT_TRUE(store->lock({}, key_of()));
  EXPECT_EQ(refresh_token_in(*store), "refresh-s3cr3t-5");
  EXPECT_EQ(left_over(dir), 0);
  // Nor after the present one has ended.
  ASSERT_TRUE(store->erase(key_of()));
  ASSERT_TRUE(store->lock({}, key_of()));
  EXPECT_EQ(refresh_token_in(*store), "none");
  // Nor after a logout.
  leave_behind(dir, "6", std::chrono::seconds{1});
  ASSERT_TRUE(store->erase_family(key_of()));
  ASSERT_TRUE(store->lock({}, key_of()));
  EXPECT_EQ(refresh_token_in(*store), "none");
}

TEST(SealedFileStore, LeavesAloneWhatIsStillBeingWritten) {
  TempDir dir;
  auto store = open_store(dir);
  ASSERT_TRUE(store->save(key_of(), token_of("1")));
  const std::string torn = token_file(dir, key_of()) + ".abcdefghijkl.tmp";
  write_text(torn, slurp(token_file(dir, key_of())).substr(0, 100));
  ASSERT_TRUE(store->lock({}, key_of()));
  EXPECT_TRUE(std::filesystem::exists(torn));
  std::filesystem::last_write_time(torn,
                                   std::filesystem::file_time_type::clock::now() - std::chrono::minutes{2});
  ASSERT_TRUE(store->lock({}, key_of()));
  EXPECT_FALSE(std::filesystem::exists(torn));
  EXPECT_EQ(refresh_token_in(*store), "refresh-s3cr3t-1");
}

TEST(SealedFileStore, RemembersARefreshWhoseOutcomeIsUnknown) {
  TempDir dir;
  auto store = open_store(dir);
  {
    auto lock = store->lock({}, key_of());
    ASSERT_TRUE(lock);
    EXPECT_FALSE((*lock)->interrupted());
    ASSERT_TRUE((*lock)->begin_refresh());
    EXPECT_EQ(mode_of(token_file(dir, key_of(), "refreshing")), 0600u);
  }
  {
    auto lock = open_store(dir)->lock({}, key_of());
    ASSERT_TRUE(lock);
    EXPECT_TRUE((*lock)->interrupted());
    ASSERT_TRUE((*lock)->begin_refresh());
    (*lock)->refresh_settled();
  }
  EXPECT_FALSE((*store->lock({}, key_of()))->interrupted());
}

TEST(SealedFileStore, SpendsNoRefreshTokenWhoseAnswerItCouldNotStore) {
  TempDir dir;
  auto store = open_store(dir);
  // In the way of the note, as a full or read-only disk would be; those cannot be had without mounting one.
  std::filesystem::create_directory(token_file(dir, key_of(), "refreshing"));
  auto lock = store->lock({}, key_of());
  ASSERT_TRUE(lock);
  const auto begun = (*lock)->begin_refresh();
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, "core.file.io");
  EXPECT_THAT(begun.error().message, HasSubstr("could not be stored"));
}

TEST(SealedFileStore, NeitherReadsNorReplacesWhatANewerVersionWrote) {
  TempDir dir;
  auto store = open_store(dir);
  const std::string newer = "okta-mcp-token 3\nwhatever that will be";
  write_text(token_file(dir, key_of()), newer);
  const auto loaded = store->load(key_of());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, "oauth.store.newer");
  EXPECT_THAT(loaded.error().hint, HasSubstr("OKTA_MCP_STATE_DIR"));
  const auto saved = store->save(key_of(), token_of());
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, "oauth.store.newer");
  EXPECT_EQ(slurp(token_file(dir, key_of())), newer);
}

TEST(SealedFileStore, SaysOnceThatAFileCannotEvenBeSetAside) {
  TempDir dir;
  auto store = open_store(dir);
  write_text(token_file(dir, key_of()), "damaged");
  // Nothing can be renamed over a directory that is not empty.
  std::filesystem::create_directories(token_file(dir, key_of(), "unreadable") + "/in-the-way");
  test::LogCapture log;
  for (int i = 0; i < 3; ++i) {
    const auto loaded = store->load(key_of());
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(*loaded);
  }
  const std::string text = log.text();
  const auto first = text.find("set aside");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(text.find("set aside", first + 1), std::string::npos);
}

TEST(SealedFileStore, RefusesADirectoryThatOthersMayWriteTo) {
  TempDir dir;
  std::filesystem::create_directory(dir.path() + "/state");
  ::chmod((dir.path() + "/state").c_str(), 0777);
  const auto store = SealedFileStore::create({.state_dir = dir.path() + "/state"});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, "core.file.shared_directory");
}

}  // namespace
}  // namespace oauth
