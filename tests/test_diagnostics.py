"""Convergence diagnostics against ArviZ, closed forms, SciPy and broken chains."""

import html
import importlib
import types

import numpy as np
import pytest
from scipy import stats as scipy_stats

from zhusuan import diagnostics
from zhusuan.diagnostics import _draws, _quantiles


def uniforms(n, seed=0):
    """Return n numbers in (0, 1) by splitmix64, the same with any version of numpy."""
    x = np.arange(1, n + 1, dtype=np.uint64) + np.uint64(seed << 32)
    x *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    x ^= x >> np.uint64(31)
    return ((x >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def autoregression(n_chains, n_draws, rho, seed):
    """Return chains x_t = rho x_{t-1} + noise, the noise a sum of three uniforms."""
    noise = uniforms(3 * n_chains * n_draws, seed).reshape(3, n_chains, n_draws).sum(0) - 1.5
    chains = noise.copy()
    for t in range(1, n_draws):
        chains[:, t] += rho * chains[:, t - 1]
    return chains


def scaled(chains, first, shift=0.0):
    return np.concatenate([chains[:1] * first + shift, chains[1:]])


def rational(u):
    """Return a variable with tails as heavy as Cauchy's."""
    return (u - 0.5) / (u * (1.0 - u))


DRAWS = {
    "autocorrelated": autoregression(4, 500, 0.7, 1),
    "odd": autoregression(3, 101, 0.3, 2),
    "antithetic, one chain": autoregression(1, 250, -0.5, 3),
    "shifted": scaled(autoregression(4, 200, 0.0, 4), 1.0, 0.3),
    "scaled": scaled(autoregression(4, 200, 0.0, 5), 3.0),
    "heavy tails": rational(uniforms(1200, 6)).reshape(4, 300),
    "discrete": np.floor(4 * uniforms(300, 7)).reshape(3, 100),
    "two values": (uniforms(160, 8) < 0.3).reshape(2, 80),
    "signs, half of each": np.where(np.argsort(uniforms(80, 17)) < 40, -1, 1).reshape(2, 40),
    "many chains": autoregression(16, 30, 0.5, 9),
    "four draws": autoregression(2, 4, 0.0, 10),
    "five draws": autoregression(2, 5, 0.0, 11),
    "seven draws": autoregression(2, 7, 0.5, 12),
    "three draws": autoregression(2, 3, 0.0, 13),
    "constant": np.full((2, 10), 1.5),
    "chains that stand still": np.repeat([[1.0], [2.0], [4.0]], 8, 1),
    "infinite": np.where(np.arange(80).reshape(2, 40) == 5, np.inf, autoregression(2, 40, 0, 14)),
    "NaN": np.where(np.arange(80).reshape(2, 40) == 5, np.nan, autoregression(2, 40, 0, 14)),
}

FIGURES = {
    "rhat rank": diagnostics.rhat,
    "rhat z_scale": lambda x: diagnostics.rhat(x, "z_scale"),
    "rhat folded": lambda x: diagnostics.rhat(x, "folded"),
    "rhat split": lambda x: diagnostics.rhat(x, "split"),
    "rhat identity": lambda x: diagnostics.rhat(x, "identity"),
    "ess bulk": diagnostics.ess_bulk,
    "ess tail": diagnostics.ess_tail,
    "ess mean": diagnostics.ess_mean,
    "ess sd": diagnostics.ess_sd,
    "ess quantile": lambda x: diagnostics.ess_quantile(x, 0.3),
    "mcse mean": diagnostics.mcse_mean,
    "mcse sd": diagnostics.mcse_sd,
    "mcse quantile": lambda x: diagnostics.mcse_quantile(x, 0.1),
}


def arviz_figures(arviz, draws):
    """Return what ArviZ 0.x says, in the order of FIGURES; this made ARVIZ below."""
    draws = draws.astype(float)  # it cannot take quantiles of bools
    methods = ("rank", "z_scale", "folded", "split", "identity")
    found = [arviz.rhat(draws, method=method) for method in methods]
    found += [arviz.ess(draws, method=method) for method in ("bulk", "tail", "mean", "sd")]
    found.append(arviz.ess(draws, method="quantile", prob=0.3))
    found += [arviz.mcse(draws, method=method) for method in ("mean", "sd")]
    found.append(arviz.mcse(draws, method="quantile", prob=0.1))
    return np.array([float(value) for value in found])


nan, inf = np.nan, np.inf

# By ArviZ 0.23.4, the figures in the order of FIGURES.
ARVIZ = {
    "autocorrelated": [
        1.00873613372, 1.00873613372, 1.00363989146, 1.00862639908, 1.00252616547, 378.015249011,
        612.107871573, 376.884123676, 690.508470215, 556.50039608, 0.0366186253878,
        0.0188287258427, 0.055401018928,
    ],
    "odd": [
        1.00009969841, 1.00009969841, 0.99599056702, 0.999445914909, 0.997770606587,
        205.844399726, 270.268828054, 205.00254269, 334.157412976, 221.360179083, 0.0352020041469,
        0.0188851099264, 0.0554922424866,
    ],
    "antithetic, one chain": [
        nan, nan, nan, nan, nan, 599.485002168, 234.21589106, 599.485002168, 193.385633839,
        440.709219175, 0.0247421035175, 0.0241869805276, 0.0439303142141,
    ],
    "shifted": [
        1.03456821923, 1.03456821923, 0.997449322123, 1.03400453005, 1.0382954979, 91.5469464541,
        730.240182867, 94.2779248805, 674.59261089, 679.291591618, 0.0539134477691,
        0.0129743194257, 0.0360004917634,
    ],
    "scaled": [
        1.13559660602, 0.997148790727, 1.13559660602, 0.996881017989, 0.998563670449,
        629.600193997, 40.0179178466, 643.305944302, 16.7527420759, 535.330180193, 0.034692062831,
        0.244733126199, 0.28492550281,
    ],
    "heavy tails": [
        0.999378986658, 0.99841975349, 0.999378986658, 0.999276452373, 1.00014551999,
        1335.10928673, 1216.44489374, 1335.94395858, 1212.7702027, 1257.46732119, 0.667180909773,
        5.26629807751, 0.372024715903,
    ],
    "discrete": [
        0.99469269868, 0.991040156046, 0.99469269868, 0.991370814556, 0.995371528006,
        276.349968171, 300, 272.530306344, 261.681871474, 265.037204107, 0.0667240904278,
        0.0281115054609, 0,
    ],
    "two values": [
        0.990778832499, 0.990778832499, 0.990778832499, 0.990778832499, 0.99391747129,
        181.805038018, 160, 181.805038018, 181.805038018, 181.805038018, 0.0338864942009,
        0.0152964622871, 0,
    ],
    "signs, half of each": [
        0.984524931173, 0.984524931173, nan, 0.984524931173, 0.989892528533, 87.4889035251, 80,
        87.4889035251, 80, 87.4889035251, 0.107585801839, 0, 0,
    ],
    "many chains": [
        1.07041016451, 1.07041016451, 1.01271731369, 1.07114464619, 1.03192681776, 198.390933908,
        424.059450899, 193.545049483, 405.89471183, 294.039439901, 0.0386872364998,
        0.0183489799014, 0.0618058821502,
    ],
    "four draws": [
        1.31879964162, 1.31879964162, 1.04623385539, 1.41115720243, 1.43442598929, 7.22471989594,
        7.22471989594, 7.22471989594, 7.22471989594, 7.22471989594, 0.22467930507, 0.11328906445,
        0.304809608501,
    ],
    "five draws": [
        1.29927033811, 0.772914388608, 1.29927033811, 0.808031234933, 0.89725114866,
        7.22471989594, 7.22471989594, 7.22471989594, 7.22471989594, 7.22471989594, 0.143062027148,
        0.0669656529405, 0.237235196993,
    ],
    "seven draws": [
        1.35338173359, 1.35338173359, 1.24818588649, 1.52353987207, 1.22479405545, 12.9501749526,
        12.9501749526, 12.9501749526, 12.9501749526, 12.9501749526, 0.176486475211,
        0.109844828079, 0.276953848737,
    ],
    "three draws": [
        nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan,
    ],
    "constant": [
        nan, nan, nan, nan, nan, 20, 20, 20, 20, 20, 0, nan, 0,
    ],
    "chains that stand still": [
        inf, inf, inf, inf, inf, 33.1250698011, 24, 33.1250698011, 33.1250698011, 33.1250698011,
        0.221363526536, 0.0766159813294, 0,
    ],
    "infinite": [
        1.00621174748, 1.00621174748, 0.97983788632, nan, nan, 128.983730409, 95.0761828388, nan,
        nan, 90.7521002021, nan, nan, 0.147727204083,
    ],
    "NaN": [
        nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan,
    ],
}  # fmt: skip

# Where ArviZ's within-chain variances are rounding errors, its R-hat is 1e16 or infinite: here they
# are exactly zero. Elsewhere both follow the same formulas in double precision.
RTOL = 1e-9


@pytest.mark.parametrize("name", list(DRAWS))
def test_all_figures_are_those_of_arviz(name):
    found = [float(figure(DRAWS[name])) for figure in FIGURES.values()]
    np.testing.assert_allclose(found, ARVIZ[name], rtol=RTOL, atol=1e-12)


def test_e_bfmi_is_that_of_arviz():
    walks = np.cumsum(autoregression(3, 60, 0.5, 15) * [[0.2], [1.0], [3.0]], 1)
    energy = 0.2 * walks + autoregression(3, 60, 0.0, 16)
    # By ArviZ 0.23.4.
    expected = [1.7078511247488195, 0.9538977064265914, 0.09588302961640233]
    np.testing.assert_allclose(diagnostics.e_bfmi(energy), expected, rtol=RTOL)
    assert np.isnan(diagnostics.e_bfmi(energy[:, :1])).all()


def test_figures_of_random_draws_are_those_of_the_arviz_that_is_installed():
    arviz = pytest.importorskip("arviz", reason="ArviZ is optional")
    if not arviz.__version__.startswith("0."):
        pytest.skip("ArviZ 1.x rounds quantiles that fall upon a draw in its own way")
    rng = np.random.default_rng(0)
    for _ in range(20):
        draws = rng.standard_normal((rng.integers(1, 5), rng.integers(4, 300)))
        for t in range(1, draws.shape[1]):
            draws[:, t] += 0.6 * draws[:, t - 1]
        found = [float(figure(draws)) for figure in FIGURES.values()]
        np.testing.assert_allclose(found, arviz_figures(arviz, draws), rtol=1e-6)
    np.testing.assert_allclose(diagnostics.e_bfmi(draws), arviz.bfmi(draws), rtol=1e-6)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.8])
