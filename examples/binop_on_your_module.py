"""BinOp on a module that knows nothing of xnorkit: its inner layers become binary.

python examples/binop_on_your_module.py
"""

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from xnorkit import BinOp


class YourModule(LightningModule):
    """Plain float layers of torch; BinOp takes all but the first and the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.ReLU(),  # binary
            nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.ReLU(),  # binary
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2),
        )  # fmt: skip

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss, as in any module."""
        x, label = batch
        return nn.functional.cross_entropy(self.network(x), label)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Accuracy; BinOp has put binary weights in."""
        x, label = batch
        self.log("test/acc", (self.network(x).argmax(1) == label).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """It gets the latent weights and their rescaled gradients."""
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def stripes(count: int) -> DataLoader[tuple[Tensor, ...]]:
    """Noisy images (count, 1, 12, 12) with horizontal (0) or vertical (1) stripes."""
    label = torch.arange(count) % 2
    rows = torch.arange(12) % 2 * 2.0 - 1
    horizontal = rows[:, None].expand(12, 12)
    images = torch.where(label.view(-1, 1, 1) == 0, horizontal, horizontal.T)
    noisy = images.unsqueeze(1) + 2 * torch.randn(count, 1, 12, 12)
    return DataLoader(TensorDataset(noisy, label), batch_size=32)


def main() -> float:
    """Train and test; returns the accuracy with binary weights."""
    torch.manual_seed(0)
    module, bin_op = YourModule(), BinOp()
    trainer = Trainer(
        max_epochs=3,
        accelerator="cpu",
        callbacks=[bin_op],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(module, stripes(512))
    (result,) = trainer.test(module, stripes(256), verbose=False)
    for target in bin_op.targets:
        print(f"{target.name}: {target.weight.numel()} binary weights")
    print(f"test accuracy with binary weights: {result['test/acc']:.1%}")
    return float(result["test/acc"])


if __name__ == "__main__":
    main()
