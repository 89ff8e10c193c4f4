"""report.json says what its schema says, and the numbers are those of validation and file."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from sample_reports import EXACT, REPORT

from xnorkit.deploy.agreement import LayerCheck, Validation
from xnorkit.deploy.report.record import SCHEMA, agreement_of, sizes_of

schema = json.loads(SCHEMA.read_text(encoding="utf-8"))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("report", [REPORT, EXACT], ids=["full", "not timed"])
def test_what_is_written_is_as_the_schema_says(report, tmp_path):
    report.write(tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(written, schema)
    assert written == report.to_json()


def objects(node, path=""):
    """Every object of a schema that lists its properties."""
    if isinstance(node, dict):
        if "properties" in node:
            yield path, node
        for key, value in node.items():
            yield from objects(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from objects(value, f"{path}/{index}")


@pytest.mark.parametrize(("path", "node"), list(objects(schema)), ids=lambda value: str(value)[:40])
def test_the_schema_describes_every_key_and_allows_no_other(path, node):
    assert node["additionalProperties"] is False
    assert set(node["required"]) == set(node["properties"])
    for key, value in node["properties"].items():
        assert value.get("description"), f"{path}: {key} is not described"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_null(value, tmp_path):
    report = replace(REPORT, agreement=replace(REPORT.agreement, largest_difference=value))
    report.write(tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert written["agreement"]["largest_difference"] is None
    jsonschema.validate(written, schema)


def test_a_missing_key_is_found():
    node = REPORT.to_json()
    del node["speed"]["sides"][0]["p99"]
    with pytest.raises(jsonschema.ValidationError, match="p99"):
        jsonschema.validate(node, schema)


def test_agreement_is_what_validation_has_counted():
    found = Validation([LayerCheck("a", True), LayerCheck("b", True)], None, 10, 8, 2, 7, 6, 1e-5)
    found.confusion = np.array([[6, 1], [3, 0]])
    told = agreement_of(found)
    assert (told.torch_accuracy, told.engine_accuracy) == (0.7, 0.6)
    assert (told.top1, told.ties, told.samples) == (1.0, 2, 10)
    assert told.exact
    assert told.split == "test"


def test_without_labels_there_is_no_accuracy():
    told = agreement_of(Validation([], "stem", 10, 10))
    assert told.torch_accuracy is told.engine_accuracy is None
    assert not told.exact


def test_parts_of_the_file_add_up_to_it():
    specs = {
        "stem.weight": ("float32", (4, 3, 3, 1)),
        "blocks.0.layer.weight": ("uint8", (4, 5)),
        "blocks.0.layer.threshold": ("int32", (4,)),
    }
    sizes = sizes_of(500, specs, {"stem": 160, "head": 40}, stated=480)
    assert sizes.file_parts == {"stem": 144, "blocks.0.layer": 36, "program and labels": 320}
    assert sum(sizes.file_parts.values()) == sizes.file == 500
    assert (sizes.float32, sizes.stated) == (200, 480)


def test_the_engine_is_the_first_side():
    assert REPORT.engine.name == "xnorkit"
    assert EXACT.engine is None
