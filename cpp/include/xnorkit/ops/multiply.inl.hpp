// A real map times K:  y[p][c] = x[p][c] * k[p], or k[0] for all pixels (whole).

template <Map map, bool whole>
class Multiply {
 public:
  bool load(Loader&, const char*) { return true; }

  void run(const float* x, const float* k, float* y) const {
    if constexpr (whole) {
      each_vector<map.reals()>(Row{x, y, broadcast(k[0])});
    } else {
      for (int pixel = 0; pixel < map.pixels(); ++pixel, x += map.c, y += map.c) {
        each_vector<map.c>(Row{x, y, broadcast(k[pixel])});
      }
    }
  }

 private:
  struct Row {
    template <int n>
    XNORKIT_INLINE void at(int i) const {
      store_lanes<n>(y + i, load_lanes<n>(x + i) * k);
    }
    const float* x;
    float* y;
    Floats k;
  };
};