def test_sizes_of_autoregressions_are_the_closed_form(rho):
    rng = np.random.default_rng(1)
    n_chains, n_draws, n_repeats = 4, 2000, 40
    x = rng.standard_normal((n_chains, n_draws, n_repeats))
    x[:, 1:] *= np.sqrt(1.0 - rho**2)
    for t in range(1, n_draws):
        x[:, t] += rho * x[:, t - 1]
    n = n_chains * n_draws
    exact = n * (1.0 - rho) / (1.0 + rho)
    # Standard errors of the averages over 40 repeats are 1% to 2%; Geyer's sum is a few percent
    # off for a finite number of draws.
    np.testing.assert_allclose(diagnostics.ess_mean(x).mean(), exact, rtol=0.07)
    np.testing.assert_allclose(diagnostics.ess_bulk(x).mean(), exact, rtol=0.07)
    # Squares are autocorrelated with rho^2.
    squares = n * (1.0 - rho**2) / (1.0 + rho**2)
    np.testing.assert_allclose(diagnostics.ess_sd(x).mean(), squares, rtol=0.07)
    np.testing.assert_allclose(diagnostics.mcse_mean(x).mean(), exact**-0.5, rtol=0.05)
    # The error of the mean is what means of repeats scatter by: 1 / sqrt(2 * 40) = 11% for one sd.
    scatter = x.mean((0, 1)).std() / diagnostics.mcse_mean(x).mean()
    assert 0.6 < scatter < 1.4


