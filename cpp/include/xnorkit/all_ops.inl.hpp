// Every op of one ISA path, included by each isa/<name>.hpp inside its region and namespace. `Ops`
// is what a generated network takes: one name for all of them.

inline namespace kernels {
#include "xnorkit/ops/channels.inl.hpp"
#include "xnorkit/ops/convolution.inl.hpp"
#include "xnorkit/ops/pooling.inl.hpp"
#include "xnorkit/ops/real_input.inl.hpp"
#include "xnorkit/ops/real_outputs.inl.hpp"
#include "xnorkit/ops/signs_input.inl.hpp"
// The six above are what the ops share. The kernels of BwnConv2d.
#include "xnorkit/ops/bwn_signs.inl.hpp"
#include "xnorkit/ops/bwn_sums.inl.hpp"
// From here on one file is one op.
#include "xnorkit/ops/add.inl.hpp"
#include "xnorkit/ops/binary_conv2d.inl.hpp"
#include "xnorkit/ops/bwn_conv2d.inl.hpp"
#include "xnorkit/ops/float_conv2d.inl.hpp"
#include "xnorkit/ops/input_scale.inl.hpp"
#include "xnorkit/ops/int8_conv2d.inl.hpp"
#include "xnorkit/ops/max_pool.inl.hpp"
#include "xnorkit/ops/multiply.inl.hpp"
#include "xnorkit/ops/pointwise.inl.hpp"
#include "xnorkit/ops/average_pool.inl.hpp"
#include "xnorkit/ops/threshold.inl.hpp"
#include "xnorkit/ops/quantise.inl.hpp"
// The kernels of BinaryConv2d.
#include "xnorkit/ops/word_conv2d.inl.hpp"
#include "xnorkit/ops/depthwise_conv2d.inl.hpp"
#include "xnorkit/ops/joined_conv2d.inl.hpp"
// Filters and sums of those that add carries.
#include "xnorkit/ops/unit_filters.inl.hpp"
#include "xnorkit/ops/row_sums.inl.hpp"
#include "xnorkit/ops/row_conv2d.inl.hpp"
// What calls BinaryConv2d.
#include "xnorkit/ops/bitplane_conv2d.inl.hpp"
}  // namespace kernels

namespace audio {
#include "xnorkit/audio/frame_vectors.inl.hpp"
#include "xnorkit/audio/log_mel.inl.hpp"
}  // namespace audio

struct Ops {
  static constexpr const char* name = kName;

  template <Map in, int out_c, Window window, int groups, class Out>
  using FloatConv2d = kernels::FloatConv2d<in, out_c, window, groups, Out>;
  template <Map in, int out_c, Window window, int groups, class Out>
  using Int8Conv2d = kernels::Int8Conv2d<in, out_c, window, groups, Out>;
  template <Map in, int out_c, Window window, int groups, class Out>
  using BwnConv2d = kernels::BwnConv2d<in, out_c, window, groups, Out>;
  template <Map in, int out_c, Window window, int groups, int padding_value, class Out>
  using BinaryConv2d = kernels::BinaryConv2d<in, out_c, window, groups, padding_value, Out>;
  // Every kernel of it that this path has.
  static constexpr auto& binary_kernels = kBinaryKernels;
  template <BinaryKernel kernel>
  using BinaryKernelOf = kernels::BinaryKernelOf<kernel>;
  template <Map in, int out_c, Window window, int groups, int padding_value, int input_bits,
            int weight_bits>
  using BitplaneConv2d =
      kernels::BitplaneConv2d<in, out_c, window, groups, padding_value, input_bits, weight_bits>;
  template <Map map>
  using Threshold = kernels::Threshold<map>;
  template <Map map, int bits>
  using Quantise = kernels::Quantise<map, bits>;
  template <Map in, Window window>
  using MaxPool = kernels::MaxPool<in, window>;
  template <Map in, Window window>
  using MaxPoolBits = kernels::MaxPoolBits<in, window>;
  template <Map in, Window window, bool count_pad, int pad_bottom, int pad_right, int divisor,
            class... Steps>
  using AveragePool =
      kernels::AveragePool<in, window, count_pad, pad_bottom, pad_right, divisor, Steps...>;
  template <Map map, class... Steps>
  using Pointwise = kernels::Pointwise<map, Steps...>;
  template <Map map>
  using Add = kernels::Add<map>;
  template <Map in, Window window, bool whole>
  using InputScale = kernels::InputScale<in, window, whole>;
  template <Map map, bool whole>
  using Multiply = kernels::Multiply<map, whole>;
  using LogMel = audio::LogMel;
};
