"""C++ unit → shared library, built once per machine and found again: toolchain, unit, compile."""
