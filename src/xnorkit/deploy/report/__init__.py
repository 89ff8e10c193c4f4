"""Validated engine → what was measured of it: latency beside rivals, sizes, pages and figures."""
