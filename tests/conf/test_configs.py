"""Every YAML composes, names a class that takes its keys, and has no key that nobody reads."""

import importlib.util
import inspect
import re
from functools import cache

import hydra
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf, read_write

from xnorkit.resources import CONF_DIR

FILES = sorted(CONF_DIR.rglob("*.yaml"))
NAMES = [str(path.relative_to(CONF_DIR).with_suffix("")) for path in FILES]
PLUGINS = {
    "hydra/launcher/parallel": "hydra_plugins.hydra_joblib_launcher",
    "hydra/launcher/slurm": "hydra_plugins.hydra_submitit_launcher",
    "hydra/launcher/ray_local": "hydra_plugins.hydra_ray_launcher",
    "experiment/sweep_optuna": "hydra_plugins.hydra_optuna_sweeper",
}
NEEDED = {f"data/{name}": ["data.root=somewhere"] for name in ("audio_folder", "image_folder")}
DEFAULTS = {  # what every run picks: composed once
    "model=xnor", "network=kws_cnn", "data=speech_commands", "recipe=xnor", "optimizer=adam",
    "scheduler=cosine", "trainer=cpu", "callbacks=default", "logger=default",
    "task=classification",
    "hydra/job_logging=quiet", "hydra/hydra_logging=quiet",
}  # fmt: skip
COMMAND = re.compile(r"python train\.py ([^#\n]*)")


@pytest.fixture(scope="module", autouse=True)
def hydra_is_initialised():
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        yield


@cache
def composed(*overrides):
    cfg = compose("train", list(overrides), return_hydra_config=True)
    OmegaConf.set_readonly(cfg.hydra, False)
    with read_write(cfg.hydra.runtime), read_write(cfg.hydra.job):
        cfg.hydra.runtime.output_dir = "run"
        cfg.hydra.job.num = 0
    return cfg


def full_config(*overrides):
    """The composed config with hydra's own part, a run folder in it."""
    cfg = composed(*(o for o in overrides if o not in DEFAULTS))
    HydraConfig.instance().set_config(cfg)
    return cfg


def choice(name):
    """The override that picks a YAML of a group."""
    group, _, file = name.rpartition("/")
    if name == "train" or group == "data/features":
        return []  # picked by every run
    return [f"{group}={file}", *NEEDED.get(name, [])]


def need_plugin(name):
    plugin = PLUGINS.get(name)
    if plugin and importlib.util.find_spec(plugin) is None:
        pytest.skip(f"{plugin} is not installed")


def objects(node, path=""):
    """(path, node) of everything that names a class."""
    if OmegaConf.is_dict(node):
        if node.get("_target_"):
            yield path, node
        for key in node:
            if not OmegaConf.is_missing(node, key):
                yield from objects(node[key], f"{path}.{key}" if path else str(key))


def test_all_files_are_found():
    assert len(FILES) == len(set(NAMES)) >= 30
    assert {name.partition("/")[0] for name in NAMES} >= {
        "train", "model", "network", "data", "recipe", "optimizer", "scheduler", "trainer",
        "callbacks", "logger", "experiment", "hydra",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_it_composes_and_its_classes_take_its_keys(name):
    need_plugin(name)
    cfg = full_config(*choice(name))
    own = {key: cfg[key] for key in cfg if key != "hydra"}
    found = {path: node for key, part in own.items() for path, node in objects(part, key)}
    for part in own.values():
        if OmegaConf.is_config(part):
            assert OmegaConf.to_container(part, resolve=True) is not None
    assert {"model", "network", "data", "optimizer", "trainer"} <= found.keys()
    for path, node in found.items():
        target = hydra.utils.get_object(node["_target_"])
        keys = [key for key in node if key not in ("_target_", "_partial_")]
        accepted = inspect.signature(target).parameters
        anything = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
        assert anything or set(keys) <= accepted.keys(), f"{path}: dead key in {name}"


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n.split("/")[0] in ("model", "optimizer", "scheduler", "logger")]
)
def test_it_instantiates(name):
    cfg = full_config(*choice(name))
    assert hydra.utils.instantiate(cfg[name.partition("/")[0]]) is not None


@pytest.mark.parametrize("name", NAMES)
def test_its_header_says_what_it_is_for(name):
    lines = (CONF_DIR / f"{name}.yaml").read_text().splitlines()
    header = next(line for line in lines if not line.startswith("# @package"))
    assert header.startswith("# "), header
    assert len(header) > 20


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("recipe/")])
def test_a_recipe_has_only_keys_of_train_yaml(name):
    recipe = OmegaConf.load(CONF_DIR / f"{name}.yaml")
    assert recipe.keys() <= OmegaConf.load(CONF_DIR / "train.yaml").recipe.keys()


def test_every_scheme_has_its_recipe():
    models = {n.partition("/")[2] for n in NAMES if n.startswith("model/")}
    assert models == {n.partition("/")[2] for n in NAMES if n.startswith("recipe/")}


def test_every_own_key_of_train_yaml_is_read():
    train = OmegaConf.load(CONF_DIR / "train.yaml")
    own = [key for key in train if key not in ("defaults", "hydra", "recipe")]
    keys = [*own, *(f"recipe.{key}" for key in train.recipe)]
    package = CONF_DIR.parent / "src" / "xnorkit" / "cli"
    code = "".join(path.read_text() for path in package.glob("*.py"))
    yaml = "".join(path.read_text() for path in FILES)
    for key in keys:
        read = f"cfg.{key}" in code or f'"{key}"' in code or f"${{{key}}}" in yaml
        assert read, f"nobody reads {key}"


def commands():
    root = CONF_DIR.parent
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    names = [*NAMES, *(str(path.relative_to(root)) for path in pages)]
    for name, path in zip(names, [*FILES, *pages], strict=True):
        for text in COMMAND.findall(path.read_text()):
            yield pytest.param(name, text.split("  ")[0].strip(), id=f"{name}: {text.strip()}")


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_the_commands_in_comments_and_pages_compose(name, command):
    words = command.split()
    overrides = [word.rstrip(",.;:") for word in words if "=" in word]
    for override in overrides:
        need_plugin(override.replace("=", "/"))
    overrides = [re.sub("FOLDER|CKPT|RUN_DIR|…", "some", o) for o in overrides]
    if "-m" in words:  # the first job of the sweep
        parsed = OverridesParser.create().parse_overrides(overrides)
        overrides = [
            f"{o.get_key_element()}={next(iter(o.sweep_string_iterator()))}"
            if o.is_sweep_override()
            else o.input_line
            for o in parsed
        ]
    assert full_config(*overrides).hydra.overrides is not None
