// Popcount by table look-up of nibbles, summed in bytes (Mula, Kurz, Lemire 2016), for paths that
// have no instruction for it.

// Each byte's number of ones, so at most kCounts results may be added before total().
inline constexpr int kCounts = 31;  // 31 * 8 = 248, the last that fits a byte
XNORKIT_INLINE Words count(Words x) {
  alignas(16) static constexpr std::uint8_t kOnes[16] = {0, 1, 1, 2, 1, 2, 2, 3,
                                                         1, 2, 2, 3, 2, 3, 3, 4};
  Bytes<kBytes> ones;
  broadcast_row(kOnes, &ones);
  const Words low = x & 0x0f0f0f0f0f0f0f0fu, high = (x >> 4) & 0x0f0f0f0f0f0f0f0fu;
  return reinterpret_cast<Words>(look_up(ones, reinterpret_cast<Bytes<kBytes>>(low)) +
                                 look_up(ones, reinterpret_cast<Bytes<kBytes>>(high)));
}
