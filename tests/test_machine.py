import platform

from xnorkit.machine import cpu_name

VIRTUAL = """\
processor\t: 0
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor

processor\t: 1
cpu family\t: 7
model\t\t: 1
model name\t: another
"""


def test_the_cpu_of_this_machine_has_a_name():
    assert cpu_name()


def test_a_virtual_machines_cpu_is_told_by_family_and_model(tmp_path):
    (tmp_path / "cpuinfo").write_text(VIRTUAL)
    named = cpu_name(tmp_path / "cpuinfo")
    assert named == "Intel(R) Xeon(R) Processor (family 6, model 207)"


def test_a_name_alone_is_given_as_it_is(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor: 0\nmodel name: Neoverse-N1\n")
    assert cpu_name(tmp_path / "cpuinfo") == "Neoverse-N1"


def test_where_linux_says_nothing_python_does(tmp_path):
    assert cpu_name(tmp_path / "none") == (platform.processor() or platform.machine())
