"""One table of a sweep, whatever the order in which its jobs end, and whether they do."""

import csv
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobStatus
from omegaconf import OmegaConf

from xnorkit.cli import comparison
from xnorkit.cli.comparison import COLUMNS, Comparison, add_row, groups, markdown, read_rows
from xnorkit.cli.run_folder import RunFolder


def row(job, run, seed, acc=None, error=""):
    values = {"job": job, "run": run, "seed": seed, "status": "failed" if error else "done"}
    values |= {"test/acc": acc, "val/acc": acc, "packed_bytes": 1000, "float_bytes": 32000}
    values |= {"data": "words, embedded subset", "error": error}
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
    assert cells == ["model=xnor", "1 2", "85.0 ± 7.1", "85.0 ± 7.1", "1,000", "32,000", ""]
    assert found[0].cells()[2:] == ["95.0", "95.0", "1,000", "32,000", "1"]
    assert found[2].cells()[1:] == ["-", "-", "-", "-", "-", "1"]


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
    run.write_result({"test/acc": 0.75, "val/acc": 0.5, "packed_bytes": 7, "data": "words"})
    Comparison().on_job_end(**ended(tmp_path))
    [found] = read_rows(tmp_path)
    assert (found["run"], found["seed"]) == ("model=xnor widths=[8,8]", "3")
    assert (found["status"], found["test/acc"], found["data"]) == ("done", "0.75", "words")


def test_a_job_that_failed_is_a_row_too(tmp_path):
    Comparison().on_job_end(**ended(tmp_path, status=JobStatus.FAILED, value=ValueError("a\n b")))
    [found] = read_rows(tmp_path)
    assert (found["status"], found["error"]) == ("failed", "a b")


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
