// A Python module over the C functions of any engine library: it is given their addresses, so that
// it is compiled once per Python, and an engine library needs no Python.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>

#include "xnorkit/c_interface.h"

namespace xnorkit::bindings {

namespace py = pybind11;
using Address = std::uintptr_t;  // of a function or, once created, of an engine
using Floats = py::array_t<float, py::array::c_style>;

// The functions of one library, with the Python surface of deploy/library/binding.py's
// `_CFunctions`.
struct Functions {
  decltype(&xnor_create) create_;
  decltype(&xnor_fork) fork_;
  decltype(&xnor_run) run_;
  decltype(&xnor_step) step_;
  decltype(&xnor_value) value_;
  decltype(&xnor_isa) isa_;
  decltype(&xnor_kernel) kernel_;
  decltype(&xnor_destroy) destroy_;

  Functions(Address create, Address fork, Address run, Address step, Address value, Address isa,
            Address kernel, Address destroy)
      : create_(reinterpret_cast<decltype(create_)>(create)),
        fork_(reinterpret_cast<decltype(fork_)>(fork)),
        run_(reinterpret_cast<decltype(run_)>(run)),
        step_(reinterpret_cast<decltype(step_)>(step)),
        value_(reinterpret_cast<decltype(value_)>(value)),
        isa_(reinterpret_cast<decltype(isa_)>(isa)),
        kernel_(reinterpret_cast<decltype(kernel_)>(kernel)),
        destroy_(reinterpret_cast<decltype(destroy_)>(destroy)) {}

  Address create(const py::bytes& model, const char* isa) const {
    char* bytes = nullptr;
    py::ssize_t size = 0;
    if (PyBytes_AsStringAndSize(model.ptr(), &bytes, &size) != 0) throw py::error_already_set();
    char error[512] = "";
    void* engine = nullptr;
    {
      py::gil_scoped_release others_run;
      engine = create_(bytes, static_cast<std::size_t>(size), isa, error, sizeof error);
    }
    if (engine == nullptr) fail(error);
    return reinterpret_cast<Address>(engine);
  }

  // 0 where memory is short.
  Address fork(Address engine) const {
    return reinterpret_cast<Address>(fork_(reinterpret_cast<void*>(engine)));
  }

  // x: (samples, inputs), y: (samples, outputs); the caller has checked both.
  void run(Address engine, const Floats& x, Floats& y) const {
    const float* input = x.data();
    float* output = y.mutable_data();
    const std::size_t samples = static_cast<std::size_t>(x.shape(0));
    py::gil_scoped_release others_run;
    run_(reinterpret_cast<void*>(engine), input, samples, output);
  }

  void step(Address engine, int op) const { step_(reinterpret_cast<void*>(engine), op); }

  // Where the value lies, and its bytes.
  std::tuple<Address, std::size_t> value(Address engine, int index) const {
    std::size_t bytes = 0;
    void* found = value_(reinterpret_cast<void*>(engine), index, &bytes);
    return {reinterpret_cast<Address>(found), bytes};
  }

  [[noreturn]] static void fail(const char* sentence) {
    // A name in it may have been cut within a character.
    PyObject* text =
        PyUnicode_DecodeUTF8(sentence, static_cast<py::ssize_t>(std::strlen(sentence)), "replace");
    PyErr_SetObject(PyExc_ValueError, text);
    Py_XDECREF(text);
    throw py::error_already_set();
  }

  const char* isa(Address engine) const { return isa_(reinterpret_cast<void*>(engine)); }
  const char* kernel(Address engine, int op) const {
    return kernel_(reinterpret_cast<void*>(engine), op);
  }
  void destroy(Address engine) const { destroy_(reinterpret_cast<void*>(engine)); }
};

}  // namespace xnorkit::bindings

PYBIND11_MODULE(xnorkit_binding, module) {
  using xnorkit::bindings::Address;
  using xnorkit::bindings::Functions;
  namespace py = pybind11;
  py::class_<Functions>(module, "Functions", py::module_local())
      .def(py::init<Address, Address, Address, Address, Address, Address, Address, Address>())
      .def("create", &Functions::create, py::arg("model"), py::arg("isa").none(true))
      .def("fork", &Functions::fork)
      .def("run", &Functions::run, py::arg("engine"), py::arg("x").noconvert(),
           py::arg("y").noconvert())
      .def("step", &Functions::step)
      .def("value", &Functions::value)
      .def("isa", &Functions::isa)
      .def("kernel", &Functions::kernel)
      .def("destroy", &Functions::destroy);
}