def test_errors_of_independent_draws_are_the_closed_forms():
    x = np.random.default_rng(2).standard_normal((4, 1000, 50))
    n = 4000
    # Sizes scatter by some 3% each, errors by half of it; the average of 50 is within 1%, and the
    # sum over lags is biased by 1% or 2%.
    np.testing.assert_allclose(diagnostics.mcse_mean(x).mean(), n**-0.5, rtol=0.04)
    np.testing.assert_allclose(diagnostics.mcse_sd(x).mean(), (2 * n) ** -0.5, rtol=0.04)
    for prob in (0.05, 0.5):
        density = scipy_stats.norm.pdf(scipy_stats.norm.ppf(prob))
        exact = np.sqrt(prob * (1 - prob) / n) / density
        # Gaps between draws in the tail add noise of 20% to each.
        np.testing.assert_allclose(diagnostics.mcse_quantile(x, prob).mean(), exact, rtol=0.08)
    assert (diagnostics.rhat(x) < 1.01).all()


def test_a_chain_with_another_mean_is_caught():
    x = np.random.default_rng(3).standard_normal((4, 500))
    assert diagnostics.rhat(x) < 1.01
    x[0] += 0.5
    assert diagnostics.rhat(x) > 1.01
    assert diagnostics.ess_bulk(x) < 400


