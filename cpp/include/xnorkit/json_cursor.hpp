// Reads JSON as model.xnor has it: no spaces, one order of keys, so that a parser need only take
// what it expects; escapes only for quote and backslash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace xnorkit {

// A place in a JSON text. Each function takes what it names, or says false.
class JsonCursor {
 public:
  JsonCursor(const char* begin, const char* end) : at_(begin), end_(end) {}

  bool take(std::string_view text) {
    if (!std::string_view(at_, left()).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  // A string as it stands between its quotes, escapes and all.
  bool take_string(std::string_view& raw) {
    if (!take("\"")) return false;
    const char* begin = at_;
    for (; at_ < end_ && *at_ != '"'; ++at_) {
      if (static_cast<unsigned char>(*at_) < ' ') return false;
      if (*at_ == '\\' && (left() < 2 || (*++at_ != '"' && *at_ != '\\'))) return false;
    }
    raw = std::string_view(begin, static_cast<std::size_t>(at_ - begin));
    return take("\"");
  }

  bool take_digit(int& digit) {
    if (at_ == end_ || *at_ < '0' || *at_ > '9') return false;
    digit = *at_++ - '0';
    return true;
  }

  bool take_char(char& any) {
    if (at_ == end_) return false;
    any = *at_++;
    return true;
  }

  // A count below 10^15, without sign or leading zero.
  bool take_count(std::uint64_t& number) {
    const char* begin = at_;
    for (number = 0; at_ < end_ && '0' <= *at_ && *at_ <= '9' && at_ - begin < 15; ++at_) {
      number = 10 * number + static_cast<std::uint64_t>(*at_ - '0');
    }
    return at_ > begin && (*begin != '0' || at_ - begin == 1);
  }

  // Whether nothing but spaces follows, at most so many.
  bool ends_in_spaces(std::size_t most) const {
    const std::string_view rest(at_, left());
    return rest.size() <= most && rest.find_first_not_of(' ') == rest.npos;
  }

 private:
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  const char* at_;
  const char* end_;
};

// Takes the backslashes from a string as take_string has it; `to` holds raw.size() characters. How
// many it has become.
inline std::size_t unescape(std::string_view raw, char* to) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\\') ++i;
    to[size++] = raw[i];
  }
  return size;
}

}  // namespace xnorkit
