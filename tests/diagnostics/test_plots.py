"""Plots by ArviZ, of which either version is given what it knows."""

import importlib
import sys
import types

import numpy as np
import pytest

from tests.mcmc.targets import gaussian
from zhusuan import mcmc

PLOTS = ["plot_trace", "plot_rank", "plot_pair"]


@pytest.fixture(scope="module")
def trace():
    return mcmc.run(
        mcmc.NUTS(), gaussian(np.zeros(2), np.eye(2)), n_warmup=20, n_draws=20, seed=1,
        progress=False,
    )  # fmt: skip


class StandIn(types.SimpleNamespace):
    """ArviZ as far as its plots are called."""

    def __init__(self, version):
        super().__init__(__version__=version)

    def from_dict(self, *args, **kwargs):
        return types.SimpleNamespace(**(args[0] if args else kwargs))

    def plot_trace(self, data, **options):
        return "trace", data, options

    def plot_rank(self, data, **options):
        return "rank", data, options

    def plot_pair(self, data, **options):
        return "pair", data, options


@pytest.mark.parametrize(
    ("version", "marks"),
    [
        ("0.23.4", {"divergences": True}),
        ("1.3.0", {"visuals": {"divergence": True}}),
    ],
)
def test_either_arviz_is_asked_as_it_wants(trace, version, marks, monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", StandIn(version))
    for name in PLOTS:
        kind, data, options = getattr(trace, name)(names=["x"], figsize=(4, 4))
        assert name.endswith(kind)
        np.testing.assert_array_equal(data.posterior["x"], trace.samples["x"])
        more = marks if kind == "pair" else {}
        assert options == {"var_names": ["x"], "figsize": (4, 4), **more}
    assert trace.plot_rank()[2] == {}
    assert trace.plot_trace("x")[2] == {"var_names": ["x"]}
    given = {"divergences": False} if version < "1" else {"visuals": {"divergence": False}}
    assert trace.plot_pair(**given)[2] == given
    monkeypatch.delattr(StandIn, "plot_rank")
    with pytest.raises(RuntimeError, match=f"ArviZ {version} has no plot_rank"):
        trace.plot_rank()


@pytest.mark.parametrize("name", PLOTS)
def test_a_missing_arviz_is_said(trace, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(RuntimeError, match="needs ArviZ: pip install arviz"):
        getattr(trace, name)()


@pytest.mark.parametrize("name", PLOTS)
def test_the_arviz_that_is_installed_plots(trace, name):
    pytest.importorskip("arviz", reason="ArviZ is optional")
    importlib.import_module("matplotlib").use("Agg")
    assert getattr(trace, name)(["x"]) is not None
