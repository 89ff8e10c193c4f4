"""A program run op by op in numpy: slow, plain, and written apart from the C++."""

import numpy as np
import torch
import torch.nn.functional as F


class Interpreter:
    """What an Engine is for validation, without a compiler."""

    def __init__(self, program, tensors):
        self.program = program
        self.tensors = {name: torch.as_tensor(value) for name, value in tensors.items()}
        self.buffers = [None] * len(program.values)

    def __call__(self, x):
        return np.stack([self._one(sample) for sample in x])

    def _one(self, sample):
        where = self.program.values[0].map
        self.buffers[0] = np.ascontiguousarray(
            sample.reshape(where.c, where.h, where.w).transpose(1, 2, 0), dtype=np.float32
        )
        for index in range(len(self.program.ops)):
            self.step(index)
        result = self.buffers[self.program.output]
        return result.transpose(2, 0, 1).reshape(self.program.output_shape)

    def step(self, index):
        op = self.program.ops[index]
        inputs = [self.buffers[i] for i in op.inputs]
        kind = self.program.values[op.output].kind
        self.buffers[op.output] = np.ascontiguousarray(
            _RUN[op.kind](self, op, kind, *inputs),
            dtype=np.float32 if kind == "real" else bool,
        )
        assert self.buffers[op.output].shape == _shape(self.program.values[op.output].map)

    def value(self, index):
        return _Buffer(self, index)

    def number(self, op, field):
        return self.tensors[f"{op.name}.{field}"]

    def filters(self, op, values):
        """±1 filters (C_out, C_in/groups, kh, kw) from packed bytes."""
        kh, kw, c = op.filter_shape(values)
        rows = np.unpackbits(self.number(op, "weight").numpy(), axis=1, bitorder="little")
        signs = 1.0 - 2.0 * rows[:, : kh * kw * c].astype(np.float32)
        assert not rows[:, kh * kw * c :].any()  # filler
        return torch.from_numpy(signs.reshape(-1, kh, kw, c)).permute(0, 3, 1, 2)


class _Buffer:
    """Bytes of a value, as an engine's buffer gives and takes them."""

    def __init__(self, owner, index):
        self.owner, self.index = owner, index

    def _bytes(self):
        value, buffer = self.owner.program.values[self.index], self.owner.buffers[self.index]
        if value.kind == "real":
            return buffer.reshape(-1).view(np.uint8)
        padded = np.pad(buffer, ((0, 0), (0, 0), (0, -buffer.shape[2] % 64)))
        return np.packbits(padded, axis=-1, bitorder="little").ravel()

    def __setitem__(self, key, content):
        where = self.owner.program.values[self.index].map
        bits = np.unpackbits(content.reshape(where.h, where.w, -1), axis=-1, bitorder="little")
        self.owner.buffers[self.index] = bits[..., : where.c].astype(bool)

    def reshape(self, *shape):
        return self._bytes().reshape(*shape)

    def view(self, dtype):
        return self._bytes().view(dtype)


def _shape(where):
    return where.h, where.w, where.c


def _convolve(x, weight, op, fill=0.0):
    """(h, w, c) float64 ⊛ (C_out, C_in/groups, kh, kw) → (oh, ow, C_out)."""
    w = op.window
    needed_h = (w.out_h - 1) * w.stride_h + w.dilation_h * (w.kernel_h - 1) + 1
    needed_w = (w.out_w - 1) * w.stride_w + w.dilation_w * (w.kernel_w - 1) + 1
    right = needed_w - w.pad_left - x.shape[1]
    bottom = needed_h - w.pad_top - x.shape[0]
    sides = (w.pad_left, right, w.pad_top, bottom)
    image = F.pad(torch.from_numpy(x).double().permute(2, 0, 1)[None], sides, value=fill)
    result = F.conv2d(
        image, weight.double(), None, (w.stride_h, w.stride_w), 0, (w.dilation_h, w.dilation_w),
        op.groups,
    )  # fmt: skip
    return result[0].permute(1, 2, 0).numpy()


def _float_conv(self, op, kind, x):
    sums = _convolve(x, self.number(op, "weight").permute(0, 3, 1, 2), op)
    return self.ended(op, kind, sums)


def _int8_conv(self, op, kind, x):
    step = self.number(op, "step").numpy()
    quantised = np.clip(np.rint(x / step), -127, 127)
    sums = _convolve(quantised, self.number(op, "weight").permute(0, 3, 1, 2), op)
    return self.ended(op, kind, sums)


def _bwn_conv(self, op, kind, x):
    return self.ended(op, kind, _convolve(x, self.filters(op, self.program.values), op))


def _binary_conv(self, op, kind, bits):
    signs = 1.0 - 2.0 * bits.astype(np.float64)
    sums = _convolve(signs, self.filters(op, self.program.values), op, float(op.padding_value))
    return self.ended(op, kind, sums)


