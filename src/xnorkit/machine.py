"""Which machine this is, for everything that states a time."""

import platform
from pathlib import Path


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU as its maker calls it; on x86 with family and model, which virtual machines keep.

    Args:
        cpuinfo: where Linux describes it.
    """
    said = _first_processor(cpuinfo)
    if "model name" not in said:
        return platform.processor() or platform.machine()
    if "model" not in said:
        return said["model name"]
    return f"{said['model name']} (family {said.get('cpu family', '?')}, model {said['model']})"


def _first_processor(cpuinfo: Path) -> dict[str, str]:
    try:
        text = cpuinfo.read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
