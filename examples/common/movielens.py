"""Ratings of movies by users: MovieLens files of one's own, or made-up ratings of known truth.

::

    data = load_movielens("ml-100k/u.data")
    train, valid, test = split(data, seed=1)

GroupLens does not allow others to hand its files on, so none comes with ZhuSuan. Download one
from https://grouplens.org/datasets/movielens/ and unpack it; three layouts are known by their
first line:

* ``ratings.dat`` of ml-1m and ml-10m: ``UserID::MovieID::Rating::Timestamp``;
* ``u.data`` of ml-100k: user, movie, rating and timestamp, parted by tabs;
* ``ratings.csv`` of ml-latest, ml-20m and others: ``userId,movieId,rating,timestamp``.

(Harper and Konstan 2015, "The MovieLens datasets: history and context".)
:func:`make_ratings` makes up ratings instead.
"""

from __future__ import annotations

import math
import os
from array import array
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.mnist_files import DataError

__all__ = ["DataError", "Ratings", "load_movielens", "make_ratings", "split"]

HIGHEST = 5.0
HEADER = "userId,movieId,rating,timestamp"


class Ratings(NamedTuple):
    """Ratings, one a row.

    :param name: what messages and results call them.
    :param users: number of the user, ``int32 [n]``, from 0.
    :param movies: number of the movie, ``int32 [n]``, from 0.
    :param stars: the ratings, ``float32 [n]``.
    :param n_users: number of users.
    :param n_movies: number of movies.
    :param lowest: the lowest rating that can be given; the highest is 5.
    :param expected: the mean rating, given all about user and movie, ``float64 [n]``; None where
        nobody knows. No prediction has a smaller mean squared error.
    """

    name: str
    users: np.ndarray
    movies: np.ndarray
    stars: np.ndarray
    n_users: int
    n_movies: int
    lowest: float
    expected: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Ratings:
        """Return some of the ratings; users and movies keep their numbers.

        :param rows: which.
        """
        expected = None if self.expected is None else self.expected[rows]
        return self._replace(
            users=self.users[rows],
            movies=self.movies[rows],
            stars=self.stars[rows],
            expected=expected,
        )

    @property
    def span(self) -> float:
        """From the lowest to the highest rating, in stars."""
        return HIGHEST - self.lowest

    def scaled(self) -> np.ndarray:
        """Return the ratings mapped linearly to [0, 1]: 0 the lowest, 1 five stars."""
        return (self.stars - self.lowest) / self.span

    def in_stars(self, scaled: np.ndarray) -> np.ndarray:
        """Return ratings, or predictions, of [0, 1] in stars.

        :param scaled: any shape.
        """
        return self.lowest + self.span * scaled


class Layout(NamedTuple):
    """How a line is written.

    :param separator: between the four fields.
    :param line: what a line is, for messages.
    :param has_header: whether the first line has the names of the fields.
    """

    separator: str
    line: str
    has_header: bool = False


LAYOUTS = (
    Layout("::", "UserID::MovieID::Rating::Timestamp"),
    Layout("\t", "user, movie, rating and timestamp, parted by tabs"),
    Layout(",", HEADER, has_header=True),
)


def load_movielens(path: str | os.PathLike[str]) -> Ratings:
    """Read ratings from a file of MovieLens.

    Users and movies are numbered from 0 in the order of their identifiers. Those without a rating
    are not there.

    :param path: ``ratings.dat``, ``u.data`` or ``ratings.csv``, unpacked.
    :returns: all ratings, in the order of the file.
    :raises DataError: when the file cannot be read, a line is not as it should be, or a user has
        rated a movie twice; names file and line, and says what was expected.
    """
    path = Path(path).expanduser()
    users, movies, stars = array("q"), array("q"), array("f")
    layout = None
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                text = line.rstrip("\r\n")
                if layout is None:
                    layout = _layout(path, text)
                    if layout.has_header:
                        continue
                user, movie, rating = _parse(path, number, text, layout)
                users.append(user)
                movies.append(movie)
                stars.append(rating)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text file; unpack it if it is an archive") from error
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}. Ratings are files of MovieLens, "
            "https://grouplens.org/datasets/movielens/: ratings.dat, u.data or ratings.csv"
        ) from error
    if layout is None or not len(stars):
        raise DataError(f"{path}: there are no ratings in it")
    return _numbered(path, layout, np.asarray(users), np.asarray(movies), np.asarray(stars))