def _bitplane_conv(self, op, kind, bits):
    """Of the odd codes themselves, put together from their planes."""
    planes = bits.reshape(op.input_bits, -1, *bits.shape[1:])
    x = sum(2.0**j * (1.0 - 2.0 * plane) for j, plane in enumerate(planes))
    signs = self.filters(op, self.program.values)
    grouped = signs.reshape(op.groups, op.weight_bits, -1, *signs.shape[1:])
    weight = sum(2.0**i * grouped[:, i] for i in range(op.weight_bits)).flatten(0, 1)
    border = float(op.padding_value) * (2**op.input_bits - 1)
    return _convolve(x, weight, op, border)


def _quantise(self, op, kind, x):
    threshold, flip = self.number(op, "threshold").numpy(), self.number(op, "flip").numpy()
    u = sum(((x < level) == flip.astype(bool)).astype(int) for level in threshold)
    return np.concatenate([(u >> plane) & 1 == 0 for plane in range(op.bits)])


def _threshold(self, op, kind, x):
    return self.compare(op, x)


def _compare(self, op, x):
    threshold = self.number(op, "threshold").numpy()
    return (x < threshold) != self.number(op, "flip").numpy().astype(bool)


def _ended(self, op, kind, sums):
    return sums if kind == "real" else self.compare(op, sums.astype(np.float32))


Interpreter.compare, Interpreter.ended = _compare, _ended


def _taps(x, window):
    """The taps under each position: lists of (h, w) indices inside the map."""
    for oy in range(window.out_h):
        for ox in range(window.out_w):
            ys = [
                oy * window.stride_h - window.pad_top + k * window.dilation_h
                for k in range(window.kernel_h)
            ]
            xs = [
                ox * window.stride_w - window.pad_left + k * window.dilation_w
                for k in range(window.kernel_w)
            ]
            inside = [(y, z) for y in ys for z in xs if 0 <= y < x.shape[0] and 0 <= z < x.shape[1]]
            yield oy, ox, inside


def _max_pool(self, op, kind, x):
    out = np.zeros((op.window.out_h, op.window.out_w, x.shape[2]), x.dtype)
    for oy, ox, inside in _taps(x, op.window):
        stack = np.stack([x[tap] for tap in inside])
        if kind == "real":
            out[oy, ox] = stack.max(0)
        else:
            any_ = self.number(op, "any").numpy().astype(bool)
            out[oy, ox] = np.where(any_, stack.any(0), stack.all(0))
    return out


def _average_pool(self, op, kind, x):
    w = op.window
    x = _steps(self, op, x)
    out = np.zeros((w.out_h, w.out_w, x.shape[2]), np.float32)
    for oy, ox, inside in _taps(x, w):
        bottom = min(oy * w.stride_h - w.pad_top + w.kernel_h, x.shape[0] + op.pad_bottom)
        right = min(ox * w.stride_w - w.pad_left + w.kernel_w, x.shape[1] + op.pad_right)
        whole = (bottom - oy * w.stride_h + w.pad_top) * (right - ox * w.stride_w + w.pad_left)
        count = op.divisor or (whole if op.count_pad else len(inside))
        for tap in inside:  # in this order, rounded to float32 each time, as torch does
            out[oy, ox] += x[tap]
        out[oy, ox] /= np.float32(count)
    return out


def _pointwise(self, op, kind, x):
    return _steps(self, op, x).reshape(_shape(self.program.values[op.output].map))


def _steps(self, op, x):
    from xnorkit.deploy.steps import Step, evaluate_steps

    steps = []
    for index, name in enumerate(op.steps):
        prefix = f"{op.name}."
        fields = {
            field: self.tensors[f"{prefix}{field}{index}"]
            for field in ("scale", "bias", "low", "high")
            if f"{prefix}{field}{index}" in self.tensors
        }
        steps.append(Step(name, fields))
    pixels = np.ascontiguousarray(x.reshape(-1, x.shape[2]))  # (pixels, C): as a batch of vectors
    return evaluate_steps(steps, pixels).reshape(x.shape)


def _add(self, op, kind, a, b):
    return a + b


def _input_scale(self, op, kind, x):
    magnitude = np.abs(x.astype(np.float64)).mean(2, keepdims=True)
    if op.whole:
        return magnitude.mean().reshape(1, 1, 1)
    ones = torch.ones(1, 1, op.window.kernel_h, op.window.kernel_w)
    single = type("Single", (), {"window": op.window, "groups": 1})()
    return _convolve(magnitude, ones / ones.numel(), single)


def _multiply(self, op, kind, x, k):
    return x * k


_RUN = {
    "add": _add,
    "average_pool": _average_pool,
    "binary_conv2d": _binary_conv,
    "bitplane_conv2d": _bitplane_conv,
    "bwn_conv2d": _bwn_conv,
    "float_conv2d": _float_conv,
    "input_scale": _input_scale,
    "int8_conv2d": _int8_conv,
    "max_pool": _max_pool,
    "multiply": _multiply,
    "pointwise": _pointwise,
    "quantise": _quantise,
    "threshold": _threshold,
}


def outputs(network, x):
    """(torch's output, the program's) for a batch x, float32 numpy arrays; and the program."""
    from xnorkit.deploy.lower import lower

    network.eval()
    lowered = lower(network, x[:1])
    with torch.no_grad():
        wanted = network(x).numpy()
    return wanted, Interpreter(lowered.program, lowered.tensors())(x.numpy()), lowered.program
