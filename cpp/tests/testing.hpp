// What every test here shares: a list of tests, each for every ISA path, a loader from memory, and
// buffers that notice a write past their end.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "xnorkit/isa.hpp"

namespace xnorkit::testing {

struct Test {
  const char* name;
  const char* isa;  // null: needs none
  bool (*supported)();
  void (*run)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> list;
  return list;
}

struct Registered {
  explicit Registered(std::vector<Test> some) {
    tests().insert(tests().end(), some.begin(), some.end());
  }
};

// The case that a failure is printed with.
inline std::string& current() {
  static std::string text;
  return text;
}
inline int& failures() {
  static int count = 0;
  return count;
}

inline void expect(bool right, const std::string& what) {
  if (right) return;
  if (++failures() <= 20) std::printf("FAILED %s: %s\n", current().c_str(), what.c_str());
}

template <class T>
void expect_equal(const std::vector<T>& got, const std::vector<T>& wanted, const char* what) {
  expect(got.size() == wanted.size(), std::string(what) + ": sizes differ");
  for (std::size_t i = 0; i < wanted.size() && i < got.size(); ++i) {
    if (std::memcmp(&got[i], &wanted[i], sizeof(T)) == 0) continue;
    return expect(false, std::string(what) + "[" + std::to_string(i) + "] is " +
                             std::to_string(got[i]) + ", not " + std::to_string(wanted[i]));
  }
}

inline std::string text(Map map) {
  return std::to_string(map.h) + "x" + std::to_string(map.w) + "x" + std::to_string(map.c);
}
inline std::string text(Window w) {
  std::string out = "window";
  for (int n : {w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w,
                w.pad_top, w.pad_left, w.out_h, w.out_w}) {
    out += " " + std::to_string(n);
  }
  return out;
}

// Calls of operator new so far, which main.cpp counts.
inline std::atomic<long>& allocations() {
  static std::atomic<long> count;
  return count;
}

// Seeded by a constant: a red run can be repeated.
inline std::mt19937& random_bits() {
  static std::mt19937 engine(20240229);
  return engine;
}
inline int random_int(int low, int high) {
  return low + static_cast<int>(random_bits()() % static_cast<unsigned>(high - low + 1));
}
template <class T>
std::vector<T> random_values(std::size_t count, int low, int high) {
  std::vector<T> out(count);
  for (T& value : out) value = static_cast<T>(random_int(low, high));
  return out;
}
inline std::vector<int> random_signs(std::size_t count) {
  std::vector<int> out(count);
  for (int& value : out) value = random_int(0, 1) != 0 ? 1 : -1;
  return out;
}

// Tensors by "<op>.<field>".
class MemoryLoader : public Loader {
 public:
  explicit MemoryLoader(Arena& arena) : Loader(arena, workspace_) {}

  template <class T>
  void add(const std::string& field, const std::vector<T>& values) {
    Tensor& tensor = tensors_["op." + field];
    tensor = {element_of<T>(), values.size(), std::vector<std::uint64_t>(values.size() + 1)};
    std::memcpy(tensor.data.data(), values.data(), values.size() * sizeof(T));
  }
  const std::string& sentence() const { return sentence_; }

 private:
  struct Tensor {
    Element type;
    std::size_t count;
    std::vector<std::uint64_t> data;  // aligned for any element
  };

  const void* find(const char* op, const char* field, Element type, std::size_t count) override {
    const auto found = tensors_.find(std::string(op) + "." + field);
    if (found != tensors_.end() && found->second.type == type && found->second.count == count) {
      return found->second.data.data();
    }
    sentence_ = std::string(op) + "." + field + " is missing or of another type or size.";
    return nullptr;
  }
  void out_of_memory(const char*, std::size_t) override { sentence_ = "out of memory"; }

  Workspace workspace_;
  std::map<std::string, Tensor> tensors_;
  std::string sentence_;
};

// An op's output: filled with what it can't leave standing, and guarded behind its end.
template <class T>
class Output {
 public:
  explicit Output(std::size_t count) : memory_(count + kGuard) {
    std::memset(static_cast<void*>(memory_.data()), 0xa5, memory_.size() * sizeof(T));
  }
  T* data() { return memory_.data(); }
  std::vector<T> values() {
    std::vector<T> out(memory_.begin(), memory_.end() - kGuard);
    const auto* end = reinterpret_cast<const unsigned char*>(memory_.data() + out.size());
    for (std::size_t i = 0; i < kGuard * sizeof(T); ++i) {
      expect(end[i] == 0xa5, "wrote past the end of its output");
    }
    return out;
  }

 private:
  static constexpr std::size_t kGuard = 16;
  std::vector<T> memory_;
};

// Loads and runs an op: all of a test that is compiled for every op and shape; the checks around it
// take shapes at run time and are compiled once.
template <class Out, class... In>
using Runner = bool (*)(Loader&, Out*, const In*...);

// Twice unless said: a second run must not see the first. None takes memory: an op has what it
// needs when it is loaded.
template <class Op, int runs = 2, class Out, class... In>
bool load_and_run(Loader& loader, Out* out, const In*... in) {
  Op op;
  if (!op.load(loader, "op")) return false;
  const long before = allocations();
  for (int i = 0; i < runs; ++i) run_op(op, loader.work(), in..., out);
  if (allocations() != before) expect(false, "a run took memory");
  return true;
}

template <class Out, class... In>
std::vector<Out> output_of(Runner<Out, In...> runner, MemoryLoader& loader, std::size_t count,
                           const std::vector<In>&... in) {
  Output<Out> output(count);
  expect(runner(loader, output.data(), in.data()...), "load failed: " + loader.sentence());
  return output.values();
}

// Numbers of channels in 1..65 whose tails differ most; all of them where XNORKIT_TEST_ALL_TAILS is
// defined, which takes minutes to compile.
constexpr std::integer_sequence<int, 1, 2, 3, 7, 31, 33, 63, 64, 65> some_tails() { return {}; }
template <int... zero_based>
constexpr std::integer_sequence<int, zero_based + 1 ...> from_one(
    std::integer_sequence<int, zero_based...>) {
  return {};
}
constexpr auto all_tails() { return from_one(std::make_integer_sequence<int, 65>()); }

}  // namespace xnorkit::testing

// A test of an op: template <class Ops> void name(), run for every path in the list.
#define XNORKIT_TEST_ENTRY(isa) {kTestName, isa::kName, isa::supported, kTest<isa::Ops>},
#define XNORKIT_TEST(name)                                                                       \
  namespace name##_registration {                                                                \
    constexpr const char* kTestName = #name;                                                     \
    template <class Ops>                                                                         \
    constexpr void (*kTest)() = ::xnorkit::testing::name<Ops>;                                   \
    using namespace ::xnorkit;                                                                   \
    const ::xnorkit::testing::Registered registered({XNORKIT_FOR_EACH_ISA(XNORKIT_TEST_ENTRY)}); \
  }
// A test that needs no path: void name().
#define XNORKIT_PLAIN_TEST(name)                                \
  namespace name##_registration {                               \
    const ::xnorkit::testing::Registered registered(            \
        {{#name, nullptr, nullptr, ::xnorkit::testing::name}}); \
  }
