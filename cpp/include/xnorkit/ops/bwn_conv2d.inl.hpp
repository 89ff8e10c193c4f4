// Convolution of a real map with weights of +1 and -1, one bit each in memory too; what becomes of
// the sums: real_outputs.inl.hpp.
//   weight: bits of [out_c][kh][kw][in_c / groups], 1 = negative, each filter from a new byte

template <Map in, int out_c, Window window, int groups, class Out>
using BwnConv2d =
    std::conditional_t<std::is_void_v<SumChoice>, BwnSigns<in, out_c, window, groups, Out>,
                       BwnSums<SumChoice, in, out_c, window, groups, Out>>;
