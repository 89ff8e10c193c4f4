"""One table of a sweep, whatever the order in which its jobs end, and whether they do."""

import csv
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobStatus
from omegaconf import OmegaConf

from xnorkit.cli import comparison
from xnorkit.cli.comparison import (
    COLUMNS,
    Comparison,
    add_row,
    figure,
    groups,
    markdown,
    read_rows,
    table,
)
from xnorkit.cli.run_folder import RunFolder


def row(job, run, seed, acc=None, error="", **deployed):
    values = {"job": job, "run": run, "seed": seed, "status": "failed" if error else "done"}
    values |= {"test/acc": acc, "val/acc": acc, "packed_bytes": 1000, "float_bytes": 32000}
    values |= {"data": "words, embedded subset", "error": error}
    values |= {f"deploy/{name}": value for name, value in deployed.items()}
    if error:
        values |= dict.fromkeys(("test/acc", "val/acc", "packed_bytes", "float_bytes", "data"), "")
    return {name: str(values.get(name, "")) for name in COLUMNS}


ROWS = [
    row(0, "epochs=2 model=xnor", 1, 0.80),
    row(1, "epochs=2 model=xnor", 2, 0.90),
    row(2, "epochs=2 model=float", 1, 0.95),
    row(3, "epochs=2 model=float", 2, error="no memory"),
    row(4, "epochs=2 model=bwn", 1, error="no memory"),
]


def test_seeds_are_averaged_and_the_best_comes_first():
    found = groups(ROWS)
    assert [group.name for group in found] == ["model=float", "model=xnor", "model=bwn"]
    cells = found[1].cells()
    # the deviation of a sample: sqrt((0.05² + 0.05²) / (2 - 1)) = 0.0707
    not_deployed, sizes = ["-", "-", "-"], ["1,000", "32,000"]
    accuracies = ["85.0 ± 7.1", "85.0 ± 7.1"]
    pictures = ["-", "-", "-"]
    assert cells == ["model=xnor", "1 2", *accuracies, *not_deployed, *sizes, *pictures, ""]
    assert found[0].cells()[2:] == ["95.0", "95.0", *not_deployed, *sizes, *pictures, "1"]
    assert found[2].cells()[1:] == ["-"] * 11 + ["1"]


DEPLOYED = [
    row(0, "model=xnor", 1, 0.8, bytes=999, latency_us=250.4, agreement=1.0),
    row(1, "model=xnor", 2, 0.9, bytes=999, latency_us=254.4, agreement=0.999),
    row(2, "model=float", 1, 0.95, bytes=32100, latency_us=4000, agreement=1.0),
    row(3, "model=bwn deploy=none", 1, 0.85),
]


def test_what_was_deployed_has_its_size_latency_and_agreement():
    found = {group.name: group.cells()[4:7] for group in groups(DEPLOYED)}
    # deviations of samples: 0.1 % / √2 and 4 µs / √2
    assert found["model=xnor"] == ["99.95 ± 0.07", "252 ± 3", "999"]
    assert found["model=float"] == ["100.00", "4,000", "32,100"]
    assert found["model=bwn deploy=none"] == ["-", "-", "-"]


def test_a_column_that_says_nothing_is_left_out():
    headings, rows = table(groups(ROWS[:3]))
    assert headings == ["run", "seeds", "test %", "val %", "packed B", "float B"]
    assert [len(cells) for cells in rows] == [6, 6]


def test_the_packed_size_gives_way_to_that_of_the_file():
    headings, _ = table(groups(DEPLOYED[:3]))
    assert headings[4:] == ["agree %", "p50 µs", "file B", "float B"]
    headings, _ = table(groups(DEPLOYED))  # one run has no file
    assert headings[4:] == ["agree %", "p50 µs", "file B", "packed B", "float B"]


def test_the_figure_sets_accuracy_against_latency_where_something_was_deployed():
    assert len(figure(ROWS).axes) == 1
    _, pareto = figure(DEPLOYED).axes
    shown = {text.get_text() for text in pareto.texts}
    assert shown == {"model=xnor\n999 B", "model=float\n32,100 B"}


def test_compressions_have_quality_and_rate_and_the_best_comes_first():
    rows = [
        dict.fromkeys(COLUMNS, "")
        | {"job": str(i), "run": f"planes={p}", "seed": "1", "status": "done", "val/psnr": "9"}
        | {"test/psnr": str(psnr), "test/ms_ssim": "0.875", "test/bpp": str(p / 256)}
        for i, (p, psnr) in enumerate([(32, 21.5), (64, 23.25)])
    ]
    headings, cells = table(groups(rows))
    assert headings == ["run", "seeds", "PSNR dB", "MS-SSIM", "bits/px"]
    assert cells == [
        ["planes=64", "1", "23.25", "0.8750", "0.250"],
        ["planes=32", "1", "21.50", "0.8750", "0.125"],
    ]
    [axes] = figure(rows).axes
    points = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert points == {"planes=64": [[0.25, 23.25]], "planes=32": [[0.125, 21.5]]}


