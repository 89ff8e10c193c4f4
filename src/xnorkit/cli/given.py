"""Which values the user typed: they change a saved config, defaults do not."""

from collections.abc import Iterable
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from xnorkit.cli.checks import Refused

Given = dict[str, Any]


def given_values(cfg: DictConfig, overrides: Iterable[str]) -> Given:
    """The overrides' keys with the values that they have in `cfg`, resolved.

    A group's choice (`model=bwn`) gives the whole group; `experiment=…` has no key of its own in
    the config and gives None.

    Args:
        cfg: the composed config.
        overrides: as typed.

    Raises:
        Refused: a deletion (`~key`), which has no value.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    deleted = [o.input_line for o in parsed if o.is_delete()]
    if deleted:
        raise Refused(f"{deleted[0]}: with a saved run's config, set the key to null instead.")
    return {o.key_or_group: plain(OmegaConf.select(cfg, o.key_or_group)) for o in parsed}


def plain(value: Any) -> Any:
    """Dicts and lists of what OmegaConf holds, interpolations resolved."""
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def differences(saved: Any, wanted: Any, key: str) -> list[str]:
    """`key: saved → wanted` for every leaf that differs; of another class only the class."""
    if isinstance(saved, dict) and isinstance(wanted, dict):
        classes = [str(node.get("_target_")).rpartition(".")[2] for node in (saved, wanted)]
        if saved.get("_target_") != wanted.get("_target_"):
            return [f"{key}: {classes[0]} → {classes[1]}"]
        keys = [*saved, *(k for k in wanted if k not in saved)]
        pairs = ((k, saved.get(k), wanted.get(k)) for k in keys)
        return [line for k, s, w in pairs for line in differences(s, w, f"{key}.{k}")]
    return [] if saved == wanted else [f"{key}: {saved!r} → {wanted!r}"]
