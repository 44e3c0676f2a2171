#include "mcp/jsonrpc.h"

#include <gtest/gtest.h>
#include <ostream>

#include "mcp/json_text.h"
#include "mcp/protocol.h"

namespace mcp {
namespace {

Message decode_one(std::string_view text, const DecodeLimits& limits = {}) {
  Incoming incoming = decode(text, limits);
  EXPECT_TRUE(std::holds_alternative<Message>(incoming)) << text;
  return std::get<Message>(std::move(incoming));
}

struct BadInput {
  std::string_view name;
  std::string text;
  int code;
  std::string_view id;  // JSON text, "null" when none can be read

  friend void PrintTo(const BadInput& input, std::ostream* out) { *out << input.name; }
};

class RefusesBadInput : public ::testing::TestWithParam<BadInput> {};

TEST_P(RefusesBadInput, WithTheCodeTheSpecNames) {
  const BadInput& row = GetParam();
  Message message = decode_one(row.text);
  auto* rejected = std::get_if<Rejected>(&message);
  ASSERT_NE(rejected, nullptr) << row.text.substr(0, 100);
  EXPECT_EQ(rejected->code, row.code) << rejected->message;
  EXPECT_EQ(rejected->id ? rejected->id->json : "null", row.id);
  EXPECT_FALSE(rejected->message.empty());
}

std::string deep(int levels) {
  return R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"a":)" +
         std::string(static_cast<std::size_t>(levels), '[') +
         std::string(static_cast<std::size_t>(levels), ']') + "}}";
}

INSTANTIATE_TEST_SUITE_P(
    JsonRpc, RefusesBadInput,
    ::testing::Values(
        BadInput{"truncated", R"({"jsonrpc":"2.0","id":1)", code::kParseError, "null"},
        BadInput{"words", "hello", code::kParseError, "null"},
        BadInput{"two_values", R"({"jsonrpc":"2.0","id":1,"method":"ping"} {})", code::kParseError, "null"},
        BadInput{"trailing_comma", R"({"jsonrpc":"2.0","id":1,"method":"ping",})", code::kParseError, "null"},
        BadInput{"lone_high_surrogate", R"({"jsonrpc":"2.0","id":1,"method":"\ud800"})", code::kParseError,
                 "null"},
        BadInput{"lone_low_surrogate", R"({"jsonrpc":"2.0","id":1,"method":"\udc00x"})", code::kParseError,
                 "null"},
        BadInput{"bad_utf8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xFF\"}", code::kParseError, "null"},
        BadInput{"overlong_utf8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xC0\xAF\"}", code::kParseError,
                 "null"},
        BadInput{"encoded_surrogate", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xED\xA0\x80\"}",
                 code::kParseError, "null"},
        BadInput{"control_character", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\tb\"}", code::kParseError,
                 "null"},
        BadInput{"byte_order_mark", "\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
                 code::kParseError, "null"},
        BadInput{"too_deep", deep(100), code::kInvalidRequest, "null"},
        BadInput{"very_deep", deep(1'000'000), code::kInvalidRequest, "null"},
        BadInput{"duplicate_id", R"({"jsonrpc":"2.0","id":1,"id":2,"method":"ping"})", code::kInvalidRequest,
                 "null"},
        BadInput{"duplicate_escaped", R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"\u0061":2}})",
                 code::kInvalidRequest, "null"},
        BadInput{"string", R"("ping")", code::kInvalidRequest, "null"},
        BadInput{"null", "null", code::kInvalidRequest, "null"},
        BadInput{"no_version", R"({"id":1,"method":"ping"})", code::kInvalidRequest, "1"},
        BadInput{"wrong_version", R"({"jsonrpc":"1.0","id":1,"method":"ping"})", code::kInvalidRequest, "1"},
        BadInput{"numeric_version", R"({"jsonrpc":2.0,"id":1,"method":"ping"})", code::kInvalidRequest, "1"},
        BadInput{"no_method", R"({"jsonrpc":"2.0","id":"x"})", code::kInvalidRequest, "\"x\""},
        BadInput{"method_number", R"({"jsonrpc":"2.0","id":7,"method":5})", code::kInvalidRequest, "7"},
        BadInput{"method_null_without_id", R"({"jsonrpc":"2.0","method":null})", code::kInvalidRequest,
                 "null"},
        BadInput{"id_null", R"({"jsonrpc":"2.0","id":null,"method":"ping"})", code::kInvalidRequest, "null"},
        BadInput{"id_fraction", R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})", code::kInvalidRequest,
                 "null"},
        BadInput{"id_bool", R"({"jsonrpc":"2.0","id":true,"method":"ping"})", code::kInvalidRequest, "null"},
        BadInput{"id_object", R"({"jsonrpc":"2.0","id":{},"method":"ping"})", code::kInvalidRequest, "null"},
        BadInput{"id_too_long", R"({"jsonrpc":"2.0","method":"ping","id":")" + std::string(2000, 'x') + "\"}",
                 code::kInvalidRequest, "null"},
        BadInput{"id_huge_number", R"({"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"})",
                 code::kInvalidRequest, "null"},
        BadInput{"params_array", R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})",
                 code::kInvalidRequest, "1"},
        BadInput{"params_string", R"({"jsonrpc":"2.0","id":1,"method":"ping","params":"x"})",
                 code::kInvalidRequest, "1"},
        BadInput{"params_null", R"({"jsonrpc":"2.0","id":1,"method":"ping","params":null})",
                 code::kInvalidRequest, "1"},
        BadInput{"request_and_response", R"({"jsonrpc":"2.0","id":1,"method":"ping","result":{}})",
                 code::kInvalidRequest, "1"},
        BadInput{"empty_batch", "[]", code::kInvalidRequest, "null"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(JsonRpc, RefusesWhatIsTooLongUnparsed) {
  DecodeLimits limits{.max_bytes = 100};
  Message message = decode_one(std::string(101, 'x'), limits);
  ASSERT_TRUE(std::holds_alternative<Rejected>(message));
  EXPECT_EQ(std::get<Rejected>(message).code, code::kInvalidRequest);
  EXPECT_NE(std::get<Rejected>(message).message.find("100 bytes"), std::string::npos);
}

TEST(JsonRpc, RefusesBatchesBeyondTheLimit) {
  Message message = decode_one("[1,2,3]", {.max_batch = 2});
  ASSERT_TRUE(std::holds_alternative<Rejected>(message));
  EXPECT_EQ(std::get<Rejected>(message).code, code::kInvalidRequest);
}

TEST(JsonRpc, ReadsRequests) {
  Message message =
      decode_one(R"( {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"},"extra":1} )");
  ASSERT_TRUE(std::holds_alternative<Request>(message));
  EXPECT_EQ(std::get<Request>(message).method, "tools/call");
  EXPECT_EQ(std::get<Request>(message).params.at("name"), "x");
  Message bare = decode_one(R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
  ASSERT_TRUE(std::holds_alternative<Request>(bare));
  EXPECT_TRUE(std::get<Request>(bare).params.empty());
}

