"""Checkpoints: what is read is what was written, or one clear error and nothing changed."""

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs


def net(n=3):
    return nn.Sequential(nn.Linear(2, n), nn.Linear(n, 1))


def values(module):
    return {name: var.numpy().copy() for name, var in module.state_dict().items()}


def test_weights_and_extra_come_back(tmp_path):
    first, second = net(), net()
    zs.save(tmp_path / "a.npz", first, epoch=3, note="half-way")
    assert zs.load(tmp_path / "a.npz", second) == {"epoch": 3, "note": "half-way"}
    for name, value in values(first).items():
        assert np.array_equal(values(second)[name], value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    # Loaded parameters are trained like any others.
    gradient = jt.grad(second(jt.ones([1, 2])), second.parameters())
    assert all(var.requires_grad for var in second.parameters())
    assert np.abs(gradient[0].numpy()).max() > 0


def test_every_mismatch_is_listed_and_nothing_is_changed(tmp_path):
    zs.save(tmp_path / "a.npz", net(3))
    other = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1), nn.Linear(1, 1))
    before = values(other)
    with pytest.raises(ValueError, match="does not fit Sequential") as caught:
        zs.load(tmp_path / "a.npz", other)
    message = str(caught.value)
    assert "0.weight: shape [3, 2] in the file, [4, 2] in the net" in message
    assert "2.bias: not in the file" in message
    assert all(np.array_equal(value, before[name]) for name, value in values(other).items())


def test_damaged_missing_and_foreign_files_are_named(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(FileNotFoundError, match="a.npz"):
        zs.load(path, net())
    zs.save(path, net())
    whole = path.read_bytes()
    for broken in (whole[:100], b"", b"not a zip at all", whole[:200] + b"\0\0\0\0" + whole[204:]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"a\.npz is no checkpoint of zhusuan, or is damaged"):
            zs.load(path, net())
    np.savez(path, weight=np.zeros(3))
    with pytest.raises(ValueError, match=r"a\.npz is no checkpoint"):
        zs.load(path, net())


def test_a_pickle_is_never_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (print, ("boom",))

    np.savez(tmp_path / "a.npz", __zhusuan__=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="no checkpoint"):
        zs.load(tmp_path / "a.npz", net())


def test_a_failed_save_keeps_the_old_file(tmp_path):
    module = net()
    zs.save(tmp_path / "a.npz", module, epoch=1)
    with pytest.raises(TypeError):
        zs.save(tmp_path / "a.npz", module, epoch=object())
    with pytest.raises(TypeError, match="Module"):
        zs.save(tmp_path / "a.npz", {"w": 1})
    assert zs.load(tmp_path / "a.npz", module) == {"epoch": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