def make_ratings(
    n_users: int = 943,
    n_movies: int = 1682,
    n_ratings: int = 100_000,
    rank: int = 4,
    noise: float = 0.85,
    seed: int = 1,
) -> Ratings:
    r"""Make up ratings from factors that are known; sizes are by default those of ml-100k.

    User i gives to movie j

    .. math::

        r_{ij} = \mathrm{round}\left(1 + 4\,\mathrm{sigmoid}(0.6 + a_i + b_j + p_i^\top q_j)
            + \sigma\,\epsilon_{ij}\right), \text{ but at least 1 and at most 5},

    with :math:`a_i \sim N(0, 0.4^2)`, :math:`b_j \sim N(0, 0.5^2)`, and :math:`p_i^\top q_j` of
    ``rank`` terms with a variance of :math:`0.6^2` in all, all normal: the scores have the rank
    ``rank`` + 2. How many ratings a user gives and a movie gets varies as it does in MovieLens,
    over more than two orders of magnitude; which movies a user rates says nothing of the score.

    :param n_users: number of users.
    :param n_movies: number of movies.
    :param n_ratings: about how many ratings; repeated pairs are dropped and made up for.
    :param rank: of the interaction.
    :param noise: :math:`\sigma`, in stars.
    :param seed: of everything.
    :returns: the ratings in random order, with their ``expected`` values.
    :raises ValueError: when there are more ratings than half of the pairs.
    """
    if not 0 < n_ratings <= n_users * n_movies / 2:
        raise ValueError(
            f"make_ratings: n_ratings must be from 1 to half of the {n_users} x {n_movies} pairs, "
            f"got {n_ratings}"
        )
    rng = np.random.default_rng(seed)
    pairs = _pairs(rng, n_users, n_movies, n_ratings)
    users, movies = pairs // n_movies, pairs % n_movies
    a, b = 0.4 * rng.normal(size=n_users), 0.5 * rng.normal(size=n_movies)
    p, q = rng.normal(size=(n_users, rank)), rng.normal(size=(n_movies, rank))
    taste = 0.6 / math.sqrt(rank) * (p[users] * q[movies]).sum(1)
    score = 1.0 + 4.0 / (1.0 + np.exp(-(0.6 + a[users] + b[movies] + taste)))
    stars = np.clip(np.round(score + noise * rng.normal(size=len(score))), 1.0, HIGHEST)
    return Ratings(
        "made-up",
        users.astype(np.int32),
        movies.astype(np.int32),
        stars.astype(np.float32),
        n_users,
        n_movies,
        lowest=1.0,
        expected=_mean_of_rounded(score, noise),
    )


def split(
    data: Ratings, seed: int, valid: float = 0.1, test: float = 0.1
) -> tuple[Ratings, Ratings, Ratings]:
    """Divide ratings at random into training, validation and test data.

    :param data: all of them.
    :param seed: of the division.
    :param valid: part of them for validation.
    :param test: part of them for the test.
    :raises ValueError: when a part is out of range.
    :raises DataError: when there are too few ratings.
    """
    if not (valid > 0 and test > 0 and valid + test < 1):
        raise ValueError(
            f"split: valid and test must be positive and below 1 together, got {valid} and {test}"
        )
    n = len(data.stars)
    n_valid, n_test = round(n * valid), round(n * test)
    if not (n_valid and n_test and n - n_valid - n_test):
        raise DataError(f"{data.name}: {n} ratings are too few to be divided into three parts")
    order = np.random.default_rng(seed).permutation(n)
    cut = n - n_valid - n_test
    parts = np.split(order, [cut, cut + n_valid])
    train, held_out, last = (data.take(np.sort(part)) for part in parts)
    return train, held_out, last


