from pathlib import Path

from xnorkit import resources


def test_a_checkout_uses_its_own_configs():
    checkout = Path(__file__).resolve().parents[1]
    assert checkout / "conf" == resources.CONF_DIR
    assert (resources.CONF_DIR / "train.yaml").is_file()


def test_the_headers_are_where_get_include_says():
    include = Path(resources.get_include())
    assert include == resources.CPP_DIR / "include"
    assert (include / "xnorkit" / "xnorkit.hpp").is_file()
    assert (resources.CPP_DIR / "bindings" / "engine.hpp").is_file()


def test_the_example_that_is_exported_is_here():
    assert (resources.EXAMPLE_DIR / "CMakeLists.txt").is_file()
    assert "Apache License" in resources.LICENSE.read_text()
