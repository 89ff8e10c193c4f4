"""Maps, windows, values."""

from xnorkit.deploy.ops import OPS
from xnorkit.deploy.ops.op import Map, Window


def test_a_pixels_signs_fill_words_of_64():
    assert [Map(1, 1, c).words for c in (1, 64, 65)] == [1, 1, 2]


def test_the_whole_window_sees_all_of_a_map():
    window = Window.whole(Map(3, 5, 7))
    assert (window.kernel_h, window.kernel_w, window.out_h, window.out_w) == (3, 5, 1, 1)


def test_template_arguments_name_their_members():
    assert Map(1, 2, 3).cpp() == "Map{.h = 1, .w = 2, .c = 3}"
    assert Window.whole(Map(3, 5, 7)).cpp().startswith("Window{.kernel_h = 3, .kernel_w = 5, ")


def test_kinds_are_names_of_their_own():
    assert len({op.kind for op in OPS}) == len(OPS)
