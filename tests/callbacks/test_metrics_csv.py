"""metrics.csv is one table, also after a resume."""

import csv

from full_disk import files_up_to

from xnorkit.callbacks.metrics_csv import MetricsCSV


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def log(folder, steps, name="loss"):
    logger = MetricsCSV(folder)
    logger.log_hyperparams({"lr": 1})
    for step in steps:
        logger.log_metrics({name: float(step)}, step)
    logger.finalize("success")


def test_the_file_is_in_the_run_folder_and_nothing_else_is(tmp_path):
    log(tmp_path, range(3))
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]
    assert [row["loss"] for row in rows(tmp_path)] == ["0.0", "1.0", "2.0"]


def test_a_resumed_run_continues_the_table(tmp_path):
    log(tmp_path, range(3))
    log(tmp_path, range(3, 5))
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2", "3", "4"]


def test_steps_that_are_done_again_replace_their_rows(tmp_path):
    log(tmp_path, range(5))
    log(tmp_path, range(2, 4))
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2", "3"]


def test_a_new_column_in_a_resumed_run_leaves_old_rows_empty(tmp_path):
    log(tmp_path, range(2))
    log(tmp_path, [2], name="acc")
    assert [row["acc"] for row in rows(tmp_path)] == ["", "", "2.0"]
    assert [row["loss"] for row in rows(tmp_path)] == ["0.0", "1.0", ""]


def test_step_is_the_first_column_and_layers_are_the_last_also_in_an_older_file(tmp_path):
    (tmp_path / "metrics.csv").write_text("binary/a/alpha,step,train/acc\n0.5,0,0.25\n")
    log(tmp_path, [1], name="binary/a/alpha")
    first, *rest = (tmp_path / "metrics.csv").read_text().splitlines()
    assert first == "step,train/acc,binary/a/alpha"
    assert rest == ["0,0.25,0.5", "1,,1.0"]


def test_nothing_logged_is_no_file(tmp_path):
    log(tmp_path, [])
    assert not (tmp_path / "metrics.csv").exists()


def test_on_a_full_disk_the_file_ends_and_a_resumed_run_continues_it(tmp_path, caplog):
    log(tmp_path, range(3))
    size = (tmp_path / "metrics.csv").stat().st_size
    with files_up_to(size + 3):  # in the midst of a row
        log(tmp_path, range(3, 40))
    assert "metrics.csv: nothing more is logged there (File too large)." in caplog.text
    log(tmp_path, range(3, 5))
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2", "3", "4"]
