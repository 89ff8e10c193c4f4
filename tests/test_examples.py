"""Every example runs, and does what it says."""

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_binop_on_your_module_learns_with_binary_weights(capsys):
    main = runpy.run_path(str(EXAMPLES / "binop_on_your_module.py"))["main"]
    assert main() > 0.9
    printed = capsys.readouterr().out
    assert "network.3: 2304 binary weights\nnetwork.6: 2304 binary weights" in printed


def test_every_example_is_run_here():
    text = Path(__file__).read_text()
    for example in EXAMPLES.glob("*.py"):
        assert f'"{example.name}"' in text
