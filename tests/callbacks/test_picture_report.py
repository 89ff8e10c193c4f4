import json

import pytest

from xnorkit.callbacks import picture_report
from xnorkit.networks import Compressor
from xnorkit.schemes import Float
from xnorkit.tasks.compression import PictureResult

RATIO = Compressor(Float(), channels=1, planes=192).element_ratio(304, 302)
RESULTS = {
    "cat": PictureResult(304, 302, 30.0, 0.9, 4000, RATIO),
    "dot": PictureResult(10, 20, 20.0, None, 100, 0.5),
}


def cells(page, name):
    [line] = [line for line in page.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_has_the_ratio_in_elements_in_bits_and_in_bytes_on_disk():
    page = picture_report.markdown("Waves", "computed", RESULTS)
    assert page.startswith("# Compression: Waves\n\nTest split, computed.")
    row = cells(page, "cat")
    assert row[:6] == ["cat", "302x304", "30.00", "0.9000", "4,000", f"{32000 / 302 / 304:.4f}"]
    elements, of_floats, of_bytes, of_file = map(float, row[6:])
    assert elements == pytest.approx(0.25165562913907286, abs=1e-5)
    assert of_floats == pytest.approx(0.25165562913907286 / 32, abs=1e-6)
    assert of_bytes == pytest.approx(0.25165562913907286 / 8, abs=1e-5)
    assert of_file == pytest.approx(4000 / (3 * 302 * 304), abs=1e-5)


def test_means_are_over_pictures_and_of_similarity_over_those_that_have_one():
    assert picture_report.means(RESULTS) == {
        "psnr": 25.0,
        "ms_ssim": 0.9,
        "bpp": pytest.approx((32000 / 302 / 304 + 800 / 200) / 2),
    }
    assert picture_report.means({"dot": RESULTS["dot"]})["ms_ssim"] is None
    page = picture_report.markdown("Waves", "computed", RESULTS)
    assert cells(page, "dot")[3] == "-"
    assert cells(page, "mean")[2:4] == ["25.00", "0.9000"]


def test_both_files_are_written_and_the_json_holds_every_picture(tmp_path):
    picture_report.write(tmp_path / "report", "Waves", "computed", RESULTS)
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [picture["name"] for picture in found["pictures"]] == ["cat", "dot"]
    assert found["pictures"][0]["nbytes"] == 4000
    assert found["mean"]["psnr"] == 25.0
    assert (tmp_path / "report" / "report.md").read_text().startswith("# Compression")
