"""What TensorBoard gets of a report."""

import pytest
from sample_reports import EXACT, REPORT

from xnorkit.deploy.report.board import log, scalars


class Writer:
    def __init__(self):
        self.scalars, self.images, self.texts = {}, {}, {}

    def add_scalar(self, name, value, step):
        self.scalars[name, step] = value

    def add_image(self, name, image, step, dataformats):
        assert dataformats == "HWC"
        self.images[name, step] = image

    def add_text(self, name, text, step):
        self.texts[name, step] = text


def test_everything_is_written_below_deploy_at_the_step():
    writer = Writer()
    log(REPORT, writer, 40)
    assert writer.scalars["deploy/latency_us", 40] == 250
    assert set(writer.images) == {
        (f"deploy/{name}", 40) for name in ("latency", "sizes", "agreement", "confusion")
    }
    assert all(image.shape[2] == 3 for image in writer.images.values())
    assert writer.texts["deploy/report", 40].startswith("# xnor_kws_cnn_words")


def test_scalars_are_those_of_the_report():
    assert scalars(REPORT) == pytest.approx(
        {
            "bytes": 1000,
            "agreement": 0.9975,
            "accuracy": 0.9025,
            "largest_difference": 2e-3,
            "latency_us": 250,
            "throughput": 256000,
            "times_engine/torch eager (network)": 15,
            "times_engine/ONNX Runtime int8 (float twin)": 3.6,
        }
    )


def test_what_is_not_known_is_no_scalar():
    assert set(scalars(EXACT)) == {"bytes", "agreement", "largest_difference"}
