import pytest

from xnorkit.deploy.library.c_functions import EngineError
from xnorkit.deploy.library.path import refuse_impossible
from xnorkit.native.toolchain import NoCompilerError


def test_every_cpu_has_the_portable_path(engine_cache, monkeypatch):
    refuse_impossible("portable", engine_cache)
    monkeypatch.setenv("XNORKIT_ISA", "portable")
    refuse_impossible(None, engine_cache)


def test_a_path_that_is_not_there_is_refused_with_those_that_are(engine_cache, monkeypatch):
    sentence = r"=cray: no such path\. This CPU runs .*portable; leave it unset for the best\.$"
    with pytest.raises(EngineError, match="^isa" + sentence):
        refuse_impossible("cray", engine_cache)
    monkeypatch.setenv("XNORKIT_ISA", "cray")
    with pytest.raises(EngineError, match="^XNORKIT_ISA" + sentence):
        refuse_impossible(None, engine_cache)
    refuse_impossible("portable", engine_cache)  # what is asked for counts


def test_nothing_is_built_where_no_path_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("XNORKIT_ISA", raising=False)
    refuse_impossible(None, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_compiler_is_noticed(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(NoCompilerError, match="CXX=no-such-compiler is not there"):
        refuse_impossible(None, tmp_path)