def test_a_chain_with_another_scale_is_caught_by_distances_alone():
    x = np.random.default_rng(4).standard_normal((4, 500))
    x[0] *= 3.0
    assert diagnostics.rhat(x) > 1.01
    assert diagnostics.rhat(x, "folded") > 1.01
    # R-hat of the draws or of their ranks alone, and that of 1992, see nothing.
    for method in ("z_scale", "split", "identity"):
        assert diagnostics.rhat(x, method) < 1.01


def test_ranks_find_a_shift_among_heavy_tails():
    x = np.random.default_rng(5).standard_cauchy((4, 500))
    x[0] += 2.0
    assert diagnostics.rhat(x) > 1.05
    assert diagnostics.rhat(x, "split") < 1.01


def test_a_drift_that_all_chains_share_is_caught_by_the_cut():
    x = np.random.default_rng(6).standard_normal((4, 500)) + np.linspace(0.0, 2.0, 500)
    assert diagnostics.rhat(x) > 1.05
    assert diagnostics.rhat(x, "identity") < 1.01


def test_dims_past_the_draws_are_kept_and_large_arrays_are_cut(monkeypatch):
    x = np.random.default_rng(7).standard_normal((2, 50, 3, 4)).astype(np.float32)
    x[1, 7, 0, 2] = np.nan
    for figure in FIGURES.values():
        whole = figure(x)
        assert whole.shape == (3, 4)
        assert whole.dtype == np.float64
        assert np.isnan(whole[0, 2])
        assert np.isfinite(np.delete(whole.ravel(), 2)).all()
        assert isinstance(figure(x[..., 1, 1]), float)
        assert figure(x[..., 1, 1]) == pytest.approx(whole[1, 1], rel=1e-12)
        assert figure(x[..., :0]).shape == (3, 0)
    whole = diagnostics.summary({"x": x}).to_dict()
    monkeypatch.setattr(_draws, "_BLOCK", 300)
    pieces = diagnostics.summary({"x": x}).to_dict()
    assert list(pieces) == list(whole)
    for name, row in whole.items():
        np.testing.assert_allclose(list(pieces[name].values()), list(row.values()), rtol=1e-12)