def test_a_table_of_an_older_version_is_read(tmp_path):
    (tmp_path / "comparison.csv").write_text("job,run,seed,status,test/acc\n0,a=1,1,done,0.5\n")
    add_row(tmp_path, DEPLOYED[1])
    assert [r["deploy/bytes"] for r in read_rows(tmp_path)] == ["", "999"]
    assert "| a=1 | 1 | 50.0 |" in (tmp_path / "comparison.md").read_text()


def test_the_page_names_the_data_and_why_jobs_failed():
    page = markdown(ROWS)
    assert page.startswith("# Comparison: words, embedded subset\n")
    assert "- job 3 (model=float seed=2) failed: no memory" in page
    assert "| model=xnor | 1 2 | 85.0 ± 7.1 |" in page


def test_all_three_files_are_written_after_every_job(tmp_path):
    for index in (2, 0, 1):
        add_row(tmp_path, ROWS[index])
        assert {"comparison.md", "comparison.csv", "comparison.png"} <= {
            path.name for path in tmp_path.iterdir()
        }
    assert [r["job"] for r in read_rows(tmp_path)] == ["0", "1", "2"]
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_job_that_ran_again_replaces_its_row(tmp_path):
    add_row(tmp_path, ROWS[3])
    add_row(tmp_path, ROWS[3] | {"status": "done", "error": ""})
    assert [r["status"] for r in read_rows(tmp_path)] == ["done"]


def test_jobs_that_end_together_lose_no_row(tmp_path):
    many = [row(job, "model=xnor", job, 0.5) for job in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda r: add_row(tmp_path, r), many))
    with (tmp_path / "comparison.csv").open() as file:
        assert [int(r["job"]) for r in csv.DictReader(file)] == list(range(12))


def ended(folder, mode="MULTIRUN", status=JobStatus.COMPLETED, value=None):
    """What hydra hands to on_job_end."""
    hydra = SimpleNamespace(
        mode=SimpleNamespace(name=mode),
        sweep=SimpleNamespace(dir=str(folder)),
        runtime=SimpleNamespace(output_dir=str(folder / "0_xnor")),
        job=SimpleNamespace(num=0),
    )
    overrides = ["model=xnor", "seed=3", "hydra.verbose=true", "widths=[8, 8]"]
    return {
        "config": SimpleNamespace(hydra=hydra, get={"seed": 3}.get),
        "job_return": SimpleNamespace(overrides=overrides, status=status, _return_value=value),
    }


def test_a_job_that_ended_well_brings_its_result(tmp_path):
    run = RunFolder(tmp_path / "0_xnor")
    run.path.mkdir()
    run.write_result(
        {"test/acc": 0.75, "val/acc": 0.5, "deploy/latency_us": 9.5, "packed_bytes": 7}
        | {"data": "words"}
    )
    Comparison().on_job_end(**ended(tmp_path))
    [found] = read_rows(tmp_path)
    assert (found["run"], found["seed"]) == ("model=xnor widths=[8,8]", "3")
    assert (found["status"], found["test/acc"], found["data"]) == ("done", "0.75", "words")
    assert (found["deploy/latency_us"], found["deploy/bytes"]) == ("9.5", "")


def test_a_job_that_failed_is_a_row_too(tmp_path):
    Comparison().on_job_end(**ended(tmp_path, status=JobStatus.FAILED, value=ValueError("a\n b")))
    [found] = read_rows(tmp_path)
    assert (found["status"], found["error"]) == ("failed", "a …")


def test_a_job_whose_deploy_failed_keeps_its_accuracy(tmp_path):
    run = RunFolder(tmp_path / "0_xnor")
    run.path.mkdir()
    run.write_result({"test/acc": 0.75, "val/acc": 0.5, "packed_bytes": 7, "data": "words"})
    failed = {"status": JobStatus.FAILED, "value": ValueError("deploy: no room.")}
    Comparison().on_job_end(**ended(tmp_path, **failed))
    page = (tmp_path / "comparison.md").read_text()
    assert "| 3 | 75.0 | 50.0 | 7 | 1 |" in page
    assert "failed: deploy: no room. (0_xnor/train.log)" in page


def test_a_single_run_has_no_comparison(tmp_path):
    Comparison().on_job_end(**ended(tmp_path, mode="RUN"))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def no_sweep():
    comparison._sweep.clear()
    yield
    comparison._sweep.clear()


@pytest.mark.usefixtures("no_sweep")
def test_the_sweep_of_this_process_is_remembered(tmp_path):
    assert comparison.last_sweep() is None
    Comparison().on_multirun_start(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}))
    assert comparison.last_sweep() is None  # no job has ended yet
    add_row(tmp_path, ROWS[0])
    assert comparison.last_sweep() == tmp_path
