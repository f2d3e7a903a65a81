"""The losses of the VAE scripts against their formulas in NumPy, and what each shows at its end."""

import argparse
import importlib.util
import json
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from common.mnist import MNIST
from common.results import ResultDir
from common.vae_training import train

import zhusuan as zs

SCRIPTS = Path(__file__).resolve().parents[2] / "examples" / "variational_autoencoders"
N = 5


def load(name):
    """Return a script as a module."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(name, z_dim=7, lr=1e-2):
    zs.set_seed(0)
    module = load(name)
    return module, module.build(argparse.Namespace(z_dim=z_dim, lr=lr))


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).random((N, 784), dtype=np.float32)


def linear(layer, x):
    return x @ layer.weight.numpy().astype(np.float64).T + layer.bias.numpy()


def softplus(x):
    return np.logaddexp(0.0, x)


def cross_entropy(logits, x):
    return (softplus(logits) - x * logits).sum(1)


def closed_form(mean, std):
    return -0.5 * (1 + 2 * np.log(std) - mean**2 - std**2).sum(1)


# One function per script: the trained modules, the pixels, the draw of z -> the loss per image.


def lab_loss(weights, x, z):
    p, q = weights.generator, weights.variational
    h = np.maximum(linear(q.fc, x), 0)
    mean, logvar = linear(q.fc_mean, h), linear(q.fc_logvar, h)
    logits = linear(p.fc2, np.maximum(linear(p.fc1, z), 0))
    return cross_entropy(logits, x) + closed_form(mean, np.exp(logvar / 2))


def mxnet_loss(weights, x, z):
    p, q = weights.generator, weights.variational
    h = np.tanh(linear(q.shared, x))
    mean = linear(q.mean2, np.tanh(linear(q.mean1, h)))
    std = softplus(linear(q.std2, np.tanh(linear(q.std1, h))))
    return cross_entropy(mxnet_logits(p, z), x) + closed_form(mean, std)


def mxnet_logits(p, z):
    return linear(p.fc3, np.tanh(linear(p.fc2, np.tanh(linear(p.fc1, z)))))


def pyro_loss(weights, x, z):
    p, q = weights[0].decoder, weights[1].encoder
    h = softplus(linear(q.fc, x))
    mean, logstd = linear(q.mean, h), linear(q.logstd, h)
    logits = linear(p.fc2, softplus(linear(p.fc1, z)))
    # log q(z | x) - log p(z); the constants cancel.
    sampled = (-0.5 * ((z - mean) / np.exp(logstd)) ** 2 - logstd + 0.5 * z**2).sum(1)
    return cross_entropy(logits, x) + sampled


def draw_of(name, vae, module, x):
    """Return the z that the loss has drawn."""
    if name == "vae_softplus":
        zs.set_seed(1)
        return module.guide(x, 7)["z"].numpy().astype(np.float64)
    return vae.weights.variational["z"].numpy().astype(np.float64)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("vae_analytic_kl", lab_loss),
        ("vae_softplus", pyro_loss),
        ("vae_tanh_binarized", mxnet_loss),
    ],
)
def test_a_script_trains_all_weights_on_the_loss_of_its_document(name, formula, pixels):
    module, vae = make(name)
    x = jt.array(pixels)
    zs.set_seed(1)
    loss = vae.loss(x).item()
    expected = formula(vae.weights, pixels.astype(np.float64), draw_of(name, vae, module, x))
    # float32 sums of 784 terms: relative errors of some 1e-7 each.
    assert loss == pytest.approx(expected.mean(), rel=1e-5)

    before = {key: value.numpy() for key, value in vae.weights.state_dict().items()}
    vae.step(x).item()
    after = vae.weights.state_dict()
    assert [key for key in before if np.array_equal(before[key], after[key].numpy())] == []


def test_the_table_beside_the_lab(tmp_path, capsys):
    module = load("vae_analytic_kl")
    # Two early epochs that are far off do not count, the third is 0.5 above the lab.
    off = [9.0, 9.0, 0.5, -0.25]
    history = [
        {"epoch": i + 1, "train": 1.0, "test": module.LAB["test"][i] + off[i], "seconds": 1.0}
        for i in range(4)
    ]
    figures = module.compare(ResultDir(tmp_path), None, history)
    assert figures["test_minus_lab"] == pytest.approx(off)
    assert figures["largest_difference_from_epoch_3"] == pytest.approx(0.5)
    assert "+0.50" in capsys.readouterr().out
    assert (tmp_path / "lab.png").stat().st_size > 1000


def test_reconstructions_come_from_the_posterior_of_their_image(tmp_path, pixels):
    module, _ = make("vae_tanh_binarized")
    generator, inference = module.Generator(7), module.InferenceNetwork(7)
    vae = module.GaussianVAE(generator, inference, 1e-3)
    # A posterior that is all but a point, so that each draw must give the image of its mean.
    inference.std2.weight.assign(jt.zeros([7, 200]))
    inference.std2.bias.assign(jt.zeros([7]) - 20.0)
    again = vae.reconstructions(jt.array(pixels), 3)
    assert again.shape == (3, N, 784)
    h = np.tanh(linear(inference.mean1, np.tanh(linear(inference.shared, pixels))))
    logits = mxnet_logits(generator, linear(inference.mean2, h))
    # The deviation of z is exp(-20); float32 gives the rest.
    np.testing.assert_allclose(again, np.stack([1 / (1 + np.exp(-logits))] * 3), atol=1e-5)
    generated = vae.generate(4).numpy()
    assert generated.shape == (4, 784)
    assert np.ptp(generated, axis=0).max() > 1e-3  # every image has a z of its own


def test_what_a_script_adds_is_among_the_figures(tmp_path):
    module, vae = make("vae_tanh_binarized")
    x = np.random.default_rng(1).integers(0, 2, (64, 784)).astype(np.float32)
    args = argparse.Namespace(seed=1, epochs=1, batch_size=64, binarize="static", lr=1e-2)
    train("tanh", vae, MNIST(x, None, x, None), ResultDir(tmp_path), args)
    figures = json.loads((tmp_path / "metrics.json").read_text())
    assert 0 <= figures["wrong_pixels"] <= 1
    assert figures["spread_of_reconstructions"] > 0
    assert "z ~ Normal" in (tmp_path / "model.txt").read_text()
    for name in ("reconstructions.png", "generated.png", "inference.txt"):
        assert (tmp_path / name).stat().st_size > 10
