// Convolution of packed signs with packed signs.
//
//   sum[p][o] = n - 2 * popcount(x[p] ^ w[o])      n = true elements under the window
//   RealOut: the sum, as a float                   |sum| <= kh * kw * in_c / groups < 2^24: exact
//   BitsOut: bit = (sum < threshold[o]) != flip[o]
//   weight: bits of [out_c][kh][kw][in_c / groups], 1 = negative, each filter from a new byte
//   threshold: int32 [out_c]      flip: uint8 [out_c], 0 or 1
//
// A kernel is a class template <BinaryShape shape, class Out> in a file of its own, with
//   static constexpr const char* kKernel;          its name in reports
//   using Output = ...;                            uint64_t for BitsOut, float for RealOut
//   bool load(Loader& loader, const char* name);
//   void run(const std::uint64_t* x, Output* y, Work work) const;
// that computes the above exactly, and a specialisation of this, which says for which shapes:
//   static constexpr bool fits(const BinaryShape& shape);
//   template <BinaryShape shape, class Out> using Op = ...;
// Each path has a list of its kernels, kBinaryKernels, and binary_kernel(shape), the fastest.
template <BinaryKernel kernel>
struct BinaryKernelOf;

template <BinaryShape shape>
constexpr BinaryKernel chosen_binary_kernel() {
  // On every path: 3x3 on 28x28x128 takes 5 to 10 us, other kernels 620 to 1400.
  constexpr BinaryKernel fastest =
      shape.depthwise() ? BinaryKernel::kDepthwise : binary_kernel(shape);
  return BinaryKernelOf<fastest>::fits(shape) ? fastest : BinaryKernel::kWords;
}

template <BinaryShape shape, class Out>
using ChosenBinaryConv2d =
    typename BinaryKernelOf<chosen_binary_kernel<shape>()>::template Op<shape, Out>;

template <Map in, int out_c, Window window, int groups, int padding_value, class Out>
using BinaryConv2d = ChosenBinaryConv2d<BinaryShape{in, out_c, window, groups, padding_value}, Out>;
