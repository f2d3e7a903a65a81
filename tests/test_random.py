"""The source of randomness: reproducible, independent between seeds, saved and split."""

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import jittor as jt
import numpy as np
import pytest
from scipy import stats

import zhusuan as zs
from zhusuan import random
from zhusuan.random import filling


def draws(n=1000):
    return random.standard_normal((n,)).numpy()


@pytest.mark.parametrize("seed_with", [zs.set_seed, jt.set_global_seed], ids=["zs", "jt"])
def test_a_seed_reproduces_the_stream(seed_with):
    seed_with(3)
    first = draws()
    seed_with(3)
    assert np.array_equal(first, draws())


def faults(seed_with, uniform):
    """Return which checks fail on the streams that ``uniform(n)`` draws after ``seed_with(seed)``.

    A correlation over n draws has sd 1 / sqrt(n) for independent streams.
    """

    def rows(seeds, n):
        out = []
        for seed in seeds:
            seed_with(seed)
            out.append(uniform(n))
        return np.array(out)

    found = set()
    n = 20_000
    if np.abs(np.corrcoef(rows(range(4), n)) - np.eye(4)).max() > 4 / np.sqrt(n):
        found.add("streams of seeds 0 to 3 are correlated")

    # Row: seed; column: which of the first ten draws. Four sd, and one more for ten columns.
    first = rows(range(300), 10)
    bound = 5 / np.sqrt(len(first))
    if max(abs(np.corrcoef(u[:-1], u[1:])[0, 1]) for u in first.T) > bound:
        found.add("first draws of neighbouring seeds are correlated")
    if max(abs(np.corrcoef(u, np.arange(len(u)))[0, 1]) for u in first.T) > bound:
        found.add("first draws follow the seed")
    if min(stats.kstest(u, "uniform").pvalue for u in first.T) < 1e-4:
        found.add("first draws over the seeds are not uniform")
    if len(np.unique(first[:, 0])) < len(first):
        found.add("two seeds start alike")
    return found


@pytest.mark.parametrize("seed_with", [zs.set_seed, jt.set_global_seed], ids=["zs", "jt"])
def test_streams_of_neighbouring_seeds_are_independent(seed_with):
    assert not faults(seed_with, lambda n: random.uniform((n,)).numpy())


def test_large_draws_of_neighbouring_seeds_are_independent():
    """They come from child streams, as do their four parts."""
    n = filling.PARALLEL_FROM
    rows = []
    for seed in range(4):
        zs.set_seed(seed)
        rows.extend(draws(n).reshape(filling.LANES, -1))
    bound = 5 / np.sqrt(n / filling.LANES)  # 120 pairs
    assert np.abs(np.corrcoef(rows) - np.eye(len(rows))).max() < bound


def test_the_same_checks_fail_on_jittors_own_generator():
    assert faults(jt.set_global_seed, lambda n: jt.rand(n).numpy()) == {
        "streams of seeds 0 to 3 are correlated",
        "first draws of neighbouring seeds are correlated",
        "first draws follow the seed",
        "first draws over the seeds are not uniform",
        "two seeds start alike",
    }


@pytest.mark.parametrize("n", [3, 32_767])
def test_draws_without_threads_are_numpys_own_stream(n):
    """Bit for bit, whatever the size of the blocks."""
    zs.set_seed(3)
    ours = [draws(n), random.uniform((n,)).numpy(), draws(n)]
    generator = np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(3)))
    f32 = np.float32
    expected = generator.standard_normal(n, f32), generator.random(n, f32)
    for drawn, reference in zip(ours, [*expected, generator.standard_normal(n, f32)]):
        assert np.array_equal(drawn, reference)


def test_large_draws_do_not_depend_on_the_number_of_threads(monkeypatch):
    n = filling.PARALLEL_FROM + 1
    zs.set_seed(3)
    expected = draws(n)
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(filling, "_pool", pool)
        zs.set_seed(3)
        assert np.array_equal(draws(n), expected)


def test_a_saved_state_continues_exactly_also_after_json():
    draws()
    state = json.loads(json.dumps(random.get_state()))
    expected = draws(), random.spawn(1)[0].generate_state(2)
    zs.set_seed(99)
    random.set_state(state)
    assert np.array_equal(draws(), expected[0])
    assert np.array_equal(random.spawn(1)[0].generate_state(2), expected[1])


def test_a_stream_of_its_own_leaves_the_outer_one_as_it_was():
    zs.set_seed(1)
    expected = draws()
    zs.set_seed(1)
    with random.stream(5):
        inner = draws()
    assert np.array_equal(draws(), expected)
    with random.stream(5):
        assert np.array_equal(draws(), inner)


def test_spawned_streams_differ_and_are_reproducible():
    def rows():
        zs.set_seed(1)
        out = []
        for sequence in random.spawn(3):
            with random.stream(sequence):
                out.append(draws())
        return np.array(out)

    first = rows()
    assert np.array_equal(first, rows())
    assert np.abs(np.corrcoef(first) - np.eye(3)).max() < 6 / np.sqrt(1000)


def _worker(queue):
    # The large draw needs threads, which the parent has started but a child does not inherit.
    queue.put(np.append(draws(4), draws(filling.PARALLEL_FROM)[:4]))


def test_forked_workers_draw_different_numbers():
    draws(filling.PARALLEL_FROM)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_worker, args=(queue,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    drawn = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert len(np.unique(drawn)) == 16


@pytest.mark.parametrize(
    ("seed", "error"), [(-1, ValueError), (2**32, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_bad_seeds_are_errors(seed, error):
    with pytest.raises(error, match="seed"):
        zs.set_seed(seed)


def test_a_wrong_state_is_an_error_and_changes_nothing():
    before = random.get_state()
    with pytest.raises(ValueError, match="random state"):
        random.set_state({"entropy": 1})
    assert random.get_state() == before
