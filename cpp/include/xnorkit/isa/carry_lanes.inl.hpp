// Carry-save addition where no instruction takes three bits, after lanes.inl.hpp.

// a ^ b ^ c, and where two of them are 1: the sum of three bits, and its carry.
XNORKIT_INLINE Words parity3(Words a, Words b, Words c) { return a ^ b ^ c; }
XNORKIT_INLINE Words majority(Words a, Words b, Words c) { return (a & b) | ((a ^ b) & c); }
// Where a bit is 1 in a and 0 in b, or 1 in b and 0 in c.
XNORKIT_INLINE Words falls(Words a, Words b, Words c) { return (a & ~b) | (b & ~c); }
// 2 * a + b
XNORKIT_INLINE Words twice_plus(Words a, Words b) { return a + a + b; }
