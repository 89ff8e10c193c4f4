// Ones of vectors of filters against one row of words, some vectors at once, each of one unit (see
// unit_filters.inl.hpp). Filters are read once, so that whoever reads asks for their memory ahead.

XNORKIT_INLINE void fetch_row(const std::uint64_t* w) {
  constexpr int ahead = 16;  // words of a unit, 1 KiB: what is asked for is then in time
  __builtin_prefetch(w + ahead * kUnit);
}

// Where a popcount of words is one instruction: two words at a time, as CarrySums does.
template <int S>
class RowPairs {
 public:
  // All n words of a row. fetch: whether w is not in the nearest cache yet.
  XNORKIT_INLINE void add(const std::uint64_t* x, const std::uint64_t* const (&w)[S], int n,
                          bool fetch) {
    const int whole = n / 2 * 2;
    for (int i = 0; i < whole; i += 2) {
      const Words x1 = broadcast(x[i]), x2 = broadcast(x[i + 1]);
      for (int s = 0; s < S; ++s) {
        const std::uint64_t* from = w[s] + i * kUnit;
        if (fetch) fetch_row(from), fetch_row(from + kUnit);
        const Words middle = parity3(load_vector<Words>(from), parity[s], x1);
        const Words last = parity3(load_vector<Words>(from + kUnit), middle, x2);
        pairs[s] += count(falls(parity[s], middle, last));
        parity[s] = last;
      }
    }
    for (int s = 0; whole < n && s < S; ++s) {
      odd[s] = count(broadcast(x[whole]) ^ load_vector<Words>(w[s] + whole * kUnit));
    }
  }

  // Of each lane.
  XNORKIT_INLINE Words ones(int s) const { return twice_plus(pairs[s], count(parity[s])) + odd[s]; }

 private:
  Words parity[S] = {}, pairs[S] = {}, odd[S] = {};
};

// Where there is none: carry-save addition (Harley and Seal). Bits are added as columns of ones,
// twos, fours and eights, and only what is carried out of sixteen words is counted: 3 to 7
// instructions a word of a vector instead of 9 to 14.
class RowTree {
 public:
  XNORKIT_INLINE void add(const std::uint64_t* x, const std::uint64_t* const (&rows)[1], int n,
                          bool fetch) {
    const std::uint64_t* w = rows[0];
    const int whole = n / 16 * 16;
    for (int i = 0; i < whole; i += 16) {
      for (int j = i; fetch && j < i + 16; ++j) fetch_row(w + j * kUnit);
      sixteens += count(carry<4>(x + i, w + i * kUnit));
      if (--room == 0) empty();
    }
    for (int i = whole; i < n; ++i) rest += count(differ(x + i, w + i * kUnit));
  }

  XNORKIT_INLINE Words ones(int) const {
    // In bytes: 15 * 8 of the columns and 15 * 8 of the rest.
    Words some = count(columns[3]);
    for (int i = 2; i >= 0; --i) some += some + count(columns[i]);
    return total(some + rest) + ((emptied + total(sixteens)) << 4);
  }

 private:
  XNORKIT_INLINE static Words differ(const std::uint64_t* x, const std::uint64_t* w) {
    return broadcast(*x) ^ load_vector<Words>(w);
  }

  // What 2^level words carry out of their columns.
  template <int level>
  XNORKIT_INLINE Words carry(const std::uint64_t* x, const std::uint64_t* w) {
    if constexpr (level == 0) {
      return differ(x, w);
    } else {
      constexpr int half = 1 << (level - 1);
      const Words a = carry<level - 1>(x, w);
      const Words b = carry<level - 1>(x + half, w + half * kUnit);
      Words& column = columns[level - 1];
      const Words out = majority(a, b, column);
      column = parity3(a, b, column);
      return out;
    }
  }

  XNORKIT_INLINE void empty() {
    emptied += total(sixteens);
    sixteens = Words{};
    room = kCounts;
  }

  Words columns[4] = {};  // of ones, twos, fours and eights
  Words sixteens = {}, emptied = {}, rest = {};
  int room = kCounts;  // carries that may still be counted before empty()
};

// How many vectors at once; more than one tree would need more registers than there are.
inline constexpr int kRowStreams = kCounts > 255 ? 4 : 1;
template <int S>
using RowSums = std::conditional_t<(kCounts > 255), RowPairs<S>, RowTree>;
