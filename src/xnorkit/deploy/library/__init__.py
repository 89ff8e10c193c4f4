"""C++ unit → library → functions to call: toolchain, unit, compile, binding, in this order."""