def test_normal_scores_are_scipys_of_average_ranks():
    block = np.round(np.random.default_rng(8).standard_normal((3, 2, 40)), 1)
    for found, draws in zip(_draws.normal_scores(block), block):
        ranks = scipy_stats.rankdata(draws).reshape(draws.shape)
        expected = scipy_stats.norm.ppf((ranks - 0.375) / (draws.size + 0.25))
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_normal_and_beta_quantiles_are_scipys():
    p = np.concatenate([np.logspace(-300, -1, 200), np.linspace(0.05, 0.95, 91)])
    np.testing.assert_allclose(
        _quantiles.normal_quantile(p), scipy_stats.norm.ppf(p), rtol=1e-14, atol=1e-16
    )
    a = np.array([1.0, 1.0, 1.5, 3.0, 20.0, 400.0, 1e4, 2e5, 1.0, 5e3])
    b = np.array([1.0, 9.0, 2.5, 1.0, 30.0, 20.0, 1e4, 1e6, 1e5, 1.0])
    for prob in (0.001, 0.1586553, 0.8413447):
        expected = scipy_stats.beta.ppf(prob, a, b)
        # Both are within some 1e-13 at these shapes; a place among draws needs 1e-6.
        np.testing.assert_allclose(_quantiles.beta_quantile(prob, a, b), expected, rtol=1e-11)
        np.testing.assert_allclose(_quantiles.beta_cdf(expected, a, b), prob, rtol=1e-9)


BAD_DRAWS = [
    (np.zeros(10), ValueError, r"shape \[n_chains, n_draws, ...\], got \[10\]; a single chain is"),
    (np.zeros([0, 10]), ValueError, "no chain"),
    (np.zeros([2, 10], complex), TypeError, "real numbers.*complex128"),
    ([["a", "b"]], TypeError, "real numbers"),
    ({"x": 1}, TypeError, "real numbers, got dict"),
]


@pytest.mark.parametrize(("draws", "error", "message"), BAD_DRAWS)
def test_bad_draws_are_one_clear_error(draws, error, message):
    for figure in (*FIGURES.values(), diagnostics.e_bfmi):
        with pytest.raises(error, match=message):
            figure(draws)


def test_bad_options_are_clear_errors():
    x = np.zeros([2, 10])
    with pytest.raises(ValueError, match="method must be one of .*'rank'.*got 'bulk'"):
        diagnostics.rhat(x, "bulk")
    for prob in (1.5, -0.1, np.nan, [0.1, 0.2]):
        with pytest.raises(ValueError, match="prob must be a number between 0 and 1"):
            diagnostics.ess_quantile(x, prob)
        with pytest.raises(ValueError, match="prob must be a number between 0 and 1"):
            diagnostics.mcse_quantile(x, prob)
    with pytest.raises(ValueError, match=r"energy must have shape .* got \[2, 10, 1\]"):
        diagnostics.e_bfmi(x[..., None])


def good_samples():
    rng = np.random.default_rng(9)
    return {"mu": rng.standard_normal((4, 400)), "theta": rng.standard_normal((4, 400, 2, 3))}


def test_summary_has_the_figures_of_the_functions():
    samples = good_samples()
    found = diagnostics.summary(samples)
    expected = {
        "mean": lambda x: x.mean((0, 1)),
        "sd": lambda x: (
            x.std((0, 1), ddof=1) if x.ndim == 2 else x.reshape(1600, 2, 3).std(0, ddof=1)
        ),
        "mcse_mean": diagnostics.mcse_mean,
        "mcse_sd": diagnostics.mcse_sd,
        "5%": lambda x: np.quantile(x, 0.05, (0, 1)),
        "95%": lambda x: np.quantile(x, 0.95, (0, 1)),
        "ess_bulk": diagnostics.ess_bulk,
        "ess_tail": diagnostics.ess_tail,
        "r_hat": diagnostics.rhat,
    }
    for name, draws in samples.items():
        assert list(found[name]) == list(expected)
        for column, figure in expected.items():
            np.testing.assert_allclose(found[name][column], figure(draws), rtol=1e-12)
    assert list(found) == ["mu", *(f"theta[{i}, {j}]" for i in range(2) for j in range(3))]
    assert len(found) == 7
    assert found["theta[1, 2]"]["mean"] == found["theta"]["mean"][1, 2]
    assert found.to_dict()["theta[0, 1]"]["r_hat"] == found["theta"]["r_hat"][0, 1]
    assert isinstance(found["mu"]["mean"], float)
    assert found.warnings == ()
    assert list(diagnostics.summary(samples, names=["theta"]).figures) == ["theta"]
    with pytest.raises(KeyError, match=r"no variable or element 'x'.*\['mu', 'theta'\]"):
        found["x"]


