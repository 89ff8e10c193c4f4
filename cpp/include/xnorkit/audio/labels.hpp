// The labels of a model.xnor, from their JSON list.
#pragma once

#include <cstddef>
#include <string_view>

#include "xnorkit/arena.hpp"
#include "xnorkit/json_cursor.hpp"
#include "xnorkit/model_file.hpp"

namespace xnorkit {

// UTF-8 names, each ending in 0.
class Labels {
 public:
  // False, and a sentence in file.error(), where the list is none or memory is short.
  bool load(ModelFile& file, Arena& arena) {
    const std::size_t size = file.labels().size();
    char* json = arena.take<char>(size);
    text_ = arena.take<char>(size);
    names_ = arena.take<const char*>(size / 3 + 1);  // `"",` is the shortest
    if (json == nullptr || text_ == nullptr || names_ == nullptr) {
      return file.fail("no memory for the labels. Close other programs.");
    }
    return read(JsonCursor(json, json + unescape(file.labels(), json))) ||
           file.fail("model.xnor has labels that are no list of names. Deploy it again.");
  }

  int count() const { return count_; }
  // Null where there is none.
  const char* at(int index) const { return 0 <= index && index < count_ ? names_[index] : nullptr; }

 private:
  bool read(JsonCursor cursor) {
    if (!cursor.take("[")) return false;
    for (char* to = text_; !cursor.take("]"); ++count_) {
      if (count_ > 0 && !cursor.take(",")) return false;
      names_[count_] = to;
      if (!cursor.take("\"") || !read_name(cursor, to)) return false;
    }
    return cursor.ends_in_spaces(0);
  }

  // The rest of a string and its closing quote; a 0 stands in its place.
  static bool read_name(JsonCursor& cursor, char*& to) {
    for (char c; cursor.take_char(c);) {
      if (c == '"') {
        *to++ = '\0';
        return true;
      }
      if (c == '\\' && !read_escape(cursor, c)) return false;
      *to++ = c;
    }
    return false;
  }

  // What Python writes for quote, backslash and the characters below 32.
  static bool read_escape(JsonCursor& cursor, char& c) {
    constexpr std::string_view escapes = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    if (!cursor.take_char(c)) return false;
    const std::size_t place = escapes.find(c);
    if (place != escapes.npos) c = meant[place];
    return place != escapes.npos || (c == 'u' && read_control(cursor, c));
  }

  static bool read_control(JsonCursor& cursor, char& c) {
    if (!cursor.take("00")) return false;
    c = 0;
    for (int i = 0; i < 2; ++i) {
      char digit = 0;
      if (!cursor.take_char(digit)) return false;
      const std::size_t value = std::string_view("0123456789abcdef").find(digit);
      if (value == std::string_view::npos) return false;
      c = static_cast<char>(16 * c + static_cast<int>(value));
    }
    return c != 0;  // which would end the name
  }

  char* text_ = nullptr;
  const char** names_ = nullptr;
  int count_ = 0;
};

}  // namespace xnorkit
