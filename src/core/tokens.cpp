#include "core/tokens.h"

#include <array>

#include "core/tokens_table.h"

namespace core {
namespace {

using namespace tokens_table;

// The estimate must not fall short: the fitted mean is raised by this much.
constexpr std::uint64_t kScalePermille = 1063;

enum class Kind : unsigned char { lower, upper, letter, digit, line_break, space, mark };

constexpr std::array<Kind, 128> kAscii = [] {
  std::array<Kind, 128> kinds{};
  for (unsigned c = 0; c < 128; ++c) {
    if (c >= 'a' && c <= 'z') {
      kinds[c] = Kind::lower;
    } else if (c >= 'A' && c <= 'Z') {
      kinds[c] = Kind::upper;
    } else if (c >= '0' && c <= '9') {
      kinds[c] = Kind::digit;
    } else if (c == '\r' || c == '\n') {
      kinds[c] = Kind::line_break;
    } else if (c == ' ' || (c >= 9 && c <= 13)) {
      kinds[c] = Kind::space;
    } else {
      kinds[c] = Kind::mark;
    }
  }
  return kinds;
}();

struct Range {
  char32_t first, last;
  Kind kind;
};

// Beyond ASCII everything is taken for a letter but these (Unicode general categories P, S, Z, in broad
// ranges).
constexpr Range kForeignKinds[] = {
    {0x80, 0x84, Kind::mark},      {0x85, 0x85, Kind::space},      {0x86, 0x9f, Kind::mark},
    {0xa0, 0xa0, Kind::space},     {0xa1, 0xa9, Kind::mark},       {0xab, 0xb4, Kind::mark},
    {0xb6, 0xb9, Kind::mark},      {0xbb, 0xbf, Kind::mark},       {0xd7, 0xd7, Kind::mark},
    {0xf7, 0xf7, Kind::mark},      {0x2000, 0x200a, Kind::space},  {0x200b, 0x2027, Kind::mark},
    {0x2028, 0x2029, Kind::space}, {0x202a, 0x206f, Kind::mark},   {0x20a0, 0x20cf, Kind::mark},
    {0x2190, 0x2bff, Kind::mark},  {0x3000, 0x3000, Kind::space},  {0x3001, 0x3004, Kind::mark},
    {0x3008, 0x3020, Kind::mark},  {0xff01, 0xff0f, Kind::mark},   {0xff1a, 0xff20, Kind::mark},
    {0xfffd, 0xfffd, Kind::mark},  {0x1f000, 0x1faff, Kind::mark},
};

constexpr bool is_letter(Kind kind) {
  return kind <= Kind::letter;
}

struct Unit {
  Kind kind;
  std::size_t length;  // bytes
};

// Walks a text part by part, as the pattern of o200k_base does, and adds up what the parts cost.
class Walk {
 public:
  explicit Walk(std::string_view text)
      : bytes_(reinterpret_cast<const unsigned char*>(text.data())), size_(text.size()) {}

  std::uint64_t sixty_fourths() {
    std::uint64_t sum = 0;
    std::size_t at = 0;
    while (at < size_) {
      std::size_t end = end_of_part(at);
      sum += kAscii[bytes_[at] & 127] == Kind::digit && bytes_[at] < 128 ? 64 : cost(at, end);
      at = end;
    }
    return sum;
  }

 private:
  Unit unit(std::size_t at) const {
    unsigned char lead = bytes_[at];
    if (lead < 0x80) return {kAscii[lead], 1};
    std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (length == 1 || at + length > size_) return {Kind::mark, 1};
    char32_t code = lead & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (bytes_[at + i] & 0x3fu);
    for (const Range& range : kForeignKinds) {
      if (code < range.first) break;
      if (code <= range.last) return {range.kind, length};
    }
    return {Kind::letter, length};
  }

  std::size_t end_of_part(std::size_t at) {
    Unit first = unit(at);
    if (first.kind == Kind::digit) {
      note_run(at);
      std::size_t end = at + 1;
      while (end < size_ && end < at + 3 && unit(end).kind == Kind::digit) ++end;
      return end;
    }
    if (is_letter(first.kind)) return end_of_word(at);
    std::size_t next = at + first.length;
    if (first.kind != Kind::line_break && next < size_ && is_letter(unit(next).kind))
      return end_of_word(next);
    if (first.kind == Kind::mark) return end_of_marks(at);
    if (bytes_[at] == ' ' && next < size_ && unit(next).kind == Kind::mark) return end_of_marks(next);
    return end_of_space(at);
  }

  // Capitals, then small letters; then an English contraction ('s, 're ...).
  std::size_t end_of_word(std::size_t at) {
    note_run(at);
    while (at < size_) {
      Unit here = unit(at);
      if (here.kind != Kind::upper && here.kind != Kind::letter) break;
      at += here.length;
    }
    while (at < size_) {
      Unit here = unit(at);
      if (here.kind != Kind::lower && here.kind != Kind::letter) break;
      at += here.length;
    }
    if (at + 1 < size_ && bytes_[at] == '\'') {
      auto a = static_cast<char>(bytes_[at + 1] | 0x20);
      auto b = at + 2 < size_ ? static_cast<char>(bytes_[at + 2] | 0x20) : ' ';
      if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 2;
      if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return at + 3;
    }
    return at;
  }

