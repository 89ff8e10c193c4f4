"""Engine unit → its library, open → functions to call: c_functions, binding; path asks before."""
