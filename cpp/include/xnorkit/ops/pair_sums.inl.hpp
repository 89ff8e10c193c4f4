// The sums of LutConv2d: R pairs of pixels x V vectors of output channels, one byte a channel.
//
// A look-up gives both pixels' ones of a nibble, the second's times 16. Three look-ups are at most
// 12 + 16 * 12, so neither reaches the other; what is summed of three, t, is at most 204:
//   both += t as uint16: even channels' bytes carry into the odd ones', which 16 bits hold as a
//           whole, modulo 2^16
//   high += the second's; of four t by averages, which are exact where the low halves are 0:
//           average(average(16a, 16b), average(16c, 16d)) = 4(a + b + c + d) <= 192
// Up to kMost nibbles, while both pixels' ones fit bytes, low = both - 16 * high has the first
// pixel's and high the second's: that is all of a short sum. A long one is emptied in time into
//   whole: even + 256 * odd, modulo 2^16       odd: the odd channels' ones <= 2^16 - 1

inline constexpr int kShortNibbles = 255 / 4;

template <int width, int R, int V, bool kShort>
class PairSums {
  using Lanes = Bytes<width>;
  using Wide = Shorts<width>;  // the same, two channels a lane

 public:
  static constexpr int kMost = kShortNibbles;  // between two calls of empty()

  // Adds n nibbles. offsets: of pair 0, the next pair's pair_step further; w: [nibble][V][width].
  template <int n>
  XNORKIT_INLINE void add(const std::uint16_t* offsets, std::ptrdiff_t pair_step,
                          const std::uint8_t* w) {
    const std::uint16_t* of[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      of[r] = offsets + r * pair_step;
      // GCC must not see that the pairs share offsets: it would carry them from one iteration to
      // the next, in more registers than there are.
      asm("" : "+r"(of[r]));
    }
#pragma GCC unroll 1
    for (int i = 0; i < n / 12; ++i, w += 12 * V * width) add_twelve(of, 12 * i, w);
    add_some<n % 12>(of, n / 12 * 12, w);
  }

  XNORKIT_INLINE void empty() {
    static_assert(!kShort);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const Wide low = low_of(r, v);
        whole_[r][0][v] += low;
        odd_[r][0][v] += low >> 8;
        whole_[r][1][v] += high_[r][v];
        odd_[r][1][v] += high_[r][v] >> 8;
        both_[r][v] = high_[r][v] = Wide{};
      }
    }
  }

  // Of a short sum, the ones of a pair's pixel 0 or 1.
  XNORKIT_INLINE Lanes ones(int r, int pixel, int v) const {
    return reinterpret_cast<Lanes>(pixel == 0 ? low_of(r, v) : high_[r][v]);
  }
  // Of a long one, after empty(), those of the even and of the odd channels.
  XNORKIT_INLINE Wide even(int r, int pixel, int v) const {
    return whole_[r][pixel][v] - (odd_[r][pixel][v] << 8);
  }
  XNORKIT_INLINE Wide odd(int r, int pixel, int v) const { return odd_[r][pixel][v]; }

 private:
  struct Tables {
    XNORKIT_INLINE explicit Tables(const std::uint16_t* offsets) {
      for (int i = 0; i < 3; ++i) broadcast_row(table(offsets[i]), &row[i]);
    }
    Lanes row[3];
  };

  XNORKIT_INLINE static const std::uint8_t* table(std::uint16_t offset) {
    // As bytes of the whole: an index past the first row's end would be undefined.
    return reinterpret_cast<const std::uint8_t*>(&kNibbleTables) + offset;
  }

  XNORKIT_INLINE static Lanes three(const Tables& tables, const std::uint8_t* w) {
    return look_up(tables.row[0], load_vector<Lanes>(w)) +
           look_up(tables.row[1], load_vector<Lanes>(w + V * width)) +
           look_up(tables.row[2], load_vector<Lanes>(w + 2 * V * width));
  }

  XNORKIT_INLINE void add_twelve(const std::uint16_t* const (&of)[R], int first_nibble,
                                 const std::uint8_t* w) {
    Lanes first[R][V], second[R][V];
#pragma GCC unroll 4
    for (int part = 0; part < 4; ++part, w += 3 * V * width) {
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        const Tables tables(of[r] + first_nibble + 3 * part);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const Lanes sum = three(tables, w + v * width);
          both_[r][v] += reinterpret_cast<Wide>(sum);
          pin(both_[r][v]);  // or GCC would first add up four sums, in registers that it lacks
          const Lanes high = sum & static_cast<std::uint8_t>(0xf0);
          if (part == 0) first[r][v] = high;
          if (part == 1) first[r][v] = average(first[r][v], high);
          if (part == 2) second[r][v] = high;
          if (part == 3) {
            const Lanes four = average(first[r][v], average(second[r][v], high));
            high_[r][v] += reinterpret_cast<Wide>(four) >> 2;  // no bit leaves its byte
          }
        }
      }
    }
  }

  // n < 12, in parts of three and what is left.
  template <int n>
  XNORKIT_INLINE void add_some(const std::uint16_t* const (&of)[R], int first_nibble,
                               const std::uint8_t* w) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        Lanes sum = {};
#pragma GCC unroll 12
        for (int i = 0; i < n; ++i) {
          Lanes row;
          broadcast_row(table(of[r][first_nibble + i]), &row);
          sum += look_up(row, load_vector<Lanes>(w + (i * V + v) * width));
          if (i % 3 == 2 || i == n - 1) {
            add_sum(sum, r, v);
            sum = Lanes{};
          }
        }
      }
    }
  }

  XNORKIT_INLINE void add_sum(Lanes sum, int r, int v) {
    const Wide shifted = reinterpret_cast<Wide>(sum) >> 4;
    both_[r][v] += reinterpret_cast<Wide>(sum);
    high_[r][v] +=
        reinterpret_cast<Wide>(reinterpret_cast<Lanes>(shifted) & static_cast<std::uint8_t>(0x0f));
  }

  // Of even channels the low byte, of odd ones the high byte, and neither reaches the other.
  XNORKIT_INLINE Wide low_of(int r, int v) const { return both_[r][v] - (high_[r][v] << 4); }

  Wide both_[R][V] = {}, high_[R][V] = {};
  Wide whole_[R][2][V] = {}, odd_[R][2][V] = {};  // of long sums
};
