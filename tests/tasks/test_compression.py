"""Metrics are those of the file, by numpy; what can't work is refused."""

import numpy as np
import pytest
import torch
from tiny_pictures import Waves, task, trainer, waves

from xnorkit.codec import PictureCodec
from xnorkit.tasks import Compression


def test_training_lowers_the_loss_and_every_split_has_its_metrics(tmp_path):
    run, module = trainer(tmp_path), task()
    run.fit(module, datamodule=Waves(crops=64))
    before = run.callback_metrics["train/psnr"].item()
    run = trainer(tmp_path, max_epochs=15)
    run.fit(module, datamodule=Waves(crops=64))
    found = run.callback_metrics
    assert {"train/loss", "train/psnr", "val/psnr", "val/bpp"} <= found.keys()
    assert "val/ms_ssim" not in found  # 40x50 is too small for it
    assert found["train/psnr"] > before + 1
    [tested] = run.test(module, datamodule=Waves(), verbose=False)
    assert {"test/psnr", "test/ms_ssim", "test/bpp"} <= tested.keys()
    small, large = module.test_pictures
    assert tested["test/psnr"] == pytest.approx((small.psnr + large.psnr) / 2)
    assert tested["test/ms_ssim"] == pytest.approx(large.ms_ssim)
    assert tested["test/bpp"] == pytest.approx((small.bpp + large.bpp) / 2)


def test_the_results_are_those_of_the_file_written_and_read_again():
    module, picture = task().eval(), waves(180, 200, 3)
    [result] = module.results(torch.from_numpy(picture)[None])
    codec = PictureCodec(module.network)
    file = codec.encode(picture)
    error = np.mean((codec.decode(file) / 255.0 - picture / 255.0) ** 2)
    assert result.psnr == pytest.approx(-10 * np.log10(error), abs=1e-4)
    assert result.nbytes == len(file)
    assert result.bpp == 8 * len(file) / (180 * 200)
    assert result.element_ratio == 16 * 12 * 13 / (3 * 180 * 200)
    assert 0 < result.ms_ssim < 1


def test_pictures_of_one_size_can_share_a_batch():
    module, pictures = task().eval(), np.stack([waves(20, 30, i) for i in range(3)])
    together = module.results(torch.from_numpy(pictures))
    for picture, result in zip(pictures, together, strict=True):
        [alone] = module.results(torch.from_numpy(picture)[None])
        assert result.nbytes == alone.nbytes
        assert result.psnr == pytest.approx(alone.psnr, abs=1e-3)


def test_the_loss_is_the_mean_square_or_one_minus_the_similarity():
    batch = {"image": torch.from_numpy(np.stack([waves(176, 176, i) for i in range(2)]))}
    for loss in ("mse", "ms_ssim"):
        module = task(loss=loss)
        module.log = lambda *a, **k: None
        found = module.training_step(batch, 0)
        x = batch["image"].double() / 255
        y = module.network(batch["image"] / 255).double()
        if loss == "mse":
            assert found.item() == pytest.approx(((y - x) ** 2).mean().item(), rel=1e-5)
        else:
            assert 0 < found.item() < 1
            found.backward()
            assert all(p.grad.isfinite().all() for p in module.parameters())


def test_a_picture_that_comes_back_unchanged_would_have_no_ms_ssim_loss(monkeypatch):
    module = task(loss="ms_ssim")
    module.log = lambda *a, **k: None
    monkeypatch.setattr(module.network, "forward", lambda x: x)
    image = torch.from_numpy(waves(176, 176, 1))[None]
    assert module.training_step({"image": image}, 0).item() == pytest.approx(0, abs=1e-6)


def test_the_four_verbs_of_the_codec_are_the_networks():
    module, x = task().eval(), torch.rand(1, 3, 20, 40)
    bits = module.compress(x)
    assert torch.equal(bits, module.quantize(module.analyse(x)).to(torch.uint8))
    assert torch.equal(module.decompress(bits)[..., :20, :40], module(x).clamp(0, 1))


def test_the_start_screen_says_elements_and_bits():
    [(name, text)] = task().facts().items()
    assert name == "bottleneck"
    assert "16 bits for 16x16 pixels: 0.0208 elements" in text
    assert "0.00065 of its bits as float32, 0.062 bits a pixel" in text


class Other:
    def __init__(self, shape=None):
        if shape:
            self.shape = shape


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (Other(), {}, "Other gives no pictures, and it takes RGB. Take data=sample_images"),
        (Other((1, 8, 8)), {}, "Other gives pictures of 1 colour"),
        (Other((3, 175, 200)), {"loss": "ms_ssim"}, "of 175x200: its five scales need 176"),
    ],
)
def test_data_that_it_cannot_learn_from_are_refused(data, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Compression.check_data(data, options)
    Compression.check_data(Other((3, 176, 176)), {"loss": "ms_ssim"})


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="task.loss=psnr: choose mse or ms_ssim"):
        task(loss="psnr")
