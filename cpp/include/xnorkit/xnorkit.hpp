// What a generated unit includes: the ops on every ISA path, and the C functions over them.
#pragma once

#include "xnorkit/c_audio.hpp"
#include "xnorkit/c_interface.hpp"
#include "xnorkit/isa.hpp"
#include "xnorkit/shape.hpp"
#include "xnorkit/tags.hpp"
