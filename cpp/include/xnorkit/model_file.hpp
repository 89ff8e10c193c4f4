// Reads model.xnor where it lies in memory: checks every byte, then hands out its tensors by name.
//
//   0      uint64, little-endian: n, so that the data begin at 8 + n, a multiple of 64
//   8      the header, JSON: {"__metadata__":{"xnor_format":"1","sha256":...},"<tensor>":{...}}
//          and up to 63 spaces
//   8 + n  tensors without holes: those of 4-byte types, then those of 1 byte, each by name
//
// docs/file_format.md has all of it; src/xnorkit/deploy/xnor_file.py is the writer.
#pragma once

#include <bit>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>
#include <string_view>

#include "xnorkit/json_cursor.hpp"
#include "xnorkit/loader.hpp"
#include "xnorkit/sha256.hpp"

namespace xnorkit {

class ModelFile {
 public:
  static constexpr int kVersion = 1;

  // bytes: all of the file, at an address divisible by 4; they must stay as long as this object and
  // what it hands out. The only allocation is the table of tensors, here.
  ModelFile(const void* bytes, std::size_t size)
      : bytes_(static_cast<const char*>(bytes)), size_(size) {
    if (!check()) count_ = 0;
  }

  bool ok() const { return error_[0] == '\0'; }

  // A sentence with the way out, of the first thing that was wrong; empty if nothing was.
  const char* error() const { return error_; }

  // Whether the file is of this program, given as Python's canonical_json(program.to_json()).
  bool has_program(std::string_view text) const {
    std::size_t at = 0;
    for (std::size_t i = 0; i < program_.size(); ++i, ++at) {
      if (program_[i] == '\\') ++i;  // escapes are \" and \\ only
      if (at == text.size() || program_[i] != text[at]) return false;
    }
    return ok() && at == text.size();
  }

  // JSON, as take_string has it: with escapes.
  std::string_view labels() const { return labels_; }
  std::string_view features() const { return features_; }

  // `count` numbers of the tensor "<op>.<field>", in the file's bytes; null, and a sentence in
  // error(), if there are no such tensor, other numbers, or not as many.
  template <class T>
  const T* tensor(const char* op, const char* field, std::size_t count) {
    return static_cast<const T*>(tensor(op, field, element_of<T>(), count));
  }

  const void* tensor(const char* op, const char* field, Element type, std::size_t count) {
    const Tensor* found = find(op, field);
    if (found == nullptr) {
      fail("model.xnor has no tensor %s.%s: it is of another network. %s", op, field, kWayOut);
    } else if (found->type != type || found->count != count) {
      fail("%s.%s in model.xnor has %llu x %s, the engine needs %llu x %s. %s", op, field,
           number(found->count), name_of(found->type), number(count), name_of(type), kWayOut);
      found = nullptr;
    }
    return found == nullptr ? nullptr : found->data;
  }

  // Makes a sentence the error, unless there is one; false.
#if defined(__GNUC__)
  __attribute__((format(printf, 2, 3)))
#endif
  bool fail(const char* format, ...) {
    if (!ok()) return false;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(error_, sizeof error_, format, arguments);
    va_end(arguments);
    return false;
  }

 private:
  struct Tensor {
    std::string_view name;
    Element type = Element::kUint8;
    std::uint64_t count = 0;
    const void* data = nullptr;
  };

  static constexpr std::string_view kBegin = "{\"__metadata__\":{\"xnor_format\":\"";
  static constexpr std::string_view kAfterVersion = "1\",\"sha256\":\"";
  static constexpr std::size_t kLength = 8;  // bytes of the header's length
  static constexpr std::size_t kDigest = kLength + kBegin.size() + kAfterVersion.size();
  static constexpr std::size_t kAlignment = 64;
  static constexpr int kMaxRank = 8;
  static constexpr const char* kWayOut = "Write it again from the checkpoint: xnorkit-deploy CKPT.";
  static_assert(std::endian::native == std::endian::little, "numbers are used where they lie");

