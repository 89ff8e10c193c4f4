"""A report with every kind of number in it, none of which was measured."""

from dataclasses import replace

from xnorkit.deploy.agreement import LayerCheck
from xnorkit.deploy.report.bandwidth import Traffic
from xnorkit.deploy.report.latency import Ratio
from xnorkit.deploy.report.record import (
    Agreement,
    Machine,
    Report,
    Side,
    Sizes,
    Speed,
    Subject,
)
from xnorkit.deploy.report.sides import Answers, Missing


def side(name, model, p50, ratio=None, **others):
    values = {"p95": p50 + 10, "p99": p50 + 20, "samples": 300, "calls_per_sample": 1}
    values |= {"throughput": 64e6 / p50, "answers": None}
    return Side(name=name, model=model, p50=p50, ratio=ratio, **(values | others))


SPEED = Speed(
    threads=1,
    rounds=15,
    batch=64,
    sides=(
        side("xnorkit", "engine", 250.0),
        side(
            "torch eager", "network", 3750.0, Ratio(15.0, 14.5, 15.25),
            answers=Answers(0.0, 1.0, True),
        ),
        side(
            "ONNX Runtime int8", "float twin", 900.0, Ratio(3.6, 3.5, 3.75), throughput=None,
            answers=Answers(0.5, 0.75, False),
        ),
    ),
    missing=(Missing("LiteRT float32", "not installed: pip install litert-torch"),),
    steps={"stem": 50.0, "blocks.0.layer": 180.0, "head": 2.5},
    kernels={"blocks.0.layer": "lut-pair"},
    traffic=Traffic(20e9, 3_000_000, {"blocks.0.layer": 2_700_000}),
)  # fmt: skip

REPORT = Report(
    subject=Subject(
        "xnor_kws_cnn_words, embedded subset", "words, embedded subset", "ships with xnorkit",
        "XNOR", "KWSCNN on 1x40x101",
    ),
    agreement=Agreement("test", 408, 0.9, 0.9025, 0.9975, 3, 1e-4, 7, 2e-3, 2e-5, False, "stem"),
    layers=(LayerCheck("blocks.0.layer", True, 1000, 0, 2000, 0),
            LayerCheck("blocks.1.layer", False, 1000, 0, 2000, 7)),
    labels=("yes", "no"),
    confusion=((200, 4), (36, 168)),
    sizes=Sizes(1000, 1000, 24000, {"stem": 600, "blocks.0.layer": 300, "program and labels": 100},
                {"stem": 8000, "blocks.0.layer": 16000}),
    speed=SPEED,
    machine=Machine("Some CPU", "x86_avx2", "g++ 12.2", {"torch": "2.13", "xnorkit": "0.1"}),
)  # fmt: skip

EXACT = replace(
    REPORT,
    agreement=Agreement("test", 408, None, None, 1.0, 0, 1e-4, 0, 0.0, 0.0, True, None),
    confusion=(),
    speed=None,
)
