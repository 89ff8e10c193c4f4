// Names that a generated network gives to ops as template arguments.
#pragma once

namespace xnorkit {

struct BitsOut {};  // a convolution that ends in thresholds: packed signs
struct RealOut {};  // ... that ends in its sums, as floats

// Steps of Pointwise; <i> is a step's position, fields are float32[c], those of Clamp float32[1].
namespace steps {
struct Scale {};        // x * scale<i>
struct Bias {};         // x + bias<i>
struct Affine {};       // x * scale<i> + bias<i>, two roundings
struct AffineFused {};  // the same, one rounding
struct Relu {};         // x < 0 ? 0 : x
struct Clamp {};        // at least low<i>, at most high<i>
}  // namespace steps

}  // namespace xnorkit