  static constexpr const char* name_of(Element type) {
    constexpr const char* names[] = {"U8", "I8", "I32", "F32"};  // in Element's order
    return names[static_cast<int>(type)];
  }

  static constexpr std::uint64_t width(Element type) {
    return type == Element::kInt32 || type == Element::kFloat32 ? 4 : 1;
  }

  bool check() {
    if (reinterpret_cast<std::uintptr_t>(bytes_) % alignof(float) != 0) {
      return fail("model.xnor must be loaded at an address divisible by 4, as malloc and mmap do.");
    }
    return check_version() && check_digest() && read_header();
  }

  bool check_version() {
    JsonCursor cursor(bytes_ + (size_ < kLength ? size_ : kLength), bytes_ + size_);
    std::uint64_t version = 0;
    if (!cursor.take(kBegin) || !cursor.take_count(version) || !cursor.take("\"")) {
      return fail_foreign();
    }
    if (version == kVersion) return true;
    return fail(
        "model.xnor has format version %llu, this engine reads %d. Upgrade xnorkit, or deploy "
        "again with this one: xnorkit-deploy CKPT.",
        number(version), kVersion);
  }

  bool check_digest() {
    std::uint64_t header = 0;
    for (std::size_t i = kLength; i-- > 0;) {
      header = header << 8 | static_cast<unsigned char>(bytes_[i]);
    }
    if (size_ < kDigest + Sha256::kDigits || header > size_ - kLength) return fail_damaged();
    data_ = kLength + static_cast<std::size_t>(header);
    if (data_ < kDigest + Sha256::kDigits || data_ % kAlignment != 0) return fail_damaged();
    char zeros[Sha256::kDigits];
    std::memset(zeros, '0', sizeof zeros);
    const std::size_t rest = kDigest + sizeof zeros;
    Sha256 digest;
    digest.update(bytes_, kDigest);
    digest.update(zeros, sizeof zeros);
    digest.update(bytes_ + rest, size_ - rest);
    return std::memcmp(digest.hex().data(), bytes_ + kDigest, sizeof zeros) == 0 || fail_damaged();
  }

  // Twice over the table: to count, to keep.
  bool read_header() {
    JsonCursor cursor(bytes_ + kLength, bytes_ + data_);
    if (!read_metadata(cursor)) return fail_format("its metadata");
    JsonCursor again = cursor;
    if (!read_table(cursor)) return false;
    tensors_.reset(new (std::nothrow) Tensor[count_]);
    if (tensors_ == nullptr) return fail("no memory for the table of model.xnor. Free some.");
    return read_table(again) && names_differ();
  }

  bool read_metadata(JsonCursor& cursor) {
    std::string_view skipped;
    return cursor.take(kBegin) && cursor.take(kAfterVersion) && cursor.take(digest()) &&
           cursor.take("\",\"program\":") && cursor.take_string(program_) &&
           cursor.take(",\"labels\":") && cursor.take_string(labels_) &&
           cursor.take(",\"features\":") && cursor.take_string(features_) &&
           cursor.take(",\"sign_rule\":\"bit 1: x < 0; bit 0: else, so 0, -0.0 and NaN\"") &&
           cursor.take(
               ",\"padding\":\"of a map: padding_value of each op; of a row of bits: 0\"") &&
           cursor.take(",\"producer\":") && cursor.take_string(skipped) && cursor.take("}");
  }

  bool read_table(JsonCursor& cursor) {
    Tensor last;
    std::uint64_t end = 0;
    count_ = wide_ = 0;
    for (Tensor now; cursor.take(","); last = now) {
      now = Tensor{};
      if (!read_tensor(cursor, now, end)) return fail_format("its table of tensors");
      const bool wider = width(now.type) > width(last.type);
      if (count_ > 0 && (wider || (width(now.type) == width(last.type) && now.name <= last.name))) {
        return fail_format("the order of its tensors");
      }
      if (width(now.type) > 1) wide_ = count_ + 1;
      if (tensors_ != nullptr) tensors_[count_] = now;
      ++count_;
    }
    if (!cursor.take("}") || !cursor.ends_in_spaces(kAlignment - 1))
      return fail_format("its header's end");
    return end == size_ - data_ || fail_format("the length of its data");
  }

