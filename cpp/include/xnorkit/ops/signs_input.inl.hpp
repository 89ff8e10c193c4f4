// The packed input of a binary convolution as its loops read it: the map itself, or a copy with
// each group in words of its own and the border, where it is +1 or -1, around it.
//   map:  [pixel][word]      apart: [group][pixel][word of the group]

template <Map in, Window window, int groups, int padding_value>
struct SignsInput {
  static constexpr int kChannels = in.c / groups, kWords = words_of(kChannels);
  static constexpr bool kApart = groups > 1 && kChannels % kWordBits != 0;
  static constexpr Map kBordered = bordered(in, window);
  static constexpr bool kBorder =
      padding_value != 0 && (kBordered.h != in.h || kBordered.w != in.w);
  static constexpr bool kCopied = kApart || kBorder;
  static constexpr Map kMap = kBorder ? kBordered : in;
  static constexpr Window kWindow = kBorder ? unpadded(window) : window;

  static constexpr std::ptrdiff_t kPitch = kApart ? kWords : in.words();
  static constexpr std::ptrdiff_t kGroupPitch = kApart ? kMap.pixels() * kWords : kWords;
  static constexpr int kTopRow = kBorder ? window.pad_top : 0;
  static constexpr int kLeftColumn = kBorder ? window.pad_left : 0;

  static constexpr Layout layout(int out_c) {
    return {kMap, kWindow, out_c, groups, kWords, kPitch, kGroupPitch};
  }

  bool load(Loader& loader, const char* name) {
    if constexpr (kCopied) {
      const std::ptrdiff_t size = kMap.pixels() * (kApart ? groups * kWords : in.words());
      if (!loader.scratch(name, size, &copy)) return false;
      // The inside is written at every run, the border only here.
      std::uint64_t* words = copy.at(loader.work());
      for (std::ptrdiff_t i = 0; padding_value == -1 && i < size; ++i) {
        words[i] = kApart ? real_bits(kChannels, static_cast<int>(i % kWords))
                          : real_bits(in.c, static_cast<int>(i % in.words()));
      }
    }
    return true;
  }

  const std::uint64_t* prepared(const std::uint64_t* x, Work work) const {
    if constexpr (!kCopied) return x;
    std::uint64_t* const words = copy.at(work);
    for (int row = 0; row < in.h; ++row, x += in.w * in.words()) {
      std::uint64_t* to = words + (std::ptrdiff_t{row + kTopRow} * kMap.w + kLeftColumn) * kPitch;
      if constexpr (kApart) {
        take_apart(x, to);
      } else {
        __builtin_memcpy(to, x, sizeof(std::uint64_t) * in.w * in.words());
      }
    }
    return words;
  }

  static void take_apart(const std::uint64_t* x, std::uint64_t* to) {
    for (int column = 0; column < in.w; ++column, x += in.words(), to += kPitch) {
      for (int group = 0; group < groups; ++group) {
        for (int word = 0; word < kWords; ++word) {
          const int done = word * kWordBits, left = kChannels - done;
          to[group * kGroupPitch + word] =
              take_bits(x, group * kChannels + done, left < kWordBits ? left : kWordBits);
        }
      }
    }
  }

  Scratch<std::uint64_t> copy;
};