TEST(JsonRpc, EchoesIdsWithTheirType) {
  struct Row {
    std::string_view sent, echoed;
  };
  for (auto [sent, echoed] : {Row{"1", "1"}, Row{"\"1\"", "\"1\""}, Row{"-7", "-7"}, Row{"0", "0"},
                              Row{"\"\"", "\"\""}, Row{"9223372036854775807", "9223372036854775807"},
                              Row{"18446744073709551615", "18446744073709551615"},
                              Row{R"("a\"\\\n\u0041\u00e9")", "\"a\\\"\\\\\\nA\u00e9\""}}) {
    Message message = decode_one(R"({"jsonrpc":"2.0","method":"ping","id":)" + std::string(sent) + "}");
    ASSERT_TRUE(std::holds_alternative<Request>(message)) << sent;
    EXPECT_EQ(encode_result(std::get<Request>(message).id, "{}"),
              R"({"jsonrpc":"2.0","id":)" + std::string(echoed) + R"(,"result":{}})");
  }
}

TEST(JsonRpc, NeverAnswersNotificationsAndResponses) {
  struct Row {
    std::string_view text;
    bool ignored;
  };
  for (auto [text, ignored] :
       {Row{R"({"jsonrpc":"2.0","method":"notifications/x"})", false},
        Row{R"({"jsonrpc":"2.0","method":"notifications/x","params":[]})", true},
        Row{R"({"jsonrpc":"2.0","id":1,"result":{}})", false},
        Row{R"({"jsonrpc":"2.0","id":1,"result":null})", false},
        Row{R"({"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m"}})", false},
        Row{R"({"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"m"}})", true},
        Row{R"({"jsonrpc":"2.0","id":1,"error":"m"})", true}, Row{R"({"jsonrpc":"2.0","result":{}})", true},
        Row{R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}})", true},
        Row{R"({"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}})", true}}) {
    Message message = decode_one(text);
    EXPECT_FALSE(std::holds_alternative<Rejected>(message)) << text;
    EXPECT_EQ(std::holds_alternative<Ignored>(message), ignored) << text;
  }
}