  // end: of the tensor before it, then its own.
  bool read_tensor(JsonCursor& cursor, Tensor& tensor, std::uint64_t& end) const {
    if (!cursor.take_string(tensor.name) || !cursor.take(":{\"dtype\":\"")) return false;
    if (tensor.name.empty() || tensor.name == "__metadata__") return false;
    if (tensor.name.find('\\') != std::string_view::npos) return false;
    if (!read_type(cursor, tensor.type) || !cursor.take("\",\"shape\":[") ||
        !read_shape(cursor, tensor.count)) {
      return false;
    }
    std::uint64_t from = 0, to = 0;
    if (!cursor.take("],\"data_offsets\":[") || !cursor.take_count(from) || !cursor.take(",") ||
        !cursor.take_count(to) || !cursor.take("]}")) {
      return false;
    }
    const std::uint64_t bytes = tensor.count * width(tensor.type);
    if (from != end || to != end + bytes || to > size_ - data_) return false;
    tensor.data = bytes_ + data_ + end;
    end = to;
    return true;
  }

  static bool read_type(JsonCursor& cursor, Element& type) {
    for (const Element known :
         {Element::kUint8, Element::kInt8, Element::kInt32, Element::kFloat32}) {
      type = known;
      if (cursor.take(name_of(known))) return true;
    }
    return false;
  }

  bool read_shape(JsonCursor& cursor, std::uint64_t& count) const {
    count = 1;
    for (int rank = 0; rank < kMaxRank; ++rank) {
      std::uint64_t size = 0;
      if (rank > 0 && !cursor.take(",")) return true;
      if (!cursor.take_count(size) || size == 0 || count > size_ / size) return false;
      count *= size;  // <= size of the file: no overflow
    }
    return true;
  }

  // Wide and narrow tensors are each in order; a walk along both finds a name that both have.
  bool names_differ() {
    for (std::size_t wide = 0, narrow = wide_; wide < wide_ && narrow < count_;) {
      const int order = tensors_[wide].name.compare(tensors_[narrow].name);
      if (order == 0) return fail_format("a tensor that it names twice");
      ++(order < 0 ? wide : narrow);
    }
    return true;
  }

  const Tensor* find(std::string_view op, std::string_view field) const {
    for (std::size_t i = 0; i < count_; ++i) {
      const std::string_view name = tensors_[i].name;
      if (name.size() == op.size() + 1 + field.size() && name.starts_with(op) &&
          name[op.size()] == '.' && name.ends_with(field)) {
        return &tensors_[i];
      }
    }
    return nullptr;
  }

  std::string_view digest() const { return {bytes_ + kDigest, Sha256::kDigits}; }

  static unsigned long long number(std::uint64_t value) { return value; }

  bool fail_foreign() {
    return fail("this is no model.xnor, or a damaged one. Give the model.xnor of a run.");
  }

  bool fail_damaged() {
    return fail("model.xnor is damaged or cut short: its bytes have another SHA-256. %s", kWayOut);
  }

  bool fail_format(const char* what) {
    return fail("model.xnor departs from docs/file_format.md in %s. %s", what, kWayOut);
  }

  const char* bytes_;
  std::size_t size_;
  std::size_t data_ = 0;                          // where the tensors begin
  std::string_view program_, labels_, features_;  // as they stand in the header, with escapes
  std::unique_ptr<Tensor[]> tensors_;
  std::size_t count_ = 0;
  std::size_t wide_ = 0;  // of them, those of 4-byte types
  char error_[384] = "";
};

}  // namespace xnorkit
