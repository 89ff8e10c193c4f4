"""A signal ends training where it can be resumed bit for bit."""

import pickle
import signal

import pytest
import torch
from runs import SignalAt, composed, tiny

from xnorkit.callbacks.graceful_stop import GracefulStop, Stopped, stop_at_once
from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.train import run_job

STEPS = 6  # two epochs of three batches


def signal_at(step, signum=signal.SIGINT, **options):
    given = {"step": step, "signum": int(signum), **options}
    arguments = ",".join(f"{name}:{value}" for name, value in given.items())
    return f"+callbacks.signal={{_target_:runs.SignalAt,{arguments}}}"


def run(folder, tones, *overrides):
    options = ["logger=none", "callbacks=none", "network.dropout=0.5", *overrides]
    run_job(composed(folder, *tiny(tones, *options)))
    return torch.load(RunFolder(folder).last, weights_only=True)


def resumed(folder, tones):
    typed = [f"resume={folder}", "+callbacks.signal=null"]  # this time no signal comes
    run_job(composed(folder, f"data.root={tones}", "data=audio_folder", *typed), typed)
    return torch.load(RunFolder(folder).last, weights_only=True)


@pytest.fixture(scope="module")
def unbroken(tones, tmp_path_factory):
    return run(tmp_path_factory.mktemp("unbroken"), tones, "test=false")


def assert_same_training(checkpoint, other):
    assert checkpoint["global_step"] == other["global_step"] == STEPS
    for name, value in other["state_dict"].items():
        assert torch.equal(checkpoint["state_dict"][name], value), name
    mine, its = checkpoint["optimizer_states"][0]["state"], other["optimizer_states"][0]["state"]
    for index, state in its.items():
        assert torch.equal(mine[index]["exp_avg_sq"], state["exp_avg_sq"])


@pytest.mark.parametrize(
    "step",
    [1, 2, *(pytest.param(step, marks=pytest.mark.slow) for step in (0, 3, 4, 5))],
    ids="step{}".format,
)
def test_a_run_stopped_anywhere_and_resumed_equals_the_unbroken_one(
    step, unbroken, tones, tmp_path
):
    with pytest.raises(Stopped) as stopped:
        run(tmp_path, tones, "test=false", signal_at(step))
    assert stopped.value.code == 130
    saved = torch.load(RunFolder(tmp_path).last, weights_only=True)
    assert saved["global_step"] == step + 1
    assert_same_training(resumed(tmp_path, tones), unbroken)


def test_drawn_signs_are_those_of_the_unbroken_run_too(tones, tmp_path):
    drawn = ["model=binarynet", "model.weight_quant_mode=stochastic",
             "model.activation_quant_mode=stochastic", "test=false"]  # fmt: skip
    whole = run(tmp_path / "whole", tones, *drawn)
    with pytest.raises(Stopped):
        run(tmp_path / "broken", tones, *drawn, signal_at(1))
    assert_same_training(resumed(tmp_path / "broken", tones), whole)


def test_last_is_of_the_last_epoch_also_where_best_is_older(tones, tmp_path):
    # With lr=0 BatchNorm's statistics still improve, so by this measure the first epoch is best.
    last = run(tmp_path, tones, "optimizer.lr=0", "callbacks.checkpoint.mode=min", "test=false")
    best = torch.load(RunFolder(tmp_path).best, weights_only=True)
    assert (best["global_step"], last["global_step"]) == (3, STEPS)


def test_sigterm_exits_with_143(tones, tmp_path):
    with pytest.raises(Stopped) as stopped:
        run(tmp_path, tones, signal_at(1, signal.SIGTERM))
    assert stopped.value.code == 143
    assert RunFolder(tmp_path).last.is_file()


def test_the_second_signal_interrupts_at_once(tones, tmp_path):
    with pytest.raises(Stopped):
        run(tmp_path, tones, signal_at(1, times=2, seconds_apart=0.6))
    assert not RunFolder(tmp_path).last.exists()


def test_one_press_that_arrives_twice_is_one_signal(tones, tmp_path):
    with pytest.raises(Stopped):
        run(tmp_path, tones, signal_at(1, times=2))
    assert RunFolder(tmp_path).last.is_file()


def test_with_accumulation_the_optimiser_step_is_finished(tones, tmp_path):
    with pytest.raises(Stopped):
        run(tmp_path, tones, "trainer.accumulate_grad_batches=2", signal_at(0))
    saved = torch.load(RunFolder(tmp_path).last, weights_only=True)
    assert saved["global_step"] == 1


def test_the_handlers_of_before_are_back_afterwards(tones, tmp_path):
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Stopped):
        run(tmp_path, tones, signal_at(1))
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


def test_outside_of_training_a_signal_raises_at_once():
    previous = stop_at_once()
    try:
        with pytest.raises(Stopped) as stopped:
            signal.raise_signal(signal.SIGINT)
        assert stopped.value.code == 130
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def test_stopped_and_the_callback_survive_pickling(tmp_path):
    assert pickle.loads(pickle.dumps(Stopped(15))).code == 143
    assert pickle.loads(pickle.dumps(GracefulStop(tmp_path))).last == tmp_path / "last.ckpt"


def test_the_test_sends_what_it_says():
    assert SignalAt(0, signal.SIGINT).times == 1
