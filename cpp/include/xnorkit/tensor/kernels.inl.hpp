// What a path offers for tensors whose shapes are known at run time; included by each
// isa/<name>.hpp inside its region and namespace.

inline namespace kernels {
#include "xnorkit/tensor/signs.inl.hpp"
}  // namespace kernels

inline constexpr TensorKernels kTensorKernels = {pack_bytes, unpack_bytes};
