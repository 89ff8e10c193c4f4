"""The terminal shows what matters."""

import io
import logging
import threading
import warnings

from xnorkit.cli.quiet import WithoutOverrides, silence


def test_hydras_line_of_overrides_is_left_out():
    stream = io.StringIO()
    filtered = WithoutOverrides(stream)
    filtered.write("Error executing job with overrides: ['a=1']\n")
    filtered.write("a real message\n")
    assert stream.getvalue() == "a real message\n"
    assert filtered.isatty() is False


def test_pointless_warnings_are_silent_and_others_are_not():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        silence()
        warnings.warn("The 'train_dataloader' does not have many workers\nwhich", stacklevel=1)
        warnings.warn("conv1 has one input channel: it is not centred", stacklevel=1)
    assert [str(w.message)[:5] for w in seen] == ["conv1"]


def test_lightning_logs_to_the_root_logger_without_its_tips(caplog):
    silence()
    with caplog.at_level(logging.INFO):
        logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
        logger.info("💡 Tip: buy our cloud")
        logger.info("GPU available: False")
    assert caplog.messages == ["GPU available: False"]
    assert not logging.getLogger("lightning.pytorch").handlers


def test_a_thread_that_cant_write_is_silent_and_one_with_a_bug_is_not(capsys, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    silence()

    def run(error):
        threading.excepthook(threading.ExceptHookArgs((type(error), error, None, None)))

    run(OSError(28, "No space left on device"))
    assert capsys.readouterr().err == ""
    run(RuntimeError("a bug"))
    assert "RuntimeError: a bug" in capsys.readouterr().err
