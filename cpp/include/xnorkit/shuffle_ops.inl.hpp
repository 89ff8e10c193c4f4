// Kernels that only the paths have that can shuffle bytes, included by their isa/<name>.hpp after
// all_ops.inl.hpp.

inline namespace kernels {
// LutConv2d's input, sums and outputs.
#include "xnorkit/ops/pair_bounds.inl.hpp"
#include "xnorkit/ops/pair_input.inl.hpp"
#include "xnorkit/ops/pair_outputs.inl.hpp"
#include "xnorkit/ops/pair_sums.inl.hpp"
#include "xnorkit/ops/lut_conv2d.inl.hpp"
}  // namespace kernels
