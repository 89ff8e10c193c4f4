"""Network → engine, a line a stage. Read this first.

lower      torch.fx graph ► Program: typed ops and shapes; refuses what has no op
fold       BatchNorm, ReLU, pooling ► thresholds; weights ► bits            (Lowered.tensors)
xnor_file  program and numbers ► the bytes of model.xnor
generate   program ► one C++ unit;  compile  unit ► library, cached  (both by Engine)
validate   engine against torch, on real inputs
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from xnorkit.deploy import xnor_file
from xnorkit.deploy.agreement import Validation
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.generate import source
from xnorkit.deploy.lower import Lowered, lower
from xnorkit.deploy.ops.op import Specs
from xnorkit.deploy.validate import validate
from xnorkit.deploy.xnor_file import Metadata
from xnorkit.features import Features

MODEL, UNIT = "model.xnor", "engine.cpp"  # in the folder of a deployment


@dataclass(frozen=True)
class Plan:
    """What will be deployed: known in full, but for the numbers, before training.

    Attributes:
        lowered: the network's program and where its numbers come from.
        metadata: what model.xnor says beside the numbers.
        frontend: whose statistics travel with the model; None where there are no features.
    """

    lowered: Lowered
    metadata: Metadata
    frontend: Features | None = None

    @property
    def specs(self) -> Specs:
        """dtype and shape of every number in model.xnor."""
        return {**self.lowered.program.tensor_specs(), **_feature_specs(self.frontend)}

    @property
    def nbytes(self) -> int:
        """Size of model.xnor."""
        return xnor_file.file_size(self.metadata, self.specs)

    def model(self) -> bytes:
        """The bytes of model.xnor, with the numbers as they are now.

        Raises:
            FoldError: a parameter that is not finite, or a channel of more than one threshold.
        """
        tensors = {**self.lowered.tensors(), **_feature_tensors(self.frontend)}
        return xnor_file.to_bytes(self.metadata, tensors)


def plan(
    network: nn.Module,
    example: Tensor,
    labels: Sequence[str] = (),
    frontend: Features | None = None,
) -> Plan:
    """Lower a network; the dry run before training, and the first stage after it.

    Args:
        network: trained or not; stays as it is.
        example: an input, (N, …); its shape alone counts.
        labels: of the logits, in order.
        frontend: what computes the input, if it is to travel with the model.

    Raises:
        Unsupported: a module that has no op, by its path, with the way out.
        ValueError: not as many labels as logits.
    """
    lowered = lower(network, example)
    logits = prod(lowered.program.output_shape)
    if len(labels) not in (0, logits):
        raise ValueError(f"{len(labels)} labels for {logits} logits: give one for each, or none.")
    features = {} if frontend is None else frontend.parameters_dict()
    metadata = Metadata(
        lowered.program.to_json(), tuple(labels), features, xnor_file.producer_versions()
    )
    return Plan(lowered, metadata, frontend)


def compile(
    module: nn.Module,
    example_input: Tensor,
    labels: Sequence[str] = (),
    isa: str | None = None,
    cache_dir: Path | str | None = None,
) -> Engine:
    """The engine of a trained module: our layers and torch's, in evaluation mode.

    Args:
        module: stays as it is; a copy on the CPU in float32 is what becomes an engine.
        example_input: (N, C, H, W), (N, C, L) or (N, C); its shape alone counts.
        labels: of the logits, in order, if they are to be named.
        isa: see `Engine`.
        cache_dir: where compiled code is kept, by default ~/.cache/xnorkit/engines.

    Raises:
        Unsupported: a module that has no op.
        FoldError: parameters that no engine can hold.
        ValueError: not as many labels as logits.
        NoCompilerError, CompileError, CacheError: no library could be built.
    """
    return Engine(plan(module, example_input, labels).model(), isa=isa, cache_dir=cache_dir)


def deploy(
    planned: Plan,
    folder: Path,
    inputs: Tensor,
    labels: Tensor | None = None,
    isa: str | None = None,
    cache_dir: Path | str | None = None,
) -> tuple[Engine, Validation]:
    """Pack, write, compile, prove.

    Args:
        planned: of the trained network.
        folder: gets model.xnor and engine.cpp.
        inputs: real ones, what the network takes.
        labels: (N,) their classes.
        isa: see `Engine`.
        cache_dir: see `compile`.

    Raises:
        XnorFileError: the folder can't be written.
        DisagreementError: the engine does not give torch's answers; others as of `compile`.
    """
    model = planned.model()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise xnor_file.XnorFileError(
            f"{folder}: this folder can't be made ({error.strerror}). Name another one."
        ) from error
    xnor_file.write(folder / MODEL, model)
    xnor_file.write(folder / UNIT, source(planned.lowered.program).encode())
    engine = Engine(model, isa=isa, cache_dir=cache_dir)
    return engine, validate(planned.lowered, engine, inputs, labels)


def _feature_specs(frontend: Features | None) -> Specs:
    if frontend is None:
        return {}
    bands = ("float32", tuple(frontend.standardise.mean.shape))
    return {"features.mean": bands, "features.std": bands}


def _feature_tensors(frontend: Features | None) -> dict[str, Tensor]:
    """The train split's statistics: trained numbers, so not among the features' parameters."""
    if frontend is None:
        return {}
    statistics = frontend.standardise
    return {
        "features.mean": torch.clone(statistics.mean),
        "features.std": torch.clone(statistics.std),
    }
