"""What a rating model should beat: the mean of all ratings, and biases of users and movies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from common.movielens import HIGHEST, Ratings

SHRINKAGES = (1.0, 2.0, 4.0, 8.0, 16.0)
N_SWEEPS = 30


class Biases(NamedTuple):
    """Predicts mean + bias of the user + bias of the movie.

    :param mean: of the training ratings.
    :param users: ``[n_users]``.
    :param movies: ``[n_movies]``.
    :param shrinkage: the one that they were fitted with.
    """

    mean: float
    users: np.ndarray
    movies: np.ndarray
    shrinkage: float

    def predict(self, data: Ratings) -> np.ndarray:
        """Return predictions in stars, ``[n]``.

        :param data: whose users and movies.
        """
        predicted = self.mean + self.users[data.users] + self.movies[data.movies]
        return np.clip(predicted, data.lowest, HIGHEST)


def rmse(predicted: np.ndarray | float, data: Ratings) -> float:
    """Return the root of the mean squared error, in stars.

    :param predicted: stars, ``[n]`` or one for all.
    :param data: the ratings.
    """
    return float(np.sqrt(np.mean((predicted - data.stars.astype(np.float64)) ** 2)))


def fit_biases(train: Ratings, shrinkage: float) -> Biases:
    """Fit biases by least squares with a penalty of ``shrinkage`` times their squares.

    Users and movies in turn, each exactly given the other (Koren, Bell and Volinsky 2009, eq. 3
    and 5, without factors).

    :param train: ratings.
    :param shrinkage: how many ratings of the mean each user and movie is given beside its own.
    """
    mean = float(train.stars.mean(dtype=np.float64))
    users, movies = np.zeros(train.n_users), np.zeros(train.n_movies)
    rest = train.stars.astype(np.float64) - mean
    for _ in range(N_SWEEPS):
        users = _shrunk(train.users, rest - movies[train.movies], train.n_users, shrinkage)
        movies = _shrunk(train.movies, rest - users[train.users], train.n_movies, shrinkage)
    return Biases(mean, users, movies, shrinkage)


def best_biases(train: Ratings, valid: Ratings) -> Biases:
    """Fit biases with the shrinkage that predicts the validation ratings best.

    :param train: ratings to fit.
    :param valid: ratings to choose by.
    """
    fits = [fit_biases(train, shrinkage) for shrinkage in SHRINKAGES]
    return min(fits, key=lambda fit: rmse(fit.predict(valid), valid))


def _shrunk(index: np.ndarray, rest: np.ndarray, n: int, shrinkage: float) -> np.ndarray:
    total = np.bincount(index, rest, n)
    return total / (np.bincount(index, minlength=n) + shrinkage)