TEST(JsonRpc, ReadsErrorResponses) {
  Message message =
      decode_one(R"({"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"no","data":{"a":1}}})");
  ASSERT_TRUE(std::holds_alternative<Response>(message));
  const auto& error = std::get<RpcError>(std::get<Response>(message).outcome);
  EXPECT_EQ(error.code, -32601);
  EXPECT_EQ(error.message, "no");
  EXPECT_EQ(error.data->at("a"), 1);
}

TEST(JsonRpc, ReadsBatchesElementByElement) {
  Incoming incoming =
      decode(R"([{"jsonrpc":"2.0","id":1,"method":"ping"},7,[],{"jsonrpc":"2.0","method":"n"}])");
  ASSERT_TRUE(std::holds_alternative<Batch>(incoming));
  const auto& messages = std::get<Batch>(incoming).messages;
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_TRUE(std::holds_alternative<Request>(messages[0]));
  EXPECT_TRUE(std::holds_alternative<Rejected>(messages[1]));
  EXPECT_TRUE(std::holds_alternative<Rejected>(messages[2]));
  EXPECT_TRUE(std::holds_alternative<Notification>(messages[3]));
}

TEST(JsonRpc, WritesMessages) {
  EXPECT_EQ(encode_error(std::nullopt, -32700, "a \"b\""),
            R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"a \"b\""}})");
  EXPECT_EQ(encode_error(RequestId::of(4), -32022, "v", R"({"x":1})"),
            R"({"jsonrpc":"2.0","id":4,"error":{"code":-32022,"message":"v","data":{"x":1}}})");
  EXPECT_EQ(encode_request(RequestId::of(2), "elicitation/create", R"({"a":1})"),
            R"({"jsonrpc":"2.0","id":2,"method":"elicitation/create","params":{"a":1}})");
  EXPECT_EQ(encode_notification("n", ""), R"({"jsonrpc":"2.0","method":"n"})");
}

TEST(JsonText, CanonicalFormIgnoresOrder) {
  auto a = core::json::parse(R"({"b":[1,{"y":null,"x":"s"}],"a":1.5})"),
       b = core::json::parse(R"({"a":1.5,"b":[1,{"x":"s","y":null}]})");
  EXPECT_EQ(canonical(a->get_object()), canonical(b->get_object()));
  EXPECT_EQ(canonical(a->get_object()), R"({"a":1.5,"b":[1,{"x":"s","y":null}]})");
  auto c = core::json::parse(R"({"a":1.5,"b":[{"x":"s","y":null},1]})");
  EXPECT_NE(canonical(a->get_object()), canonical(c->get_object()));
}

}  // namespace
}  // namespace mcp
