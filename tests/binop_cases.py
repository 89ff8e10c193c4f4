"""What the tests of BinOp train, and the plain loop, after the formulas, that it must equal."""

import copy

import lightning as L
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from xnorkit.nn import BinaryConv2d, BinaryLinear

SAMPLES = 16
LEARNING_RATE = 0.05


def samples(dtype=torch.float64, count=SAMPLES):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(count, 2, 5, 5, generator=generator, dtype=dtype)
    return x, torch.randn(count, 3, generator=generator, dtype=dtype)


def plain_network(dtype=torch.float64):
    """Float layers of torch only; no BatchNorm, so that batches can be split."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.Tanh(),
        nn.Conv2d(4, 6, 2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(24, 8),
        nn.Tanh(),
        nn.Linear(8, 3),
    ).to(dtype)


def binary_network(dtype=torch.float64, **options):
    """The same shape, the inner layers binary."""
    network = plain_network(dtype)
    network[2] = BinaryConv2d(4, 6, 2, **options)
    network[5] = BinaryLinear(24, 8, **options)
    return network.to(dtype)


INNER = ("2", "5")  # layers of both that BinOp takes


def inner_weights(network):
    return [network.get_submodule(name).weight for name in INNER]


class Regression(L.LightningModule):
    """A user's own module: knows nothing of xnorkit."""

    def __init__(self, network, optimizer="sgd", batch_size=4, dtype=torch.float64):
        super().__init__()
        self.network = network
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.data_dtype = dtype

    def loss(self, batch):
        x, y = batch
        return (self.network(x) - y).square().mean()

    def training_step(self, batch, batch_idx):
        return self.loss(batch)

    def validation_step(self, batch, batch_idx):
        self.log("val", self.loss(batch), batch_size=len(batch[0]))

    def test_step(self, batch, batch_idx):
        self.log("test", self.loss(batch), batch_size=len(batch[0]))

    def predict_step(self, batch, batch_idx):
        return self.network(batch[0])

    def configure_optimizers(self):
        return make_optimizer(self.optimizer, self.parameters())

    def loader(self):
        return DataLoader(TensorDataset(*samples(self.data_dtype)), batch_size=self.batch_size)

    train_dataloader = val_dataloader = test_dataloader = predict_dataloader = loader


class KeepsItsRank(Regression):
    """Writes each rank's weights and number of samples to a file; spawned processes import it."""

    folder = None
    samples_seen = 0

    def training_step(self, batch, batch_idx):
        self.samples_seen += len(batch[0])
        return super().training_step(batch, batch_idx)

    def train_dataloader(self):
        data = TensorDataset(*samples(self.data_dtype))
        # Lightning's own sampler shuffles.
        sampler = DistributedSampler(data, self.trainer.world_size, self.global_rank, shuffle=False)
        return DataLoader(data, batch_size=self.batch_size, sampler=sampler)

    def on_train_end(self):
        state = {name: p.detach() for name, p in self.network.named_parameters()}
        torch.save([state, self.samples_seen], self.folder / f"{self.global_rank}.pt")


def make_optimizer(name, parameters):
    if name == "adam":
        return torch.optim.Adam(parameters, lr=LEARNING_RATE)
    return torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=0.9, weight_decay=1e-3)


def trainer(folder, *callbacks, **arguments):
    """A silent CPU trainer of one epoch that logs and saves nothing unless told to."""
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "num_sanity_val_steps": 0,
        "limit_val_batches": 0,
        "max_epochs": 1,
    }
    return L.Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        callbacks=list(callbacks),
        **{**quiet, **arguments},
    )


def float16():
    """Plugin: float16 autocast on the CPU with a gradient scaler."""
    return MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu"))


# The formulas, layer by layer


def negative_is_minus_one(w):
    return torch.where(w < 0, -torch.ones_like(w), torch.ones_like(w))


def scale_of(w, alpha="filter"):
    if alpha == "none":
        return torch.ones_like(w)
    if alpha == "layer":
        return w.abs().sum() / w.numel() * torch.ones_like(w)
    rows = [row.abs().sum() / row.numel() * torch.ones_like(row) for row in w]
    return torch.stack(rows)


def centred_and_clamped(w):
    mean = torch.zeros_like(w[:, 0])
    for channel in range(w.shape[1]):
        mean += w[:, channel] / w.shape[1]
    return torch.stack([w[:, c] - mean for c in range(w.shape[1])], 1).clamp(-1, 1)


