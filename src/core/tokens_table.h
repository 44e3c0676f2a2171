// The fitted rates of tokens.cpp; only that file reads them.
//
// A level is one character, '0' + x, and means x/64 tokens. The text is all there is to load: nothing is
// decoded at start.
#pragma once

namespace core::tokens_table {

inline constexpr unsigned kWordBits = 14;
inline constexpr unsigned kForeignBits = 13;
inline constexpr unsigned kRandomBits = 10;
inline constexpr unsigned kKnownBits = 13;

extern const char kWord[];     // 2^kWordBits levels: token boundaries inside words and punctuation
extern const char kForeign[];  // 2^kForeignBits levels: where a byte beyond ASCII is involved
extern const char kRandom[];   // 2^kRandomBits levels: inside identifiers and base64
// 2^kKnownBits slots of three characters: 12 bits of a part's fingerprint, and its exact cost; ' ' where
// empty.
extern const char kKnown[];

}  // namespace core::tokens_table