def test_summary_is_a_table_in_text_and_html():
    samples = {"<mu>": 100.0 + DRAWS["autocorrelated"], "w": np.zeros((4, 500, 70))}
    found = diagnostics.summary(samples)
    lines = str(found).splitlines()
    assert lines[0].split() == [
        "mean", "sd", "mcse_mean", "mcse_sd", "5%", "95%", "ess_bulk", "ess_tail", "r_hat",
    ]  # fmt: skip
    assert lines[1].split()[0] == "<mu>"
    assert lines[1].split()[-3:] == ["378", "612", "1.009"]
    assert len({len(line) for line in lines[:51]}) == 1
    assert lines[51] == "... and 21 more, see to_dict()"
    assert lines[52] == "4 chains of 500 draws"
    assert lines[53].startswith("! The effective sample size is below 400 (100 for each chain)")
    page = found._repr_html_()
    assert page.count("<tr>") == 51
    assert html.escape("<mu>") in page
    assert "<mu>" not in page
    assert html.escape(found.warnings[0]) in page


def test_summary_says_what_is_wrong_and_what_to_do():
    rng = np.random.default_rng(10)
    samples = good_samples()
    samples["theta"][0, :, 1, 0] += 1.0
    samples["bad"] = rng.standard_normal((4, 400, 5))
    samples["bad"][1, 3, [0, 2, 3, 4]] = [np.nan, np.inf, np.nan, -np.inf]
    divergent = np.zeros((4, 400), bool)
    divergent[2, :16] = True
    energy = rng.standard_normal((4, 400))
    energy[3] = np.cumsum(energy[3])
    found = diagnostics.summary(
        samples, {"divergent": divergent, "energy": energy, "other": energy}
    )
    expected = [
        ("Draws of bad[0], bad[2], bad[3] and 1 more are NaN or infinite", "check_numerics"),
        ("16 of 1600 transitions diverged (1%)", "Raise target_acceptance_rate"),
        ("R-hat is above 1.01 for 1 of 12 elements", "for theta[1, 0]", "longer warm-up"),
        ("sample size is below 400 (100 for each chain) for 1 of 12", "as many draws"),
        ("E-BFMI is below 0.3 in 1 of 4 chains", "in chain 3", "non-centred"),
    ]
    assert len(found.warnings) == len(expected)
    for warning, parts in zip(found.warnings, expected):
        for part in parts:
            assert part in warning
    # ArviZ's name of the same statistic.
    assert "16 of 1600" in diagnostics.summary(good_samples(), {"diverging": divergent}).warnings[0]


def test_few_draws_and_one_chain_are_said():
    found = diagnostics.summary({"x": good_samples()["mu"][:1]})
    assert len(found.warnings) == 1
    assert "one chain" in found.warnings[0]
    assert np.isnan(found["x"]["r_hat"])
    found = diagnostics.summary({"x": [[1.0, 2.0], [3.0, 4.0]]})
    assert [warning.split()[0] for warning in found.warnings] == ["2"]
    assert found["x"]["mean"] == 2.5
    assert found["x"]["95%"] == pytest.approx(3.85)
    assert np.isnan(found["x"]["ess_bulk"])
    found = diagnostics.summary({"x": [[1.0]]})
    assert found["x"]["mean"] == found["x"]["5%"] == 1.0
    assert np.isnan(found["x"]["sd"])


def test_chains_that_stand_still_are_a_warning_and_a_constant_is_none():
    found = diagnostics.summary({"x": np.full((4, 500), 0.1)})
    assert found.warnings == ()
    assert (found["x"]["sd"], found["x"]["mcse_mean"]) == (0.0, 0.0)
    stuck = np.repeat([[0.1], [0.2], [0.7], [1.3]], 500, 1)
    assert "the largest is inf for x" in diagnostics.summary({"x": stuck}).warnings[0]


