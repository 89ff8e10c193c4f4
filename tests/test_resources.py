from pathlib import Path

from xnorkit import resources


def test_a_checkout_uses_its_own_configs():
    checkout = Path(__file__).resolve().parents[1]
    assert checkout / "conf" == resources.CONF_DIR
    assert (resources.CONF_DIR / "train.yaml").is_file()
