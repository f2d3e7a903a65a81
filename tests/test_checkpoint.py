"""Checkpoints: what is read is what was written, or one clear error and nothing changed."""

import json
import random
import zipfile

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
    first = net(3)
    first.extra = jt.ones([2], dtype="float64")
    zs.save(tmp_path / "a.npz", first)
    other = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1), nn.Linear(1, 1))
    other.layers["1"].bias = jt.zeros([1], dtype="float64")
    before, state = values(other), zs.random.get_state()
    with pytest.raises(ValueError, match="does not fit Sequential") as caught:
        zs.load(tmp_path / "a.npz", other, restore_random=True)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/a.npz does not fit Sequential:",
        "  2.weight: not in the file",
        "  2.bias: not in the file",
        "  extra: not in the net",
        "  0.weight: shape [3, 2] in the file, [4, 2] in the net",
        "  0.bias: shape [3] in the file, [4] in the net",
        "  1.weight: shape [1, 3] in the file, [1, 4] in the net",
        "  1.bias: dtype float32 in the file, float64 in the net",
    ]
    assert all(np.array_equal(value, before[name]) for name, value in values(other).items())
    assert zs.random.get_state() == state


def test_loading_by_halves_is_possible_where_asked_for(tmp_path):
    class Two(nn.Module):
        def __init__(self, second):
            self.first = nn.Linear(2, 3)
            setattr(self, second, nn.Linear(3, 1))

    one, other = Two("old"), Two("new")
    zs.save(tmp_path / "a.npz", one)
    new = other.new.weight.numpy()
    zs.load(tmp_path / "a.npz", other, strict=False)
    assert np.array_equal(other.first.weight.numpy(), one.first.weight.numpy())
    assert np.array_equal(other.new.weight.numpy(), new)
    other.first = nn.Linear(2, 4)
    with pytest.raises(ValueError, match=r"first.weight: shape \[3, 2\] in the file, \[4, 2\]"):
        zs.load(tmp_path / "a.npz", other, strict=False)
    with pytest.raises(ValueError, match="no parameter of the net is in the file"):
        zs.load(tmp_path / "a.npz", nn.Linear(2, 3), strict=False)


class Dtypes(nn.Module):
    """A parameter of each dtype, of values that a detour through another would lose."""

    NUMPY = {
        "float64": [0.1, 1e300, -0.0, np.nan, np.inf],
        "float32": [0.1, 1e-40, 3e38, np.nan],
        "float16": [0.1, 6e-8, 65504],
        "int64": [2**62 + 1, -1],
        "int32": [-(2**31), 2**31 - 1],
        "int16": [-(2**15)],
        "int8": [-128, 127],
        "uint8": [255],
        "bool": [True, False, True],
    }

    def __init__(self, scale=1):
        for dtype, numbers in self.NUMPY.items():
            array = np.array(numbers).astype(dtype)
            setattr(self, dtype, jt.array(array if scale else np.zeros_like(array), dtype=dtype))
        numbers = np.float32([1, -2.5, 3.1415926, np.inf, -0.0, 3e38, 1e-39])
        self.bfloat16 = jt.array(numbers * scale if scale else np.zeros(7)).cast("bfloat16")
        self.empty = jt.zeros([0, 3])
        self.constant = (jt.ones([2]) * scale).stop_grad()


