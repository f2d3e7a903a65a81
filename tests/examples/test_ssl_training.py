"""The semi-supervised scripts: who keeps a label, and whether their bounds are what they say."""

import argparse
import importlib.util
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from common.mnist import MNIST
from common.ssl_training import EVERY_CLASS, Labelled, accuracy, split
from scipy.special import log_expit, log_softmax, logsumexp

import zhusuan as zs

SCRIPTS = Path(__file__).resolve().parents[2] / "examples" / "semi_supervised_vae"
Z, Z_WEIGHTS = np.polynomial.hermite_e.hermegauss(60)  # nodes and weights of exp(-z^2 / 2)


def _data(n_of_each):
    t = np.repeat(np.arange(10), n_of_each).astype(np.int32)
    x = np.zeros((len(t), 784), np.float32)
    x[:, 0] = t / 10  # the first pixel tells the digit
    x[:, 1] = np.arange(len(t)) / len(t)  # and the second one the image
    return MNIST(x, np.concatenate([t, t]), x[:7], t)  # labels as of a smoke run: too many


def _split(n_of_each, labels):
    args = argparse.Namespace(labels=labels, batch_size=16)
    return split(_data(n_of_each), args, np.random.default_rng(0))


def test_each_class_keeps_as_many_labels_and_no_image_is_used_twice():
    labelled, data = _split(5, 2)
    assert labelled.y.sum(0).tolist() == [2] * 10
    np.testing.assert_array_equal(labelled.x[:, 0], (labelled.y.argmax(1) / 10).astype("f"))
    kept = np.concatenate([labelled.x[:, 1], data.x_train[:, 1]])
    np.testing.assert_array_equal(np.sort(kept), _data(5).x_train[:, 1])
    np.testing.assert_array_equal(data.x_train[:, 0], (data.t_train / 10).astype("f"))
    assert len(data.t_test) == len(data.x_test)


@pytest.mark.parametrize("labels", [0, 6])
def test_a_number_of_labels_that_no_class_has_is_an_error(labels):
    with pytest.raises(ValueError, match=f"--labels must be from 1 to 5, got {labels}"):
        _split(5, labels)


def test_a_batch_has_its_own_labels_and_binary_pixels():
    x = np.repeat(EVERY_CLASS, 3, axis=0)  # pixels of 0 and 1 stay what they are
    labelled = Labelled(x, np.repeat(np.arange(10), 3), 16, np.random.default_rng(0))
    x, y = labelled.draw()
    assert list(x.shape) == [16, 10]
    np.testing.assert_array_equal(x.numpy(), y.numpy())
    grey = Labelled(np.full((4, 50), 0.5, np.float32), np.arange(4), 16, np.random.default_rng(0))
    drawn = [grey.draw()[0].numpy() for _ in range(2)]
    assert all(set(np.unique(x)) == {0.0, 1.0} for x in drawn)
    assert (drawn[0] != drawn[1]).any()


def test_accuracy_counts_the_last_images_too():
    t = np.arange(1003) % 10
    x = EVERY_CLASS[np.where(np.arange(1003) < 1001, t, (t + 1) % 10)]
    assert accuracy(lambda x: x, MNIST(x, t, x, t)) == pytest.approx(1001 / 1003)


def _model(name, labelled=None, **options):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    zs.set_seed(3)
    return module.build(argparse.Namespace(z_dim=1, lr=1e-3, **options), labelled)


def _weights(net):
    return {name: var.numpy().astype(np.float64) for name, var in net.state_dict().items()}


def _log_p_x(weights, x, z):
    """Return log p(x | y, z) for the ten y and each of the z, shapes [10, n] -> [10, n]."""
    at = {k: v for k, v in weights.items() if k.startswith("generator.")}
    h = z[..., None] * at["generator.from_z.weight"][:, 0] + at["generator.from_z.bias"]
    h = np.maximum(h + at["generator.from_y.weight"].T[:, None], 0)
    h = np.maximum(h @ at["generator.hidden.weight"].T + at["generator.hidden.bias"], 0)
    logits = h @ at["generator.to_x.weight"].T + at["generator.to_x.bias"]
    return (x * log_expit(logits) + (1 - x) * log_expit(-logits)).sum(-1)


def _image():
    return (np.random.default_rng(5).random(784) < 0.2).astype(np.float32)


def test_the_bound_of_m2_is_that_of_a_sum_over_all_labels():
    model = _model("vae_ssl")
    x = _image()
    bound = _weights(model.weights[0])
    h = bound["variational.from_x.weight"] @ x + bound["variational.from_x.bias"]
    h = np.maximum(h + bound["variational.from_y.weight"].T, 0)  # [10, N_HIDDEN]
    h = bound["variational.hidden.weight"] @ h.T + bound["variational.hidden.bias"][:, None]
    h = np.maximum(h, 0).T
    mean, logstd = (
        h @ bound[f"variational.{k}.weight"].T + bound[f"variational.{k}.bias"]
        for k in ("mean", "logstd")
    )  # [10, 1]
    log_q_y = log_softmax(model.classifier(jt.array(x[None])).numpy()[0].astype(np.float64))
    log_p = (_log_p_x(bound, x, mean + np.exp(logstd) * Z) * Z_WEIGHTS).sum(1) / Z_WEIGHTS.sum()
    kl = (mean**2 + np.exp(2 * logstd) - 1 - 2 * logstd)[:, 0] / 2
    exact = (np.exp(log_q_y) * (log_q_y + np.log(10) - log_p + kl)).sum()
    with jt.no_grad():
        losses = [
            model.loss(jt.array(np.tile(x, (100, 1)))).item() for _ in range(20)
        ]  # each the mean of 100 draws
    error = np.std(losses, ddof=1) / np.sqrt(len(losses))
    assert error < 0.3  # so that a term left out, such as log 10, shows
    assert abs(np.mean(losses) - exact) < 4 * error + 1e-3


def test_the_bound_of_many_particles_is_the_evidence():
    model = _model("vae_ssl_adaptive_is", particles=4000)
    x = _image()
    weights = _weights(model.weights)
    log_p = _log_p_x(weights, x, np.tile(Z, (10, 1)))
    exact = logsumexp(log_p, b=Z_WEIGHTS / Z_WEIGHTS.sum()) - np.log(10)
    with jt.no_grad():
        loss = model.loss(jt.array(x[None])).item()
    # The spread of 4000 weights of an untrained net is that of about 0.02.
    assert -loss == pytest.approx(exact, abs=0.1)


@pytest.mark.parametrize("name", ["vae_ssl", "vae_ssl_adaptive_is"])
def test_images_without_labels_teach_the_classifier_after_the_warm_up_only(name):
    labelled = Labelled(_image()[None], np.array([3]), 1, np.random.default_rng(0))
    # A weight of 0 leaves the labels out, so that all it learns comes from the other images.
    model = _model(name, labelled, warm_up=1, label_weight=0.0, particles=10)
    x = jt.array(np.tile(_image(), (4, 1)))
    weights = [model.classifier.fc1.weight.numpy()]
    others = [model.weights.parameters()[0].numpy()]
    for _ in range(2):
        model.step(x)
        weights.append(model.classifier.fc1.weight.numpy())
        others.append(model.weights.parameters()[0].numpy())
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[1] != weights[2]).any()
    assert (others[0] != others[1]).any()
