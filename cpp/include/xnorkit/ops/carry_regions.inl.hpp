// The outputs of a convolution in rectangles whose windows meet the map in the same taps, and for
// each the words of a window and of a filter that belong together.

// Distances in words: of the input from a region's x, of the weights from a filter's first.
struct CarryStep {
  std::int32_t x, w;
};

// Outputs in `lines` of `pixels`, along rows or columns, whichever is longer. x: distances in words
// of the input, y: in pixels of the output.
struct CarryRegion {
  std::ptrdiff_t x, x_line, x_pixel;  // x: the first tap of the first output that is inside the map
  int y, y_line, y_pixel, lines, pixels;
  int taps;    // inside the map
  bool whole;  // all of them
  const CarryStep* steps;
  int step_count;
};

// Of which a block takes its steps, and how far it is to the next pixel, of y in elements.
struct CarryLine {
  const CarryStep* steps;
  int step_count;
  std::ptrdiff_t x_pixel, y_pixel;
};

template <Layout layout>
struct CarryRegions {
  static constexpr Window kWindow = layout.window;
  static constexpr Axis kRows = kWindow.rows(layout.in), kColumns = kWindow.columns(layout.in);
  static constexpr int kSteps = kWindow.taps() * layout.length;  // words of a filter

  // Words from where tap (0, 0) lies to word `step` of the window.
  static constexpr std::ptrdiff_t word(int step) {
    const int tap = step / layout.length, y = tap / kWindow.kernel_w, x = tap % kWindow.kernel_w;
    return (std::ptrdiff_t{y} * kWindow.dilation_h * layout.in.w + x * kWindow.dilation_w) *
               layout.pitch +
           step % layout.length;
  }

  // False where memory is short, the loader says so.
  bool load(Loader& loader, const char* name) {
    int step_count = 0;
    for (Span rows{0, 0}; next(kRows, rows);) {
      for (Span columns{0, 0}; next(kColumns, columns); ++count) {
        step_count += taps(rows, columns).count() * layout.length;
      }
    }
    auto* to = loader.take<CarryRegion>(name, count);
    auto* steps = loader.take<CarryStep>(name, step_count);
    if (to == nullptr || steps == nullptr) return false;
    first = to;
    for (Span rows{0, 0}; next(kRows, rows);) {
      for (Span columns{0, 0}; next(kColumns, columns);) {
        *to = region(rows, columns, steps);
        steps += to++->step_count;
      }
    }
    return true;
  }

  const CarryRegion* first = nullptr;
  int count = 0;

 private:
  // Moves on to the next outputs of an axis that meet the map in the same taps; false at the end.
  static bool next(const Axis& axis, Span& outputs) {
    outputs = {outputs.end, outputs.end + 1};
    if (outputs.begin >= axis.out) return false;
    const Span taps = axis.taps(outputs.begin);
    for (; outputs.end < axis.out; ++outputs.end) {
      const Span other = axis.taps(outputs.end);
      if (other.begin != taps.begin || other.end != taps.end) break;
    }
    return true;
  }

  static Taps taps(Span rows, Span columns) {
    return {kRows.taps(rows.begin), kColumns.taps(columns.begin)};
  }

  static CarryRegion region(Span rows, Span columns, CarryStep* steps) {
    constexpr std::ptrdiff_t line = std::ptrdiff_t{layout.in.w} * layout.pitch;
    const Taps inside = taps(rows, columns);
    CarryRegion out{};
    out.x_line = kWindow.stride_h * line, out.x_pixel = kWindow.stride_w * layout.pitch;
    out.y_line = kWindow.out_w, out.y_pixel = 1;
    out.y = rows.begin * kWindow.out_w + columns.begin;
    out.lines = rows.size(), out.pixels = columns.size();
    if (out.pixels < out.lines) {
      std::swap(out.x_line, out.x_pixel);
      std::swap(out.y_line, out.y_pixel);
      std::swap(out.lines, out.pixels);
    }
    out.taps = inside.count();
    out.whole = out.taps == kWindow.taps();
    out.steps = steps;
    if (out.taps == 0) return out;
    const std::ptrdiff_t first = word(first_step(inside.y.begin, inside.x.begin));
    out.x = kRows.at(rows.begin) * line + kColumns.at(columns.begin) * layout.pitch + first;
    for (int ty = inside.y.begin; ty < inside.y.end; ++ty) {
      for (int tx = inside.x.begin; tx < inside.x.end; ++tx) {
        for (int i = first_step(ty, tx); i < first_step(ty, tx) + layout.length; ++i) {
          *steps++ = {static_cast<std::int32_t>(word(i) - first), i * kWordLanes};
        }
      }
    }
    out.step_count = static_cast<int>(steps - out.steps);
    return out;
  }

  // Of a tap's words.
  static constexpr int first_step(int tap_y, int tap_x) {
    return (tap_y * kWindow.kernel_w + tap_x) * layout.length;
  }
};
