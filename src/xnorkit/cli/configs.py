"""xnorkit-configs: list, show and copy the YAML files that come with xnorkit.

An installed user changes a copy: `xnorkit-configs copy model/xnor conf/model/mine.yaml`, then
`xnorkit-train --config-dir conf model=mine recipe=xnor`; what is in `conf` goes before what is in
the package.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from xnorkit.resources import CONF_DIR


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "list":
            print("\n".join(names(options.group)))
        elif options.command == "show":
            print(path_of(options.name).read_text(encoding="utf-8"), end="")
        else:
            for path in copy(options.name, options.to):
                print(path)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def names(group: str | None = None) -> list[str]:
    """All configs as `group/name`, or those of one group.

    Raises:
        ValueError: there is no such group.
    """
    found = sorted(p.relative_to(CONF_DIR).with_suffix("").as_posix() for p in _files(CONF_DIR))
    if group is None:
        return found
    chosen = [name for name in found if name.startswith(f"{group.rstrip('/')}/")]
    if not chosen:
        raise ValueError(f"{group}: no such group. There are {', '.join(_groups())}.")
    return chosen


def path_of(name: str) -> Path:
    """The file of `group/name`.

    Raises:
        ValueError: there is no such config.
    """
    known = name.removesuffix(".yaml")
    if known not in names():
        raise ValueError(f"{name}: no such config. `xnorkit-configs list` names them.")
    return CONF_DIR / f"{known}.yaml"


def copy(name: str | None, to: str) -> list[Path]:
    """Copy `group/name`, a group or (None) all into the folder `to`; nothing there is overwritten.

    One config also copies to a file of another name, where `to` ends in .yaml. Returns the copies.

    Raises:
        ValueError: a file is there already, a name is unknown, or `to` is no folder of the user's.
    """
    if name is None and (to.removesuffix(".yaml") in names() or to in _groups()):
        raise ValueError(f"copy {to} where? E.g. `xnorkit-configs copy {to} conf`.")
    if name in _groups():
        chosen = [path_of(known) for known in names(name)]
    else:
        chosen = _files(CONF_DIR) if name is None else [path_of(name)]
    if not to.endswith(".yaml"):
        targets = [Path(to) / path.relative_to(CONF_DIR) for path in chosen]
    elif len(chosen) == 1:
        targets = [Path(to)]
    else:
        raise ValueError(f"{to} is one file, and there are {len(chosen)} to copy: name a folder.")
    there = [str(target) for target in targets if target.exists()]
    if there:
        raise ValueError(f"{', '.join(there)}: already there. Move it away or copy elsewhere.")
    for path, target in zip(chosen, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return targets


def _groups() -> list[str]:
    return sorted({name.rpartition("/")[0] for name in names()} - {""})


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.yaml"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xnorkit-configs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="names of the configs")
    listing.add_argument("group", nargs="?", help="e.g. model")
    show = commands.add_parser("show", help="print one")
    show.add_argument("name", help="e.g. model/xnor")
    copying = commands.add_parser("copy", help="copy into a folder of your own")
    copying.add_argument("name", nargs="?", help="e.g. model/xnor or model; all if none is named")
    copying.add_argument("to", help="a folder, e.g. conf; or for one a file: conf/model/mine.yaml")
    return parser


if __name__ == "__main__":
    sys.exit(main())