  std::size_t end_of_marks(std::size_t at) const {
    while (at < size_) {
      Unit here = unit(at);
      if (here.kind != Kind::mark) break;
      at += here.length;
    }
    while (at < size_ && (bytes_[at] == '\r' || bytes_[at] == '\n' || bytes_[at] == '/')) ++at;
    return at;
  }

  // Up to the last line break; else all but the last, which belongs to the word that follows.
  std::size_t end_of_space(std::size_t at) const {
    std::size_t end = at, last = at, after_break = 0;
    while (end < size_) {
      Unit here = unit(end);
      if (here.kind != Kind::space && here.kind != Kind::line_break) break;
      last = end;
      end += here.length;
      if (here.kind == Kind::line_break) after_break = end;
    }
    if (after_break != 0) return after_break;
    return end == size_ || last == at ? end : last;
  }

  // Looks ahead over the run of [A-Za-z0-9_-] that starts here: identifiers and base64 change between
  // capitals, small letters and digits far more often than words do.
  void note_run(std::size_t at) {
    if (at < run_end_) return;
    std::size_t changes = 0, digits = 0, end = at;
    Kind previous = unit(at).kind;
    for (; end < size_; ++end) {
      unsigned char c = bytes_[end];
      if (c == '-' || c == '_') continue;
      if (c >= 128) break;
      Kind kind = kAscii[c];
      if (kind != Kind::lower && kind != Kind::upper && kind != Kind::digit) break;
      changes += kind != previous && !(previous == Kind::upper && kind == Kind::lower);
      digits += kind == Kind::digit;
      previous = kind;
    }
    std::size_t length = end - at;
    run_end_ = end;
    random_ = length >= 12 && digits > 0 && digits < length && changes * 5 >= length;
  }

  static std::uint32_t mix(std::uint32_t context) { return context * 0x9e3779b1u; }

  // Each place between two bytes has a rate at which tokens end there, looked up by the two bytes on either
  // side.
  std::uint64_t cost(std::size_t begin, std::size_t end) const {
    const std::size_t length = end - begin;
    if (length == 1) return 64;
    const unsigned char* part = bytes_ + begin;
    const bool random = random_ && end <= run_end_;
    std::uint64_t sum = 64;
    std::uint32_t fingerprint = 0;
    for (std::size_t i = 1; i < length; ++i) {
      const std::uint32_t a = i > 1 ? part[i - 2] : 0u, b = part[i - 1], c = part[i];
      const bool last = i + 1 == length;
      const std::uint32_t d = last ? 1u : part[i + 1];
      const std::uint32_t word = mix(a | (b << 8) | (c << 16) | (d << 24));
      fingerprint = ((fingerprint << 5) | (fingerprint >> 27)) ^ word;
      char level;
      if (random) {
        level = kRandom[mix(a | (b << 8) | (c << 16) | ((last ? 0u : 2u) << 24)) >> (32 - kRandomBits)];
      } else if ((b | c) & 0x80) {
        const std::uint32_t before = i > 1 ? (a & 0x80 ? a : 1u) : 0u, after = last ? 1u : d >> 5;
        level = kForeign[mix(before | (b << 8) | (c << 16) | (after << 24)) >> (32 - kForeignBits)];
      } else {
        level = kWord[word >> (32 - kWordBits)];
      }
      sum += static_cast<unsigned char>(level) - static_cast<unsigned char>('0');
    }
    return random ? sum : known(fingerprint, sum);
  }

  // Frequent parts whose cost the rates get wrong have it written down.
  static std::uint64_t known(std::uint32_t fingerprint, std::uint64_t otherwise) {
    fingerprint *= 0x85ebca6bu;
    fingerprint ^= fingerprint >> 15;
    constexpr std::uint32_t kSlots = 1u << kKnownBits;
    const auto high = static_cast<char>('0' + ((fingerprint >> 6) & 63));
    const auto low = static_cast<char>('0' + (fingerprint & 63));
    std::uint32_t slot = fingerprint >> (32 - kKnownBits);
    for (std::uint32_t tries = 0; tries < kSlots; ++tries) {
      const char* entry = kKnown + std::size_t{slot} * 3;
      if (entry[0] == ' ') return otherwise;
      if (entry[0] == high && entry[1] == low) return static_cast<std::uint64_t>(entry[2] - '0') * 64;
      slot = (slot + 1) % kSlots;
    }
    return otherwise;
  }

  const unsigned char* bytes_;
  std::size_t size_;
  std::size_t run_end_ = 0;
  bool random_ = false;
};

std::size_t rounded_up(std::uint64_t sixty_fourths) {
  return static_cast<std::size_t>((sixty_fourths * kScalePermille + 63'999) / 64'000);
}

}  // namespace

std::size_t estimate_tokens(std::string_view text) {
  return rounded_up(Walk(text).sixty_fourths());
}

void TokenEstimate::add(std::string_view text) {
  sixty_fourths_ += Walk(text).sixty_fourths();
}

std::size_t TokenEstimate::tokens() const {
  return rounded_up(sixty_fourths_);
}

}  // namespace core
