// The outputs of a convolution in chunks, lines of pixels whose windows meet the map in the same
// taps, and for each the runs of words that belong together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "xnorkit/shape.hpp"
#include "xnorkit/tensor/kernels.hpp"
#include "xnorkit/tensor/packed_map.hpp"

namespace xnorkit {

// Of a sample; x in words of the map, y in pixels of the output.
struct LineChunk {
  std::ptrdiff_t x, x_pixel, y, y_pixel;
  int pixels, first_run, run_count;
  std::int64_t elements;
};

class Lines {
 public:
  // Throws std::bad_alloc.
  Lines(const PackedMap& map, int length, int most_pixels)
      : map_(map),
        window_(map.window()),
        rows_(window_.rows(map.map())),
        columns_(window_.columns(map.map())),
        length_(length),
        most_(most_pixels) {
    for (Span rows{0, 0}; next(rows_, rows);) {
      for (Span columns{0, 0}; next(columns_, columns);) add(rows, columns);
    }
  }

  const std::vector<LineChunk>& chunks() const { return chunks_; }
  const Run* runs(const LineChunk& chunk) const { return runs_.data() + chunk.first_run; }

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

  std::ptrdiff_t place(int row, int column) const {
    return (std::ptrdiff_t{row} * map_.map().w + column) * map_.pitch();
  }

  void add(Span rows, Span columns) {
    const Taps taps{rows_.taps(rows.begin), columns_.taps(columns.begin)};
    LineChunk line{};
    line.first_run = static_cast<int>(runs_.size());
    add_runs(taps);
    line.run_count = static_cast<int>(runs_.size()) - line.first_run;
    line.elements = std::int64_t{taps.count()} * length_;
    if (line.run_count > 0) {
      line.x = place(rows_.at(rows.begin) + taps.y.begin * window_.dilation_h,
                     columns_.at(columns.begin) + taps.x.begin * window_.dilation_w);
    }
    line.x_pixel = place(0, window_.stride_w);
    line.y = std::ptrdiff_t{rows.begin} * window_.out_w + columns.begin;
    line.y_pixel = 1;
    std::ptrdiff_t x_line = place(window_.stride_h, 0), y_line = window_.out_w;
    int lines = rows.size(), pixels = columns.size();
    if (pixels < lines && pixels < 4) {  // upright, e.g. those at the left border
      std::swap(line.x_pixel, x_line);
      std::swap(line.y_pixel, y_line);
      std::swap(pixels, lines);
    }
    if (x_line == pixels * line.x_pixel && y_line == pixels * line.y_pixel) {
      pixels *= lines, lines = 1;  // a kernel of 1x1: all in one line
    }
    for (int i = 0; i < lines; ++i, line.x += x_line, line.y += y_line) add_line(line, pixels);
  }

  // In as few chunks as there can be, of sizes that differ by at most 1.
  void add_line(LineChunk line, int pixels) {
    const int count = (pixels + most_ - 1) / most_;
    for (int i = 0; i < count; ++i) {
      line.pixels = pixels / count + (i < pixels % count ? 1 : 0);
      chunks_.push_back(line);
      line.x += line.pixels * line.x_pixel;
      line.y += line.pixels * line.y_pixel;
    }
  }

  // Places are counted from the first tap inside the map.
  void add_runs(Taps taps) {
    const bool joined = window_.dilation_w == 1 && map_.pitch() == map_.words();
    for (int y = taps.y.begin; y < taps.y.end; ++y) {
      const int down = (y - taps.y.begin) * window_.dilation_h;
      for (int x = taps.x.begin; x < taps.x.end; ++x) {
        const int tap = y * window_.kernel_w + x;
        const std::ptrdiff_t at = place(down, (x - taps.x.begin) * window_.dilation_w);
        if (joined && x > taps.x.begin) {
          runs_.back().n += map_.words();
        } else {
          runs_.push_back({static_cast<std::int32_t>(at), tap * map_.words(), map_.words()});
        }
      }
    }
  }

  const PackedMap& map_;
  Window window_;
  Axis rows_, columns_;
  int length_, most_;
  std::vector<LineChunk> chunks_;
  std::vector<Run> runs_;
};

}  // namespace xnorkit
