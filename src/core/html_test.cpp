#include "core/html.h"

#include <gtest/gtest.h>

namespace core {
namespace {

TEST(HtmlEscape, LeavesNoWayOutOfContentOrAttribute) {
  EXPECT_EQ(html_escape(R"(<a href='x' title="y">&amp;)"),
            "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;amp;");
  EXPECT_EQ(html_escape("Zoë\n"), "Zoë\n");
}

}  // namespace
}  // namespace core
