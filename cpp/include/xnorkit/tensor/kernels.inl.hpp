// What a path offers for tensors whose shapes are known at run time; included by each
// isa/<name>.hpp inside its region and namespace, after `Tiles`, the fastest, of
// tensor/<kind>_tiles.inl.hpp.

inline namespace kernels {
#include "xnorkit/tensor/row_tiles.inl.hpp"
#include "xnorkit/tensor/signs.inl.hpp"
#include "xnorkit/tensor/tile_outputs.inl.hpp"

// Tiles, or WordTiles where sums are too long for them.
template <class Fast>
struct TilesOf {
  static bool fits(const Filters& filters) {
    if constexpr (requires { Fast::fits(filters); }) return Fast::fits(filters);
    return true;
  }
  static int chunk_pixels(const Filters& f) {
    return fits(f) ? Fast::chunk_pixels(f) : WordTiles::chunk_pixels(f);
  }
  static std::size_t block_bytes(const Filters& f) {
    return fits(f) ? Fast::block_bytes(f) : WordTiles::block_bytes(f);
  }
  static std::size_t chunk_bytes(const Filters& f) {
    return fits(f) ? Fast::chunk_bytes(f) : WordTiles::chunk_bytes(f);
  }
  static void lay_out(const Filters& f, std::ptrdiff_t first, int count, void* to) {
    fits(f) ? Fast::lay_out(f, first, count, to) : WordTiles::lay_out(f, first, count, to);
  }
  static void prepare(const Filters& f, const Chunk& chunk, void* prepared) {
    if (fits(f)) Fast::prepare(f, chunk, prepared);
  }
  static void tile(const Filters& f, const Chunk& chunk, const void* prepared, const void* block,
                   int count, std::int32_t* ones) {
    fits(f) ? Fast::tile(f, chunk, prepared, block, count, ones)
            : WordTiles::tile(f, chunk, prepared, block, count, ones);
  }
};
}  // namespace kernels

inline constexpr TensorKernels kTensorKernels = {
    pack_words,
    pack_planes,
    pack_bytes,
    unpack_bytes,
    TilesOf<Tiles>::chunk_pixels,
    TilesOf<Tiles>::block_bytes,
    TilesOf<Tiles>::chunk_bytes,
    TilesOf<Tiles>::lay_out,
    TilesOf<Tiles>::prepare,
    TilesOf<Tiles>::tile,
    RowTiles::tile,
    Tiles::few,
    put_integers,
    put_reals,
};
