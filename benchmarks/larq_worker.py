"""Larq Compute Engine's side of bench_larq.py, run by a Python that has it; needs nothing of ours.

Reads a request a line, answers one:

    {"folder": F}                       F/weight.npy (3, 3, C_in, C_out) and F/x.npy (1, H, W, C),
                                        both +-1; writes F/<kernel>.npy, int32 (1, H, W, C / 32)
    {"kernel": K, "seconds": S}     ->  median microseconds of a call
"""

import json
import os
import sys
import time

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_USE_LEGACY_KERAS="1", CUDA_VISIBLE_DEVICES="")

import flatbuffers
import larq
import larq_compute_engine
import numpy as np
import tensorflow as tf
from larq_compute_engine.tflite.python.interpreter import Interpreter
from tensorflow.lite.python import schema_py_generated as schema

KERNELS = {"default": False, "indirect BGEMM": True}  # whether it is use_indirect_bgemm


def converted(weight: np.ndarray, shape: tuple[int, ...]) -> bytes:
    """Two binary convolutions, so that the first has packed output."""
    given = x = tf.keras.Input(shape)
    for _ in range(2):
        x = larq.layers.QuantConv2D(
            weight.shape[3], 3, padding="same", pad_values=1.0, use_bias=False,
            input_quantizer="ste_sign", kernel_quantizer="ste_sign",
        )(x)  # fmt: skip
        x = tf.keras.layers.BatchNormalization(scale=False)(x)
    model = tf.keras.Model(given, x)
    model.layers[1].set_weights([weight])
    return larq_compute_engine.convert_keras_model(model)


def first_convolution(content: bytes) -> bytes:
    """A model of that op alone, packed signs in and out."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    names = [model.operatorCodes[op.opcodeIndex].customCode for op in graph.operators]
    op = graph.operators[names.index(b"LceBconv2d")]
    graph.operators, graph.inputs, graph.outputs = [op], [op.inputs[0]], list(op.outputs)
    model.signatureDefs = None
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def packed(x: np.ndarray) -> np.ndarray:
    """Signs to words of 32: 1 is negative, the first channel the lowest bit."""
    return np.packbits(x < 0, axis=-1, bitorder="little").view(np.int32)


def seconds_of_call(side: Interpreter, x: np.ndarray, seconds: float) -> float:
    """The median, the first call left out."""
    taken: list[float] = []
    side.interpreter.predict([x])
    end = time.perf_counter() + seconds
    while len(taken) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        side.interpreter.predict([x])
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main() -> None:
    """Answers until the input ends."""
    print(json.dumps(larq_compute_engine.__version__), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "folder" in request:
            folder = request["folder"]
            x = np.load(f"{folder}/x.npy")
            model = first_convolution(converted(np.load(f"{folder}/weight.npy"), x.shape[1:]))
            signs = packed(x)
            sides = {name: Interpreter(model, 1, False, how) for name, how in KERNELS.items()}
            for name, side in sides.items():
                np.save(f"{folder}/{name}.npy", side.interpreter.predict([signs])[0])
            answer: object = list(sides)
        else:
            answer = 1e6 * seconds_of_call(sides[request["kernel"]], signs, request["seconds"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
