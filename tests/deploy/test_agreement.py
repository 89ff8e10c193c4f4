"""What is refused of an agreement, and what a terminal shows of it."""

import pytest

from xnorkit.deploy.agreement import (
    DisagreementError,
    LayerCheck,
    Validation,
    refuse_wrong_answers,
    refuse_wrong_bits,
)


def found(exact=True, wrong_alone=0, wrong_in_whole=0, **counts):
    layer = LayerCheck("conv", exact, 1000, wrong_alone, 500, wrong_in_whole)
    numbers = {"samples": 100, "agreeing": 98, "ties": 2, "largest_difference": 1e-6, **counts}
    return Validation([layer], None if exact else "stem", **numbers)


def test_ties_count_for_neither_side():
    assert found().agreement == 1.0
    assert found(ties=100, agreeing=0).agreement == 1.0
    assert found(agreeing=49).agreement == 0.5


def test_one_wrong_output_given_torchs_bits_is_refused():
    with pytest.raises(DisagreementError, match=r"^conv: 1 of 1,000 outputs"):
        refuse_wrong_bits(found(wrong_alone=1))


def test_a_wrong_bit_in_the_whole_is_refused_only_where_exactness_holds():
    with pytest.raises(DisagreementError, match=r"^conv: 3 of 500 input bits"):
        refuse_wrong_bits(found(wrong_in_whole=3))
    refuse_wrong_bits(found(exact=False, wrong_in_whole=3))


@pytest.mark.parametrize(
    ("exact", "agreeing", "refused"),
    [(True, 98, False), (True, 97, True), (False, 98, False), (False, 97, True)],
)
def test_answers_must_be_torchs(exact, agreeing, refused):
    if refused:
        with pytest.raises(DisagreementError, match="top-1 agreement"):
            refuse_wrong_answers(found(exact=exact, agreeing=agreeing))
    else:
        refuse_wrong_answers(found(exact=exact, agreeing=agreeing))


@pytest.mark.parametrize(("exact", "allowed"), [(True, 1e-4), (False, 1e-3)])
def test_logits_of_equal_signs_must_be_near_and_a_flipped_sign_may_move_them(exact, allowed):
    refuse_wrong_answers(found(exact=exact, largest_alike=allowed, largest_difference=1.0))
    for wrong in (1.01 * allowed, float("nan")):
        with pytest.raises(DisagreementError, match="logits differ .* where all signs are torch's"):
            refuse_wrong_answers(found(exact=exact, largest_alike=wrong))


def test_the_lines_say_from_where_on_there_is_a_tolerance():
    assert "exact up to the head" in found().lines()[-1]
    assert "exact before stem" in found(exact=False).lines()[-1]