BAD_SAMPLES = [
    (np.zeros([2, 10]), None, None, TypeError, "samples must be a dict .* got ndarray"),
    ({}, None, None, ValueError, "samples is empty"),
    ({"x": np.zeros(3)}, None, None, ValueError, r"the draws of 'x' must have shape .* got \[3\]"),
    (
        {"x": np.zeros([2, 8]), "y": np.zeros([2, 9, 1])}, None, None,
        ValueError, r"equal \[n_chains, n_draws\], got {'x': \(2, 8\), 'y': \(2, 9\)}",
    ),
    ({"x": np.zeros([2, 0])}, None, None, ValueError, "no draws"),
    ({"x": np.zeros([2, 8])}, None, ["y"], KeyError, "no variable 'y' among .*'x'"),
    ({"x": np.zeros([2, 8])}, [1], None, TypeError, "stats must be a dict .* got list"),
    (
        {"x": np.zeros([2, 8])}, {"energy": np.zeros([8])}, None,
        ValueError, r"'energy' must have shape .* = \[2, 8\], as the draws, got \[8\]",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("samples", "stats", "names", "error", "message"), BAD_SAMPLES)
def test_bad_samples_are_one_clear_error(samples, stats, names, error, message):
    with pytest.raises(error, match=message):
        diagnostics.summary(samples, stats, names)


def test_groups_for_arviz_have_its_names():
    samples = {"x": np.zeros([2, 8, 3], np.float32), "n": np.zeros([2, 8], np.int64)}
    names = ("divergent", "n_leapfrogs", "log_prob", "acceptance_rate", "step_size", "energy")
    data = diagnostics.arviz_groups(
        samples,
        {name: np.zeros([2, 8], bool if name == "divergent" else np.float32) for name in names},
        log_likelihood={"y": np.zeros([2, 8, 5])},
        observed_data={"y": [1.0, 2.0, 3.0, 4.0, 5.0]},
        prior=None,
    )
    assert list(data) == ["posterior", "sample_stats", "log_likelihood", "observed_data"]
    stats = ["diverging", "n_steps", "lp", "acceptance_rate", "step_size", "energy"]
    assert list(data["sample_stats"]) == stats
    assert data["posterior"]["x"].dtype == data["sample_stats"]["lp"].dtype == np.float64
    assert data["posterior"]["n"].dtype == np.int64
    assert data["sample_stats"]["diverging"].dtype == bool
    assert data["observed_data"]["y"].shape == (5,)
    assert list(diagnostics.arviz_groups(samples)) == ["posterior"]
    with pytest.raises(TypeError, match="unknown group 'likelihood'; there are .'log_likelihood'"):
        diagnostics.arviz_groups(samples, likelihood={})


@pytest.mark.parametrize(("version", "nested"), [("0.23.4", False), ("1.3.0", True)])
def test_either_arviz_gets_the_groups_as_it_wants_them(monkeypatch, version, nested):
    def from_dict(*args, **kwargs):
        return args, kwargs

    fake = types.SimpleNamespace(__version__=version, from_dict=from_dict)
    monkeypatch.setattr(importlib, "import_module", {"arviz": fake}.__getitem__)
    args, kwargs = diagnostics.to_arviz({"x": np.zeros([2, 8])}, {"energy": np.zeros([2, 8])})
    (data,) = args if nested else (kwargs,)
    assert bool(kwargs) != nested
    assert list(data) == ["posterior", "sample_stats"]


def test_a_missing_arviz_is_said_with_the_cure(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(RuntimeError, match="to_arviz needs ArviZ: pip install arviz"):
        diagnostics.to_arviz({"x": np.zeros([2, 8])})


def test_the_arviz_that_is_installed_takes_the_groups():
    arviz = pytest.importorskip("arviz", reason="ArviZ is optional")
    samples = good_samples()
    data = diagnostics.to_arviz(samples, {"divergent": np.zeros([4, 400], bool)})
    assert data["posterior"]["theta"].shape == (4, 400, 2, 3)
    assert data["sample_stats"]["diverging"].shape == (4, 400)
    found = diagnostics.summary(samples)
    rhat = arviz.rhat(data)
    rhat = rhat["posterior"] if "posterior" in rhat else rhat
    for name in samples:
        np.testing.assert_allclose(rhat[name].values, found[name]["r_hat"], rtol=1e-6)