def _layout(path: Path, first: str) -> Layout:
    for layout in LAYOUTS:
        if layout.separator in first:
            if layout.has_header and first.split(",")[:3] != HEADER.split(",")[:3]:
                raise DataError(f"{path}, line 1: expected {HEADER!r}, got {_short(first)}")
            return layout
    known = "; ".join(layout.line for layout in LAYOUTS)
    raise DataError(f"{path}, line 1: expected one of: {known}; got {_short(first)}")


def _parse(path: Path, number: int, text: str, layout: Layout) -> tuple[int, int, float]:
    try:
        user_text, movie_text, rating_text, _ = text.split(layout.separator)
        user, movie, rating = int(user_text), int(movie_text), float(rating_text)
    except ValueError:
        raise DataError(
            f"{path}, line {number}: expected {layout.line} (whole numbers for user and movie), "
            f"got {_short(text)}"
        ) from None
    # Half stars are the finest that MovieLens has had.
    if not (0.5 <= rating <= HIGHEST and rating % 0.5 == 0.0):
        raise DataError(
            f"{path}, line {number}: expected a rating from 0.5 to 5 stars in halves, "
            f"got {_short(rating_text)}"
        )
    return user, movie, rating


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _numbered(
    path: Path, layout: Layout, users: np.ndarray, movies: np.ndarray, stars: np.ndarray
) -> Ratings:
    user_ids, users = np.unique(users, return_inverse=True)
    movie_ids, movies = np.unique(movies, return_inverse=True)
    pairs = users * np.int64(len(movie_ids)) + movies
    order = np.argsort(pairs, kind="stable")
    again = np.flatnonzero(pairs[order][1:] == pairs[order][:-1])
    if again.size:
        first, second = (int(order[again[0] + k]) for k in (0, 1))
        line = 2 if layout.has_header else 1
        raise DataError(
            f"{path}, line {second + line}: expected one rating of each movie by a user, but user "
            f"{user_ids[users[second]]} has rated movie {movie_ids[movies[second]]} on line "
            f"{first + line}"
        )
    return Ratings(
        path.name,
        users.astype(np.int32),
        movies.astype(np.int32),
        stars.astype(np.float32),
        len(user_ids),
        len(movie_ids),
        # A set without half stars is one of the older ones, from 1 to 5.
        lowest=1.0 if (stars % 1.0 == 0.0).all() else 0.5,
    )


def _pairs(rng: np.random.Generator, n_users: int, n_movies: int, n_ratings: int) -> np.ndarray:
    """Draw different pairs, ``user * n_movies + movie``, in random order."""
    # Log-normal weights: in ml-100k a user's counts go from 20 to 737, a movie's from 1 to 583.
    active = np.exp(rng.normal(0.0, 0.9, n_users))
    popular = np.exp(rng.normal(0.0, 1.4, n_movies))
    found = np.empty(0, np.int64)
    while len(found) < n_ratings:
        user = rng.choice(n_users, n_ratings, p=active / active.sum())
        movie = rng.choice(n_movies, n_ratings, p=popular / popular.sum())
        both = np.concatenate([found, user * np.int64(n_movies) + movie])
        _, first = np.unique(both, return_index=True)
        found = both[np.sort(first)]
    return found[:n_ratings]


def _mean_of_rounded(score: np.ndarray, noise: float) -> np.ndarray:
    """Return the mean of ``clip(round(score + noise * normal), 1, 5)``.

    It is 1 and the probabilities that the rating is above 1, 2, 3 and 4.
    """
    mean = np.ones(len(score))
    for boundary in (1.5, 2.5, 3.5, 4.5):
        z = (score - boundary) / (noise * math.sqrt(2.0))
        mean += 0.5 * (1.0 + np.array([math.erf(value) for value in z]))
    return mean
