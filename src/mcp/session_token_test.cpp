#include "mcp/session_token.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace mcp {
namespace {

SessionToken token() {
  return {.handshake = {.revision = Revision::v2025_06_18,
                        .abilities = {.form = true, .sampling = true, .tasks = true},
                        .client = {.name = "client", .version = "1.2"}},
          .issued = core::WallTime{std::chrono::seconds{1'800'000'000}},
          .nonce = "nonce"};
}

TEST(SessionToken, OpensForItsPrincipalAndKeyAlone) {
  auto sealer = core::Sealer::ephemeral();
  std::string id = seal_session(sealer, token(), "https://issuer#ann");
  EXPECT_TRUE(std::ranges::all_of(id, [](char c) { return c > 0x20 && c < 0x7f; })) << id;
  auto opened = open_session(sealer, id, "https://issuer#ann");
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->nonce, "nonce");
  EXPECT_EQ(opened->issued, token().issued);
  EXPECT_EQ(opened->handshake.revision, Revision::v2025_06_18);
  EXPECT_TRUE(opened->handshake.abilities.form);
  EXPECT_FALSE(opened->handshake.abilities.url);
  EXPECT_TRUE(opened->handshake.abilities.sampling);
  EXPECT_FALSE(opened->handshake.abilities.sampling_tools);
  EXPECT_FALSE(opened->handshake.abilities.roots);
  EXPECT_TRUE(opened->handshake.abilities.tasks);
  EXPECT_EQ(opened->handshake.client.name, "client");
  EXPECT_EQ(opened->handshake.client.version, "1.2");

  EXPECT_FALSE(open_session(sealer, id, "https://issuer#bob").has_value());
  EXPECT_FALSE(open_session(core::Sealer::ephemeral(), id, "https://issuer#ann").has_value());
  for (std::size_t i = 0; i < id.size(); ++i) {
    std::string altered = id;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(open_session(sealer, altered, "https://issuer#ann").has_value()) << i;
  }
  for (const char* none : {"", "x", "AAAA", "not base64!"}) {
    EXPECT_FALSE(open_session(sealer, none, "https://issuer#ann").has_value()) << none;
  }
}

TEST(SessionToken, IsNeverTheSameTwiceAndStaysShort) {
  auto sealer = core::Sealer::ephemeral();
  SessionToken long_name = token();
  long_name.handshake.client.name = std::string(100'000, 'n');
  EXPECT_NE(seal_session(sealer, token(), "p"), seal_session(sealer, token(), "p"));
  std::string id = seal_session(sealer, long_name, "p");
  EXPECT_LT(id.size(), 512u);
  EXPECT_TRUE(open_session(sealer, id, "p").has_value());
}

TEST(SessionToken, OfAModernRevisionIsNone) {
  auto sealer = core::Sealer::ephemeral();
  SessionToken modern = token();
  modern.handshake.revision = Revision::v2026_07_28;
  EXPECT_FALSE(open_session(sealer, seal_session(sealer, modern, "p"), "p").has_value());
}

}  // namespace
}  // namespace mcp
