#include "mcp/icon.h"

#include <gtest/gtest.h>

namespace mcp {
namespace {

TEST(Icons, AreChecked) {
  struct Row {
    Icon icon;
    bool good;
  };
  for (const auto& [icon, good] : {
           Row{{.src = "https://example.com/i.png"}, true},
           Row{{.src = "data:image/png;base64,AAAA", .mime_type = "image/png", .sizes = {"48x48", "any"}},
               true},
           Row{{.src = ""}, false},
           Row{{.src = "https://"}, false},
           Row{{.src = "http://example.com/i.png"}, false},
           Row{{.src = "javascript:alert(1)"}, false},
           Row{{.src = "data:text/html;base64,AAAA"}, false},
           Row{{.src = "data:image/svg+xml,<svg/>"}, false},
           Row{{.src = "data:image/png;base64," + std::string(70'000, 'A')}, false},
           Row{{.src = "https://example.com/i", .mime_type = "text/html"}, false},
           Row{{.src = "https://example.com/i", .sizes = {"48"}}, false},
           Row{{.src = "https://example.com/i", .sizes = {"x48"}}, false},
           Row{{.src = "https://example.com/i", .sizes = {"48x"}}, false},
           Row{{.src = "https://example.com/i", .sizes = {"48x48x48"}}, false},
           Row{{.src = "https://example.com/i", .sizes = {"123456x1"}}, false},
       }) {
    auto status = check_icons({&icon, 1}, "tool t");
    EXPECT_EQ(status.has_value(), good) << icon.src.substr(0, 80);
    if (!status) {
      EXPECT_EQ(status.error().code, "mcp.icon");
      EXPECT_NE(status.error().message.find("tool t"), std::string::npos);
    }
  }
  std::vector<Icon> many(9, Icon{.src = "https://example.com/i.png"});
  EXPECT_FALSE(check_icons(many, "x").has_value());
  many.pop_back();
  EXPECT_TRUE(check_icons(many, "x").has_value());
}

}  // namespace
}  // namespace mcp