@pytest.fixture(params=["a.npz", "a.safetensors"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_dtypes_are_kept_bit_by_bit(path):
    one, other = Dtypes(), Dtypes(scale=0)
    zs.save(path, one)
    held = {name: id(var) for name, var in other.state_dict().items()}
    zs.load(path, other)
    for name, var in other.state_dict().items():
        mine, stored = getattr(one, name), var.numpy()
        assert str(var.dtype) == str(mine.dtype)
        assert stored.tobytes() == mine.numpy().tobytes(), name
        assert id(var) == held[name]
        assert var.is_stop_grad() == mine.is_stop_grad()
    assert other.float32.requires_grad
    assert not other.constant.requires_grad


def test_what_is_loaded_is_seen_by_who_holds_the_parameters(path):
    one, other = net(), net()
    zs.save(path, one)
    optimizer = jt.optim.SGD(other.parameters(), 0.5)
    held = other.parameters()[0]
    zs.load(path, other)
    assert np.array_equal(held.numpy(), one.parameters()[0].numpy())
    optimizer.step(other(jt.ones([1, 2])).sum())
    assert not np.array_equal(held.numpy(), one.parameters()[0].numpy())


def test_values_beside_the_weights_come_back_as_they_were(path):
    extra = {
        "none": None,
        "flag": True,
        "nested": {"list": [1, 2.5, "ü\n", [None]], "tuple": (1, (2, [3])), "empty": {}},
        "big": 2**70,
        "nan": float("nan"),
        "scalar": np.float32(0.1),
        "history": np.arange(6.0).reshape(2, 3)[:, ::2],
        "arrays": [np.array(3), np.zeros(0, "int8"), {"bits": np.array([True])}],
        "a.b": np.zeros(1),
        "a": {"b": np.ones(1)},
        "file": np.array([1, 2], dtype=">i4"),
    }
    zs.save(path, net(), **extra)
    got = zs.load(path, net())
    assert got.keys() == extra.keys()
    assert np.isnan(got.pop("nan"))
    assert got["scalar"] == float(np.float32(0.1))
    for name in ("none", "flag", "nested", "big"):
        assert got[name] == extra[name]
        assert type(got[name]) is type(extra[name])
    for name in ("history", "a.b", "file"):
        assert np.array_equal(got[name], extra[name])
        got[name][...] = 7  # the user's own
    assert got["history"].dtype == np.float64
    for array, mine in zip(got["arrays"][:2], extra["arrays"]):
        assert array.shape == mine.shape
        assert array.dtype == mine.dtype
    assert got["arrays"][2]["bits"].tolist() == [True]
    assert got["a"]["b"].tolist() == [1]


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
@pytest.mark.parametrize("seed", [7, [1, 2**40]])
def test_generators_go_on_where_they_were(kind, seed, path):
    generator = np.random.Generator(getattr(np.random, kind)(seed))
    generator.random(3, dtype="float32")
    children = getattr(generator.bit_generator, "seed_seq", None)
    if children is not None:
        children.spawn(2)
    zs.save(path, net(), order=generator)
    copy = zs.load(path, net())["order"]
    assert type(copy.bit_generator) is type(generator.bit_generator)
    assert np.array_equal(copy.random(9, dtype="float32"), generator.random(9, dtype="float32"))
    assert np.array_equal(copy.permutation(99), generator.permutation(99))
    if children is not None:
        one, other = (g.bit_generator.seed_seq.spawn(1)[0] for g in (copy, generator))
        assert one.generate_state(2).tolist() == other.generate_state(2).tolist()


def draws():
    return [
        zs.random.uniform([3]).numpy().tolist(),
        np.random.normal(size=3).tolist(),
        [random.gauss(0, 1) for _ in range(3)],
        zs.random.spawn(1)[0].generate_state(2).tolist(),
    ]


def test_random_numbers_go_on_with_the_training_or_on_request(path):
    module = net()
    optimizer = jt.optim.SGD(module.parameters(), 0.1)
    draws()
    zs.save(path, module, optimizer)
    expected = draws()
    assert draws() != expected
    for seed, arguments in enumerate([(optimizer,), (optimizer, True), (None, True)]):
        zs.set_seed(seed)
        zs.load(path, module, arguments[0], restore_random=(*arguments, None)[1])
        assert draws() == expected
    # Whoever loads weights to look at them keeps the seed that was set.
    for arguments in [(None, None), (optimizer, False)]:
        zs.set_seed(1)
        expected = draws()
        zs.set_seed(1)
        zs.load(path, module, arguments[0], restore_random=arguments[1])
        assert draws() == expected


def test_any_object_with_a_state_dict_will_do(path):
    class Mine:
        def __init__(self):
            self.w = jt.rand([2])

        def state_dict(self):
            return {"w": self.w}

    one, other = Mine(), Mine()
    zs.save(path, one)
    zs.load(path, other)
    assert np.array_equal(one.w.numpy(), other.w.numpy())


class Unusual(jt.optim.Optimizer):
    """An optimizer with state of its own kinds, some made at the first step."""

    def __init__(self, params, lr):
        super().__init__(params, lr)
        self.schedule = {"warm": (1, 2), "scale": np.ones(2)}
        self.total = jt.zeros([1]).stop_grad()
        self.on_step = print  # functions are not state
        self._cache = object()

    def step(self, loss):
        self.pre_step(loss)
        for group in self.param_groups:
            if "trace" not in group:
                group["trace"] = [{"g": jt.zeros_like(p)} for p in group["params"]]
            for p, g, trace in zip(group["params"], group["grads"], group["trace"]):
                trace["g"].update(trace["g"] * 0.5 + g)
                p.update(p - trace["g"] * self.lr)
                self.total.update(self.total + g.sum())
        self.schedule = {"warm": (3, 4), "scale": self.schedule["scale"] + 1}
        self.post_step()


def test_optimizers_of_other_makes(path):
    def step(module, optimizer):
        optimizer.step((module(jt.ones([1, 2])) ** 2).sum())
        return values(module)

    one, other = net(), net()
    first, second = Unusual(one.parameters(), 0.1), Unusual(other.parameters(), 0.2)
    step(one, first)
    zs.save(path, one, first)
    total = second.total
    zs.load(path, other, second)
    assert second.lr == 0.1
    assert second.total is total
    assert total.item() == first.total.item() != 0
    assert second.schedule["warm"] == (3, 4)
    assert second.schedule["scale"].tolist() == [2, 2]
    assert not second.param_groups[0]["trace"][0]["g"].requires_grad
    expected = step(one, first)
    assert all(np.array_equal(v, expected[name]) for name, v in step(other, second).items())
    first.model = one.state_dict
    first.journal = object()
    with pytest.raises(TypeError, match="optimizer.journal is a object, which can't be saved"):
        zs.save(path, one, first)


def adam(module, **options):
    return jt.optim.Adam(module.parameters(), 0.1, **options)


def changed(make):
    """Return what makes a net and an optimizer that differ from those of the file."""

    def build():
        module = net()
        return module, make(module)

    return build


def stepped_without_momentum(module):
    optimizer = adam(module)
    del optimizer.param_groups[0]["m"]
    return optimizer


def wrong_moment(module):
    optimizer = adam(module)
    optimizer.param_groups[0]["m"][1] = jt.zeros([7]).stop_grad()
    optimizer.param_groups[0]["values"].pop()
    return optimizer


WRONG_OPTIMIZERS = {
    "class": (lambda m: jt.optim.AdamW(m.parameters(), 0.1), "optimizer: Adam in the file, AdamW"),
    "fewer": (
        lambda m: jt.optim.Adam(m.parameters()[:3], 0.1),
        "optimizer, group 0: 4 parameters in the file, 3 here",
    ),
    "order": (
        lambda m: jt.optim.Adam(m.parameters()[::-1], 0.1),
        "optimizer, group 0: parameter 0 is 0.weight in the file, 1.bias here",
    ),
    "foreign": (
        lambda m: jt.optim.Adam(net().parameters(), 0.1),
        "parameter 3 is 1.bias in the file, None here",
    ),
    "groups": (
        lambda m: jt.optim.Adam([{"params": [p]} for p in m.parameters()], 0.1),
        "optimizer: 1 groups of parameters in the file, 4 here",
    ),
    "option": (
        lambda m: jt.optim.Adam([{"params": m.parameters(), "lr": 1.0}], 0.1),
        "optimizer, group 0: lr is not in the file",
    ),
    "shape": (wrong_moment, "optimizer.0.m.1: shape [3] in the file, [7] in the optimizer"),
    "length": (wrong_moment, "optimizer.0.values: not 3 Vars in the file"),
}


@pytest.mark.parametrize("how", WRONG_OPTIMIZERS)
def test_an_optimizer_that_does_not_fit_is_refused_and_nothing_is_changed(how, tmp_path):
    make, message = WRONG_OPTIMIZERS[how]
    module = net()
    zs.save(tmp_path / "a.npz", module, adam(module))
    module = net()
    optimizer = make(module)
    before, state = values(module), zs.random.get_state()
    with pytest.raises(ValueError, match=r"a\.npz does not fit Sequential") as caught:
        zs.load(tmp_path / "a.npz", module, optimizer)
    assert message in str(caught.value)
    assert all(np.array_equal(value, before[name]) for name, value in values(module).items())
    assert zs.random.get_state() == state


def test_an_optimizer_is_wanted_and_not_there(tmp_path):
    module = net()
    zs.save(tmp_path / "a.npz", module)
    with pytest.raises(ValueError, match="optimizer: not in the file"):
        zs.load(tmp_path / "a.npz", module, adam(module))
    # The other way round, the weights are all that is asked for.
    zs.save(tmp_path / "a.npz", module, adam(module))
    assert zs.load(tmp_path / "a.npz", net()) == {}


def wrong_state_dict():
    module = net()
    module.state_dict = lambda: {"w": np.zeros(1)}
    return module


class InAList(nn.Module):
    def __init__(self):
        self.layers = [nn.Linear(2, 2)]


WRONG_SAVES = {
    "a dict": (lambda: ({"w": 1},), {}, TypeError, "net must be a jt.Module.*got dict"),
    "a class": (lambda: (nn.Linear,), {}, TypeError, "net must be a jt.Module.*got Linear"),
    "arrays": (lambda: (wrong_state_dict(),), {}, TypeError, "must map names to Vars.*'w': nda"),
    "nothing": (lambda: (InAList(),), {}, ValueError, "InAList has no parameters.*in a list"),
    "no optimizer": (lambda: (net(), 3), {}, TypeError, "optimizer must be one of jt.optim.*int"),
    "other net": (
        lambda: (net(), adam(net())),
        {},
        ValueError,
        r"parameter 0 of a group, of shape \[3, 2\], is not in the net",
    ),
    "object": (lambda: (net(),), {"epoch": object()}, TypeError, "extra.epoch is a object"),
    "deep": (lambda: (net(),), {"a": {"b": [1, {2}]}}, TypeError, "extra.a.b.1 is a set"),
    "function": (lambda: (net(),), {"loss": max}, TypeError, "extra.loss is a builtin_function"),
    "key": (lambda: (net(),), {"a": {1: 2}}, TypeError, "extra.a: a key must be a string.*got 1"),
    "mark": (lambda: (net(),), {"a": {"__zhusuan__": 2}}, TypeError, "other than __zhusuan__"),
    "objects": (lambda: (net(),), {"a": np.array([{}])}, TypeError, "extra.a is a ndarray"),
    "bytes": (lambda: (net(),), {"a": b"b"}, TypeError, "extra.a is a bytes"),
}


@pytest.mark.parametrize("how", WRONG_SAVES)
def test_what_cannot_be_saved_is_named(how, path):
    arguments, extra, kind, message = WRONG_SAVES[how]
    with pytest.raises(kind, match=message):
        zs.save(path, *arguments(), **extra)
    assert list(path.parent.iterdir()) == []


def test_a_var_beside_the_weights_is_an_error_that_says_what_to_do(path):
    with pytest.raises(TypeError, match=r"extra.loss is a jt.Var; pass its value, .numpy\(\)"):
        zs.save(path, net(), loss=jt.ones([1]))


def test_safetensors_cannot_hold_complex_numbers(tmp_path):
    zs.save(tmp_path / "a.npz", net(), a=np.ones(2, complex))
    with pytest.raises(TypeError, match="extra.a: safetensors files can't hold complex128"):
        zs.save(tmp_path / "a.safetensors", net(), a=np.ones(2, complex))


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


def test_any_damaged_byte_is_noticed_or_harmless(path):
    module = net(8)
    optimizer = adam(module)
    zs.save(path, module, optimizer, losses=np.arange(50.0))
    whole, before = path.read_bytes(), values(module)
    rng = np.random.default_rng(3)
    noticed = 0
    for i in rng.integers(len(whole), size=150):
        damaged = bytearray(whole)
        damaged[i] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        error, extra = None, None
        try:
            extra = zs.load(path, module, optimizer, restore_random=False)
        except ValueError as caught:
            error = str(caught)
        if error:
            noticed += 1
            assert str(path) in error
        else:  # a date in the archive, say
            assert np.array_equal(extra["losses"], np.arange(50.0))
        assert all(np.array_equal(v, before[name]) for name, v in values(module).items())
    assert noticed > 75
    for n in rng.integers(len(whole), size=30):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match="is no checkpoint of zhusuan, or is damaged"):
            zs.load(path, module)


def rewritten(path, change):
    """Change the header of an npz file."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(arrays["__zhusuan__"].item())
    change(header)
    arrays["__zhusuan__"] = np.array(json.dumps(header))
    np.savez(path, **arrays)


WRONG_HEADERS = {
    "later": (
        lambda h: h.update(format="zhusuan-3"),
        r"format 'zhusuan-3' of a later zhusuan; this one reads up to 'zhusuan-2'",
    ),
    "foreign": (lambda h: h.update(format="torch-1"), "its format is 'torch-1'"),
    "none": (lambda h: h.clear(), "no checkpoint of zhusuan"),
    "extra": (lambda h: h.pop("extra"), r"a\.npz is damaged"),
    "array": (lambda h: h["extra"]["a"].update(entry="b"), r"a\.npz is damaged.*'b'"),
    "kind": (lambda h: h["extra"]["a"].update(__zhusuan__="code"), "kind 'code' are not known"),
    "random": (lambda h: h["random"]["numpy"].clear(), r"a\.npz: not the random states"),
    "python": (lambda h: h["random"].update(python=[3, [1], 0]), r"a\.npz: not the random states"),
}


@pytest.mark.parametrize("how", WRONG_HEADERS)
def test_files_of_others_and_of_the_future(how, tmp_path):
    change, message = WRONG_HEADERS[how]
    path, module = tmp_path / "a.npz", net()
    zs.save(path, module, a=np.zeros(2))
    rewritten(path, change)
    module = net()
    before, state = values(module), zs.random.get_state()
    with pytest.raises(ValueError, match=message) as caught:
        zs.load(path, module, restore_random=True)
    assert str(path) in str(caught.value)
    assert all(np.array_equal(value, before[name]) for name, value in values(module).items())
    assert zs.random.get_state() == state


def test_files_of_the_first_version_are_read(tmp_path):
    module = net()
    header = json.dumps({"format": "zhusuan-1", "extra": {"epoch": 3}})
    arrays = {f"net.{name}": value for name, value in values(module).items()}
    np.savez(tmp_path / "a.npz", __zhusuan__=np.array(header), **arrays)
    other = net()
    assert zs.load(tmp_path / "a.npz", other) == {"epoch": 3}
    assert np.array_equal(other.layers["0"].weight.numpy(), arrays["net.0.weight"])
    with pytest.raises(ValueError, match="random states: not in the file"):
        zs.load(tmp_path / "a.npz", other, restore_random=True)


def test_the_npz_file_is_as_documented(tmp_path):
    module = net()
    zs.save(tmp_path / "a.npz", module, adam(module), history=np.ones(3))
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert sorted(file.files)[:5] == [
            "__zhusuan__",
            "extra.history",
            "net.0.bias",
            "net.0.weight",
            "net.1.bias",
        ]
        assert "optimizer.0.m.3" in file.files
        header = json.loads(file["__zhusuan__"].item())
    assert header["format"] == "zhusuan-2"
    assert header["optimizer"]["attributes"]["n_step"] == 0
    assert header["random"]["zhusuan"] == zs.random.get_state()
    assert zipfile.ZipFile(tmp_path / "a.npz").testzip() is None


def test_the_safetensors_file_is_as_its_format_says(tmp_path):
    path, module = tmp_path / "a.safetensors", net()
    zs.save(path, module, scale=np.ones(2, "float16"))
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    head = json.loads(content[8 : 8 + length])
    assert all(isinstance(value, str) for value in head.pop("__metadata__").values())
    end = 0
    for name, entry in sorted(head.items(), key=lambda item: item[1]["data_offsets"]):
        begin, after = entry["data_offsets"]
        assert begin == end  # no gaps
        size = {"F32": 4, "F16": 2}[entry["dtype"]]
        assert after - begin == size * np.prod(entry["shape"]), name
        end = after
    assert end == len(content) - 8 - length
    begin, end = head["net.0.weight"]["data_offsets"]
    raw = np.frombuffer(content[8 + length + begin : 8 + length + end], "<f4")
    assert np.array_equal(raw.reshape(3, 2), module.layers["0"].weight.numpy())


def test_a_failed_save_keeps_the_old_file(tmp_path):
    module = net()
    zs.save(tmp_path / "a.npz", module, epoch=1)
    with pytest.raises(TypeError):
        zs.save(tmp_path / "a.npz", module, epoch=object())
    with pytest.raises(TypeError, match="Module"):
        zs.save(tmp_path / "a.npz", {"w": 1})
    assert zs.load(tmp_path / "a.npz", module) == {"epoch": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_a_model_and_its_variational_net_in_one_file(tmp_path):
    model, q = nn.Linear(2, 1), nn.Sequential(nn.Linear(3, 2))
    before = [var.numpy() for var in (*model.parameters(), *q.parameters())]
    zs.save(tmp_path / "both.npz", [model, q], epoch=3)
    for var in (*model.parameters(), *q.parameters()):
        var.assign(var * 0.0)
    assert zs.load(tmp_path / "both.npz", [model, q]) == {"epoch": 3}
    after = [var.numpy() for var in (*model.parameters(), *q.parameters())]
    assert all(np.array_equal(a, b) for a, b in zip(before, after))
    with pytest.raises(ValueError, match=r"two of the nets have a parameter called 'weight'"):
        zs.save(tmp_path / "both.npz", [model, nn.Linear(2, 1)])
