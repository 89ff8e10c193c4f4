import pytest
from full_disk import files_up_to
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from xnorkit.callbacks.tensorboard import TensorBoard


def scalars(folder):
    events = EventAccumulator(str(folder)).Reload()
    return [scalar.value for scalar in events.Scalars("loss")]


def test_what_is_logged_is_read_by_tensorboard(tmp_path):
    logger = TensorBoard(tmp_path, name="run", version="")
    for step in range(3):
        logger.log_metrics({"loss": float(step)}, step)
    logger.finalize("success")
    assert scalars(tmp_path / "run") == [0.0, 1.0, 2.0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_on_a_full_disk_it_says_so_once_and_whatever_follows_is_silent(tmp_path, caplog):
    logger = TensorBoard(tmp_path, name="run", version="")
    logger.log_metrics({"loss": 1.0}, 0)
    logger.experiment.flush()
    with files_up_to(500):
        for step in range(1, 50):
            logger.log_metrics({"loss": 1.0}, step)
            logger.experiment.flush()
        logger.finalize("success")
        logger.log_metrics({"loss": 1.0}, 50)  # a test after the fit opens a file of its own
        logger.finalize("success")
    said = f"{tmp_path}/run: nothing more is logged there (File too large)."
    assert [record.getMessage() for record in caplog.records] == [said]
    assert scalars(tmp_path / "run")[0] == 1.0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_file_that_cant_even_be_begun_costs_nothing(tmp_path, caplog):
    with files_up_to(0):
        logger = TensorBoard(tmp_path, name="run", version="")
        logger.log_metrics({"loss": 1.0}, 0)
        logger.experiment.flush()
        logger.log_metrics({"loss": 1.0}, 1)
        logger.experiment.close()
    assert len(caplog.records) == 1
