"""recipe.float_stage: the float twin is trained first, its weights start the binary network.

The first part of a run's epochs goes to the same topology with the scheme `float`, as a run of its
own in RUN_DIR/float; the rest trains the scheme from the twin's best weights, as with init_from.
"""

import copy

from omegaconf import DictConfig, OmegaConf
from torch import nn

from xnorkit.cli.build import FLOAT
from xnorkit.cli.checks import Refused
from xnorkit.cli.initialise import initialise
from xnorkit.cli.resume import saved_config
from xnorkit.cli.run_folder import RunFolder


def epochs(cfg: DictConfig) -> int:
    """How many of a run's epochs are the float twin's.

    Raises:
        Refused: a share outside [0, 1), or one of no number.
    """
    share: float = cfg.recipe.float_stage.share
    total: int | None = cfg.trainer.get("max_epochs")
    if not 0 <= share < 1:
        raise Refused(f"recipe.float_stage.share={share}: give a share of the epochs in [0, 1).")
    if share == 0 or cfg.init_from or cfg.model["_target_"] == FLOAT["_target_"]:
        return 0
    if total is None or total < 0:
        raise Refused(
            f"recipe.float_stage.share={share} with trainer.max_epochs={total}: a share of what? "
            "Set trainer.max_epochs, or recipe.float_stage.share=0."
        )
    return round(share * total)


def epochs_left(cfg: DictConfig) -> int | None:
    """The epochs that are the scheme's own; what the config says where that is no number."""
    total: int | None = cfg.trainer.get("max_epochs")
    before = epochs(cfg)
    return total - before if total and before else total


def twin_config(cfg: DictConfig, run: RunFolder) -> DictConfig | None:
    """The config of the float twin's run; None where there is nothing to train before."""
    number = epochs(cfg)
    if number == 0 or (cfg.resume and run.last.is_file()):
        return None
    if cfg.resume:
        twin = saved_config(run.float_stage)
        twin.resume = str(run.float_stage.path)
        return twin
    twin = copy.deepcopy(cfg)
    changes = {
        "model": FLOAT,
        "run_dir": str(run.float_stage.path),
        "title": f"{cfg.title}_float_stage",
        "recipe.lr": cfg.recipe.float_stage.lr,
        "trainer.max_epochs": number,
        "test": False,
        "deploy": {},
    }
    for key, value in changes.items():
        OmegaConf.update(twin, key, value, merge=False)
    return twin


def hand_over(run: RunFolder, network: nn.Module, scheme: DictConfig) -> None:
    """The twin's best weights into the binary network; without a checkpoint it starts as it is."""
    best = run.float_stage.best
    if best.is_file():  # fast_dev_run and callbacks=none keep none
        initialise(network, str(best), scheme)
