"""The training that the scripts for variational auto-encoders share."""

import argparse

import jittor as jt
import numpy as np
import pytest
from common.mnist import MNIST
from common.vae_training import evaluate, make_parser, train_epoch


class MeanOfBatch:
    """A loss that is the mean of a batch's rows, and counts them."""

    def __init__(self):
        self.sizes = []

    def __call__(self, x):
        self.sizes.append(int(x.shape[0]))
        return x.sum() / x.shape[0]


def test_evaluation_counts_every_image():
    x = np.ones((200, 3), dtype=np.float32)
    x[192:] = 7.0  # the last batch of 8 alone would weigh as much as one of 48
    loss = MeanOfBatch()
    assert evaluate(loss, x, 48) == pytest.approx(x.sum() / 200)
    assert loss.sizes == [48, 48, 48, 48, 8]


def _train(step):
    x = np.ones((200, 3), dtype=np.float32)
    x[100:] = 7.0
    args = argparse.Namespace(batch_size=48, epochs=1, binarize="none", lr=1e-3)
    data = MNIST(x, np.zeros(200), x, np.zeros(200))
    return train_epoch(step, data, args, np.random.default_rng(0), 1)


def test_the_training_loss_is_per_image():
    step = MeanOfBatch()
    assert _train(step) == pytest.approx(12.0)
    assert sum(step.sizes) == 200


def test_a_loss_that_is_not_finite_stops_the_training():
    with pytest.raises(FloatingPointError, match=r"epoch 1, step 5: try a lower --lr"):
        _train(lambda x: x.sum() * jt.array([np.nan]))


def test_the_options_have_the_documented_defaults():
    args = make_parser("Train.", "results/here").parse_args([])
    assert vars(args) == {
        "epochs": 10, "batch_size": 64, "z_dim": 40, "lr": 1e-3, "seed": 1,
        "result_dir": "results/here", "data_dir": None, "binarize": "none", "cuda": None,
        "path_derivative": True,
    }  # fmt: skip
