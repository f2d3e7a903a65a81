"""Ratings for the examples: layouts of MovieLens, clear errors, made-up ratings; and pmf_hmc.py."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
import pytest
from common import movielens
from common.movielens import DataError, load_movielens, make_ratings, split
from common.rating_baselines import best_biases, fit_biases, rmse
from scipy import stats
from scipy.special import expit

SCRIPT = (
    Path(__file__).resolve().parents[2] / "examples/probabilistic_matrix_factorization/pmf_hmc.py"
)

# (user, movie, rating), identifiers with gaps and out of order.
ROWS = [(7, 100, 3), (2, 50, 5), (7, 50, 1), (9, 3000, 4)]


def lines(separator, rows, header=""):
    return header + "".join(
        separator.join(map(str, [*row, 978300760 + i])) + "\n" for i, row in enumerate(rows)
    )


HEADER = "userId,movieId,rating,timestamp\n"
LAYOUTS = {"ratings.dat": ("::", ""), "u.data": ("\t", ""), "ratings.csv": (",", HEADER)}


def write(tmp_path, name, rows=ROWS):
    separator, header = LAYOUTS[name]
    path = tmp_path / name
    path.write_text(lines(separator, rows, header))
    return path


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_is_read(name, tmp_path):
    data = load_movielens(write(tmp_path, name))
    assert data.name == name
    assert (data.n_users, data.n_movies, data.lowest) == (3, 3, 1.0)
    np.testing.assert_array_equal(data.users, [1, 0, 1, 2])
    np.testing.assert_array_equal(data.movies, [1, 0, 0, 2])
    np.testing.assert_array_equal(data.stars, [3, 5, 1, 4])
    np.testing.assert_array_equal(data.scaled(), [0.5, 1.0, 0.0, 0.75])
    np.testing.assert_array_equal(data.in_stars(data.scaled()), data.stars)
    assert data.expected is None
    assert (data.users.dtype, data.movies.dtype, data.stars.dtype) == ("int32", "int32", "float32")


def test_half_stars_begin_at_a_half(tmp_path):
    data = load_movielens(write(tmp_path, "ratings.csv", [*ROWS, (8, 50, 0.5)]))
    assert data.lowest == 0.5
    np.testing.assert_allclose(data.scaled()[[1, 4]], [1.0, 0.0])


def test_lines_may_end_as_on_windows(tmp_path):
    path = write(tmp_path, "u.data")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    np.testing.assert_array_equal(load_movielens(path).stars, [3, 5, 1, 4])


GOOD = "1::2::3::4\n"
BAD_FILES = {
    "few fields": (GOOD + "1::5::3\n", "line 2: expected UserID::MovieID::Rating::Timestamp"),
    "no number": (GOOD + GOOD.replace("2", "two"), r"line 2: expected .*got '1::two::3::4'"),
    "empty line": (GOOD + "\n", "line 2: expected UserID.*got ''"),
    "rating too high": (GOOD + "1::5::6::4\n", "line 2: expected a rating from 0.5 to 5.*got '6'"),
    "rating of zero": ("1::5::0::4\n", "line 1: expected a rating from 0.5 to 5"),
    "a third of a star": ("1::5::3.3::4\n", "line 1: expected a rating .*in halves"),
    "nan": ("1::5::nan::4\n", "line 1: expected a rating"),
    "other separator": ("1 2 3 4\n", "line 1: expected one of: UserID::.*tabs.*got '1 2 3 4'"),
    "other columns": ("movieId,title,genres\n", "line 1: expected 'userId,movieId,rating,timest"),
    "long line": ("x" * 999 + "\n", r"got 'x{60}\.\.\.'$"),
    "twice": (GOOD + "1::9::3::4\n" + GOOD, "line 3: .*user 1 has rated movie 2 on line 1"),
    "twice, csv": (HEADER + "1,2,3,4\n1,2,5,4\n", "line 3: .*user 1 has rated movie 2 on line 2"),
    "empty": ("", "there are no ratings in it"),
    "header only": (HEADER, "there are no ratings in it"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_named_with_its_line(case, tmp_path):
    text, message = BAD_FILES[case]
    path = tmp_path / "mine.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load_movielens(path)
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"none.dat: No such file.*grouplens.org.*u.data"):
        load_movielens(tmp_path / "none.dat")
    with pytest.raises(DataError, match="Is a directory"):
        load_movielens(tmp_path)
    (tmp_path / "ml.zip").write_bytes(b"PK\x03\x04\xff\xfe\x80")
    with pytest.raises(DataError, match=r"ml.zip is no text file; unpack it"):
        load_movielens(tmp_path / "ml.zip")


def test_made_up_ratings_are_like_those_of_movielens():
    data = make_ratings()
    assert (data.n_users, data.n_movies, len(data.stars)) == (943, 1682, 100_000)
    pairs = data.users.astype(np.int64) * data.n_movies + data.movies
    assert len(np.unique(pairs)) == len(pairs)
    assert set(np.unique(data.stars)) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert data.lowest == 1.0
    # ml-100k: mean 3.53, deviation 1.13, 737 ratings of the busiest user.
    assert 3.3 < data.stars.mean() < 3.7
    assert 1.0 < data.stars.std() < 1.2
    assert 400 < np.bincount(data.users).max() < 1000


def test_the_expected_rating_is_the_mean_of_many():
    score, noise, n = np.array([0.8, 1.0, 2.3, 3.49, 4.9]), 0.85, 200_000
    draws = score + noise * np.random.default_rng(0).normal(size=(n, 5))
    stars = np.clip(np.round(draws), 1, 5)
    found = movielens._mean_of_rounded(score, noise)
    # Five standard errors of the mean.
    assert (np.abs(stars.mean(0) - found) < 5.0 * stars.std(0) / np.sqrt(n)).all()
    assert np.abs(found - score).max() > 0.1, "clipping moves the mean, so the test can fail"


def test_no_predictor_is_better_than_the_truth():
    data = make_ratings(n_ratings=50_000, seed=3)
    floor = rmse(data.expected, data)
    # The residuals' mean is zero wherever the truth predicts low or high: five standard errors.
    rest = data.stars - data.expected
    for part in np.array_split(np.argsort(data.expected), 8):
        assert abs(rest[part].mean()) < 5.0 * rest[part].std() / np.sqrt(len(part))
    fit = np.polyfit(data.expected, data.stars, 1)
    assert rmse(np.polyval(fit, data.expected), data) == pytest.approx(floor, abs=1e-3)
    assert rmse(data.expected + 0.1, data) > floor


def test_seeds_make_the_ratings():
    sizes = {"n_users": 30, "n_movies": 40, "n_ratings": 300}
    first, again, other = (make_ratings(**sizes, seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first[1:4], again[1:4]):
        np.testing.assert_array_equal(a, b)
    assert (first.stars != other.stars).any()
    with pytest.raises(ValueError, match="half of the 30 x 40 pairs, got 601"):
        make_ratings(n_users=30, n_movies=40, n_ratings=601)


def test_a_split_has_each_rating_once():
    data = make_ratings(n_users=30, n_movies=40, n_ratings=300)
    parts = split(data, seed=5)
    assert [len(part.stars) for part in parts] == [240, 30, 30]
    pairs = np.concatenate([part.users * 40 + part.movies for part in parts])
    order, place = np.argsort(pairs), np.argsort(data.users * 40 + data.movies)
    for field in ("stars", "expected"):
        together = np.concatenate([getattr(part, field) for part in parts])
        np.testing.assert_array_equal(together[order], getattr(data, field)[place])
    assert {(part.n_users, part.n_movies) for part in parts} == {(30, 40)}
    np.testing.assert_array_equal(parts[2].stars, split(data, seed=5)[2].stars)
    assert (parts[2].users != split(data, seed=6)[2].users).any()


def test_splits_that_cannot_be(tmp_path):
    data = make_ratings(n_users=30, n_movies=40, n_ratings=300)
    for valid, test in ((0.0, 0.1), (0.5, 0.5), (0.1, -0.1)):
        with pytest.raises(ValueError, match="must be positive and below 1 together"):
            split(data, 1, valid, test)
    with pytest.raises(DataError, match="4 ratings are too few"):
        split(load_movielens(write(tmp_path, "u.data")), 1)


def test_biases_solve_their_least_squares():
    data = make_ratings(n_users=12, n_movies=9, n_ratings=50)
    biases = fit_biases(data, shrinkage=2.0)
    # The same by the normal equations of all biases at once.
    design = np.zeros((len(data.stars), 21))
    design[np.arange(50), data.users] = 1.0
    design[np.arange(50), 12 + data.movies] = 1.0
    rest = data.stars - data.stars.mean()
    truth = np.linalg.solve(design.T @ design + 2.0 * np.eye(21), design.T @ rest)
    # float32 ratings have an exact mean here up to 1e-7.
    np.testing.assert_allclose(np.concatenate([biases.users, biases.movies]), truth, atol=1e-5)
    predicted = np.clip(data.stars.mean() + design @ truth, 1.0, 5.0)
    np.testing.assert_allclose(biases.predict(data), predicted, atol=1e-5)


def test_the_shrinkage_is_chosen_by_validation():
    train, valid, _ = split(make_ratings(n_ratings=20_000), 1)
    best = best_biases(train, valid)
    errors = [rmse(fit_biases(train, s).predict(valid), valid) for s in (1.0, 2.0, 8.0, 16.0)]
    assert rmse(best.predict(valid), valid) <= min(errors)
    assert rmse(best.predict(valid), valid) < rmse(best.mean, valid)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("pmf_hmc", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["u", "v"])
def test_the_log_joint_of_each_user_and_movie(name, script):
    args = script.make_parser().parse_args(
        ["--dim=5", "--n-particles=4", "--block-size=7", "--prior-std=0.7", "--noise-std=1.2"]
    )
    data = make_ratings(n_users=18, n_movies=30, n_ratings=60, seed=2)
    rng = np.random.default_rng(0)
    factors = {k: rng.normal(size=(4, n, 5)) for k, n in (("u", 18), ("v", 30))}
    score = (factors["u"][:, data.users] * factors["v"][:, data.movies]).sum(-1)
    log_r = stats.norm(expit(score + 0.4), 1.2 / 4.0).logpdf((data.stars - 1.0) / 4.0)
    truth = stats.norm(0.0, 0.7).logpdf(factors[name]).sum(-1)
    own = data.users if name == "u" else data.movies
    for row in range(truth.shape[1]):
        truth[:, row] += log_r[:, own == row].sum(1)
    blocks = script.make_blocks(name, data, args, 0.4)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([block.rows for block in blocks])), np.arange(truth.shape[1])
    )
    # The last movies have no rating at all: their log joint is that of the prior.
    assert name == "u" or not np.isin(blocks[-1].rows, own).all()
    for block in blocks:
        observed = {k: jt.array(array.astype(np.float32)) for k, array in factors.items()}
        observed[name] = jt.array(factors[name][:, block.rows].astype(np.float32))
        found = block.model({**observed, "r": block.r}).log_joint().numpy()
        # Sums of a few dozen float32 terms of order 10.
        np.testing.assert_allclose(found, truth[:, block.rows], rtol=1e-5, atol=1e-4)


def test_moves_find_the_posterior_of_a_user(script):
    """With known movies and one factor, a user's posterior is a number's: by quadrature."""
    args = script.make_parser().parse_args(
        ["--dim=1", "--n-particles=4", "--block-size=50", "--prior-std=1", "--noise-std=0.85"]
    )
    data = make_ratings(n_users=18, n_movies=30, n_ratings=60, seed=2)
    rng = np.random.default_rng(0)
    factors = {k: np.zeros((4, n, 1), np.float32) for k, n in (("u", 18), ("v", 30))}
    factors["v"][:] = rng.normal(size=(1, 30, 1))
    blocks = script.make_blocks("u", data, args, 0.4)
    zs.set_seed(1)
    draws = []
    for i in range(225):
        script.move("u", blocks, factors, adapt=i < 25)
        draws.append(factors["u"][:, :, 0].copy())
    draws = np.concatenate(draws[25:])  # [800, 18]
    grid = np.linspace(-6.0, 6.0, 1201)
    at = expit(grid[:, None] * factors["v"][0, data.movies, 0] + 0.4)
    log_r = stats.norm(at, 0.85 / 4.0).logpdf((data.stars - 1.0) / 4.0)
    for user in range(18):
        log_p = stats.norm.logpdf(grid) + log_r[:, data.users == user].sum(1)
        p = np.exp(log_p - log_p.max())
        p /= p.sum()
        mean = (p * grid).sum()
        std = np.sqrt((p * (grid - mean) ** 2).sum())
        # 800 draws worth 200 at least: 0.3 deviations are four standard errors.
        assert abs(draws[:, user].mean() - mean) < 0.3 * std
        assert abs(draws[:, user].std() / std - 1.0) < 0.3


def test_the_script_takes_a_file(script, tmp_path, capsys):
    data = make_ratings(n_users=40, n_movies=60, n_ratings=600)
    rows = zip(data.users + 1, data.movies + 1, data.stars.astype(int))
    path = write(tmp_path, "u.data", list(rows))
    assert script.main([f"--data={path}", "--smoke", f"--result-dir={tmp_path / 'out'}"]) == 0
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert figures["data"]["made_up"] is False
    assert set(figures["test_rmse"]) == {
        "mean", "biases", "average of epochs", "particles of the last epoch"
    }  # fmt: skip
    assert "MADE UP" not in capsys.readouterr().out
    assert script.main([f"--data={tmp_path / 'no'}", f"--result-dir={tmp_path / 'out'}"]) == 1
    assert "cannot read" in capsys.readouterr().err
