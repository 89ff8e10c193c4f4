"""xnorkit.features.frontend: the three steps in a row."""

import copy

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from xnorkit import draws
from xnorkit.features import Augment, Frontend, LogMel
from xnorkit.resources import CONF_DIR

SAMPLES = 4000


def waveforms(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    level = 10 ** (1 + 3 * torch.rand(count, 1, generator=generator))
    return (level * torch.randn(count, SAMPLES, generator=generator)).clamp(-32768, 32767).short()


def keys(count, epoch=0):
    return draws.key(3, epoch, torch.arange(count), "sample")


def frontend(augment=True, **options):
    result = Frontend(LogMel(samples=SAMPLES, n_mels=20), Augment(**options) if augment else None)
    result.set_noise(waveforms(1, seed=5).flatten().repeat(3))
    result.fit_statistics([waveforms(16, seed=8)])
    return result


def test_features_have_the_stated_shape_and_are_standardised():
    features = frontend().eval()(waveforms(16, seed=8))
    assert features.shape == (16, *frontend().output_shape) == (16, 1, 20, 26)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features.mean(dim=(0, 3)), torch.zeros(1, 20), atol=1e-4, rtol=0)


def test_int16_and_full_scale_float_give_the_same():
    front, clips = frontend().eval(), waveforms(4)
    assert torch.equal(front(clips), front(clips / 32768))


@pytest.mark.parametrize("training", [False, True])
def test_features_of_a_sample_do_not_depend_on_its_batch(training):
    front, clips, key = frontend(speed=0.1).train(training), waveforms(9), keys(9)
    together = front(clips, key)
    for index in (0, 8):
        alone = front(clips[index : index + 1], key[index : index + 1])
        torch.testing.assert_close(alone[0], together[index], atol=1e-4, rtol=0)


def test_the_same_batch_gives_the_same_bits_again():
    front, clips, key = frontend(speed=0.1), waveforms(5), keys(5)
    first = front(clips, key)
    torch.manual_seed(99)
    assert torch.equal(copy.deepcopy(front)(clips, key), first)


def test_only_training_with_keys_augments():
    front, clips = frontend(), waveforms(5)
    plain = front.eval()(clips)
    assert torch.equal(front.eval()(clips, keys(5)), plain)
    assert torch.equal(front.train()(clips), plain)
    assert not torch.equal(front.train()(clips, keys(5)), plain)
    assert torch.equal(frontend(augment=False).train()(clips, keys(5)), plain)


def test_masks_are_in_frames_of_this_hop():
    only_masks = {"shift_ms": 0, "gain_db": 0, "noise_probability": 0, "frequency_masks": 0}
    front, clips = frontend(**only_masks, time_masks=1, time_mask_ms=40), waveforms(200)
    masked = (front(clips, keys(200)) == 0).all(dim=2).sum(dim=2)
    assert set(masked.flatten().tolist()) == {0, 1, 2, 3, 4}  # hop 10 ms


@pytest.mark.parametrize("length", [1, 300, SAMPLES])
def test_noise_shorter_than_a_clip_is_repeated(length):
    front = frontend(noise_probability=1, shift_ms=0, gain_db=0, time_masks=0, frequency_masks=0)
    noise = waveforms(1, seed=5)[0, :length]
    front.set_noise(noise)
    assert len(front.noise) >= SAMPLES
    assert torch.equal(front.noise[:length], noise)
    assert torch.isfinite(front(waveforms(2), keys(2))).all()


def test_silent_clips_and_silent_noise_stay_finite():
    front = frontend(noise_probability=1, speed=0.1)
    assert torch.isfinite(front(torch.zeros(3, SAMPLES, dtype=torch.int16), keys(3))).all()
    front.set_noise(torch.zeros(SAMPLES, dtype=torch.int16))
    assert torch.isfinite(front(waveforms(3), keys(3))).all()


def test_autocast_does_not_touch_the_features():
    front, clips, key = frontend(), waveforms(4), keys(4)
    plain = front(clips, key)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(front(clips, key), plain)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_of_another_precision_keeps_a_float32_frontend(dtype):
    front, clips = frontend(), waveforms(4)
    plain = front(clips, keys(4))
    outer = torch.nn.ModuleList([front]).to(dtype)
    try:
        torch.set_default_dtype(dtype)  # as Lightning does for precision=16-true
        assert torch.equal(outer[0](clips, keys(4)), plain)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_checkpoint_holds_the_statistics_and_no_recordings():
    fitted, other = frontend(), Frontend(LogMel(samples=SAMPLES, n_mels=20))
    state = fitted.state_dict()
    assert "noise" not in dict(fitted.named_buffers())  # DDP sends buffers before every forward
    assert set(state) == {"standardise.mean", "standardise.std", "standardise.count"}
    other.load_state_dict(state)
    assert torch.equal(other(waveforms(3)), fitted(waveforms(3)))


def test_statistics_come_from_unaugmented_clips():
    clips = waveforms(16, seed=8)
    front = frontend(gain_db=20).train()
    front.fit_statistics(iter([clips[:7], clips[7:] / 32768]))
    torch.testing.assert_close(front.standardise.mean, frontend().standardise.mean)


def test_noise_follows_the_module_to_its_device():
    front = frontend().to("meta")
    assert front.noise.device.type == "meta"
    assert front.noise.dtype == torch.int16


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (torch.zeros(2, 8000, dtype=torch.int16), r"\(2, 8000\): expected is \(N, 4000\)"),
        (torch.zeros(SAMPLES, dtype=torch.int16), r"\(4000,\): expected is \(N, 4000\)"),
        (torch.zeros(2, 1, SAMPLES), r"\(2, 1, 4000\): expected is \(N, 4000\)"),
        (torch.zeros(2, SAMPLES, dtype=torch.int32), "torch.int32: expected is int16"),
    ],
)
def test_waveforms_of_the_wrong_kind_are_refused(batch, said):
    with pytest.raises(ValueError, match=said):
        frontend()(batch)


@pytest.mark.parametrize("key", [torch.zeros(3, dtype=torch.int64), torch.zeros(2)])
def test_keys_that_do_not_fit_the_batch_are_refused(key):
    with pytest.raises(ValueError, match=r"expected is \(2,\), torch.int64"):
        frontend()(waveforms(2), key)


def test_features_before_any_statistics_are_refused():
    with pytest.raises(RuntimeError, match="fit_statistics"):
        Frontend(LogMel(samples=SAMPLES, n_mels=20))(waveforms(1))


@pytest.mark.parametrize(
    ("option", "value"), [("shift_ms", 251), ("time_mask_ms", 300), ("frequency_mask_bins", 21)]
)
def test_augmentation_wider_than_the_clip_is_refused(option, value):
    with pytest.raises(ValueError, match=rf"augment\.{option}={value}: a clip has"):
        frontend(**{option: value})


def test_feature_parameters_are_those_of_the_spectrogram():
    front = frontend()
    assert front.parameters_dict() == front.log_mel.parameters_dict()


@pytest.mark.parametrize(
    ("data", "override", "shape"),
    [
        ("speech_commands", "data.features.log_mel.hop_ms=20", (1, 40, 51)),
        ("audio_folder", "data.samples=8000", (1, 40, 51)),
        ("audio_folder", "data.features.log_mel.n_mels=20", (1, 20, 101)),
    ],
)
def test_the_configured_features_fit_the_data_sets_clips(data, override, shape):
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose(f"data/{data}", [override])
    front = instantiate(config.data.features)
    assert front.output_shape == shape
    assert isinstance(front.augment, Augment)
