"""BinOp in two processes: both ranks have the weights of one process with the whole batch."""

import torch
from binop_cases import (
    KeepsItsRank,
    PlainLoop,
    batches_of,
    binary_network,
    latent,
    trainer,
)

from xnorkit import BinOp


def test_two_processes_equal_one(tmp_path):
    module = KeepsItsRank(binary_network(), batch_size=2)
    module.folder = tmp_path
    expected = PlainLoop(module.network).train(batches_of(8))  # 2 ranks · 2 batches · 2 samples
    options = {"devices": 2, "strategy": "ddp_spawn", "accumulate_grad_batches": 2}
    trainer(tmp_path, BinOp(), use_distributed_sampler=False, **options).fit(module)
    (first, first_samples), (second, second_samples) = (
        torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    assert first_samples == second_samples == 8
    for name, parameter in expected.network.named_parameters():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], parameter.detach(), rtol=1e-9, atol=1e-12)
    assert latent(module.network)  # Lightning brings rank 0's back
    assert all(torch.equal(p, first[n]) for n, p in module.network.named_parameters())
