"""The refusal names the place and the way out."""

from xnorkit.deploy.unsupported import Unsupported


def test_it_names_the_module_and_the_way_out():
    assert str(Unsupported("blocks.1", "no op.")).startswith("blocks.1: no op. ")
    assert str(Unsupported("", "no op.")).startswith("the network: no op. ")
    assert "deploy=none" in str(Unsupported("a", "b."))