def rescaled(w, g, rule="chain", alpha="filter"):
    n, s = w[0].numel(), w.shape[1]
    signs, scale = negative_is_minus_one(w), scale_of(w, alpha)
    if rule == "ste":
        return torch.where(w.abs() <= 1, g, torch.zeros_like(g))
    factor = (1 - 1 / s) * n
    if rule == "paper":
        return g * (1 / n + torch.where(w.abs() < 1, scale, torch.zeros_like(w))) * factor
    result = torch.where(w.abs() <= 1, scale * g, torch.zeros_like(g))
    product = signs * g
    if alpha == "filter":
        result += signs * torch.stack([torch.full_like(p, (p.sum() / n).item()) for p in product])
    if alpha == "layer":
        result += signs * product.sum() / w.numel()
    return result * factor


class PlainLoop:
    """Training by the formulas: a copy of the network, an optimiser, one method a step.

    Args:
        network: is copied.
        centre: whether the rule centres (BinaryNet's does not).
        clamp_after: whether it clamps after the step.
    """

    def __init__(
        self, network, rule="chain", alpha="filter", optimizer="sgd", centre=True, clamp_after=False
    ):
        self.network = copy.deepcopy(network)
        self.rule, self.alpha, self.centre, self.clamp_after = rule, alpha, centre, clamp_after
        self.weights = inner_weights(self.network)
        self.layers = [self.network.get_submodule(name) for name in INNER]
        self.optimizer = make_optimizer(optimizer, self.network.parameters())

    def gradients(self, batches, backward=torch.Tensor.backward):
        """Latent weights centred and clamped, gradients of the mean loss over `batches`."""
        self.optimizer.zero_grad()
        for w in self.weights:
            w.data = centred_and_clamped(w.data) if self.centre else w.data.clamp(-1, 1)
        latent = [w.data.clone() for w in self.weights]
        for x, y in batches:
            for w, saved, layer in zip(self.weights, latent, self.layers, strict=True):
                w.data = scale_of(saved, self.alpha) * negative_is_minus_one(saved)
                layer.holds_binary_weight = True  # a plain layer does not look
            backward((self.network(x) - y).square().mean() / len(batches))
        for w, saved, layer in zip(self.weights, latent, self.layers, strict=True):
            w.data = saved
            layer.holds_binary_weight = False

    def rescale(self):
        for w in self.weights:
            w.grad = rescaled(w.data, w.grad, self.rule, self.alpha)

    def step(self, *batches):
        self.gradients(batches)
        self.rescale()
        self.optimizer.step()
        self.after_step()

    def after_step(self):
        if self.clamp_after:
            for w in self.weights:
                w.data = w.data.clamp(-1, 1)

    def train(self, batches, accumulate=1):
        for start in range(0, len(batches), accumulate):
            self.step(*batches[start : start + accumulate])
        return self


def batches_of(size=4, dtype=torch.float64):
    x, y = samples(dtype)
    return list(zip(x.split(size), y.split(size), strict=True))


def assert_same(network, reference, **tolerance):
    """All parameters equal, within float64's rounding or `tolerance`."""
    limits = {"rtol": 1e-9, "atol": 1e-12, **tolerance}
    for (name, a), b in zip(network.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a, b, **limits, msg=lambda text, name=name: f"{name}: {text}")


def is_binary(weight):
    """One magnitude a filter: α·sign(W). Latent weights have many."""
    magnitudes = weight.detach().abs().flatten(1)
    return bool((magnitudes - magnitudes[:, :1]).abs().max() < 1e-6)


class StatefulLoader:
    """Batches in order; a resumed training goes on where it was."""

    def __init__(self, batches):
        self.batches, self.next, self.resumed = batches, 0, False

    def __iter__(self):
        self.next = self.next if self.resumed else 0
        self.resumed = False
        while self.next < len(self.batches):
            self.next += 1
            yield self.batches[self.next - 1]

    def __len__(self):
        return len(self.batches)

    def state_dict(self):
        return {"next": self.next}

    def load_state_dict(self, state):
        self.next, self.resumed = state["next"], True


class Resumable(Regression):
    def train_dataloader(self):
        return StatefulLoader(batches_of(self.batch_size, self.data_dtype))


def latent(network):
    """Whether no inner weight is binary."""
    return not any(map(is_binary, inner_weights(network)))


def hand_loop(network, bin_op, batches, optimizer="sgd", accumulate=1):
    optimizer = make_optimizer(optimizer, network.parameters())
    bin_op.attach(network)
    for start in range(0, len(batches), accumulate):
        optimizer.zero_grad()
        for x, y in batches[start : start + accumulate]:
            bin_op.binarize_()
            ((network(x) - y).square().mean() / accumulate).backward()
            bin_op.restore_()
        bin_op.rescale_gradients_()
        optimizer.step()
        bin_op.clamp_()
    return network
