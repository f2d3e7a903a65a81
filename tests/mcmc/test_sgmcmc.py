"""Samplers with stochastic gradients, against the stationary moments that follow from their steps.

For a Gaussian posterior a step is an affine map, another for each minibatch, plus noise. So the
stationary mean and covariance solve linear equations: with all their bias, that of the step size
and that of the minibatches.
"""

import itertools
import math
import resource

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from tests.mcmc.targets import mcse
from zhusuan import mcmc
from zhusuan.mcmc.sgmcmc import standard_normal_like

N, BATCH, STD, DIM = 6, 3, 0.8, 2
_RNG = np.random.default_rng(3)
X = _RNG.normal(size=(N, DIM)).astype(np.float32)
Y = (X @ [1.0, -0.5] + STD * _RNG.normal(size=N)).astype(np.float32)
SUBSETS = np.array(list(itertools.combinations(range(N), BATCH)))
ALL = np.arange(N)[None]


class Regression(zs.BayesianNet):
    """A conjugate regression; ``x`` may have minibatches of each chain's own, [chains, B, 2]."""

    def __init__(self, n_data=N):
        super().__init__()
        self._n_data = n_data

    def execute(self, observed):
        self.observe(observed)
        w = self.sn("Normal", name="w", mean=jt.zeros([DIM]), std=1.0, group_ndims=1)
        mean = (self.observed["x"] * w.reshape([*w.shape[:-1], 1, DIM])).sum(-1)
        self.sn("Normal", name="y", mean=mean, std=STD, n_data=self._n_data)
        return self


def line(subset):
    """Return precision and shift of the gradient of a minibatch, shift - precision @ w."""
    x, y, scale = X[subset].astype(float), Y[subset].astype(float), N / len(subset) / STD**2
    return np.eye(DIM) + scale * x.T @ x, scale * x.T @ y


def stationary(step, n_state, n_noise, subsets=SUBSETS):
    """Return mean and covariance of w under w' = step(w, noise, H, b), solved for exactly."""
    maps = []
    for subset in subsets:
        precision, shift = line(subset)
        offset = step(np.zeros(n_state), np.zeros(n_noise), precision, shift)
        matrix = np.stack(
            [step(e, np.zeros(n_noise), precision, shift) - offset for e in np.eye(n_state)], 1
        )
        spread = np.stack(
            [step(np.zeros(n_state), e, precision, shift) - offset for e in np.eye(n_noise)], 1
        )
        maps.append((matrix, offset, spread))
    matrix, offset = (np.mean([m[i] for m in maps], 0) for i in (0, 1))
    mean = np.linalg.solve(np.eye(n_state) - matrix, offset)
    # E z'z'^T = E (A z + c)(A z + c)^T + noise, for the columns of E z z^T one below the other.
    twice = np.mean([np.kron(a, a) for a, _, _ in maps], 0)
    known = np.mean(
        [
            np.outer(a @ mean, c) + np.outer(c, a @ mean) + np.outer(c, c) + s @ s.T
            for a, c, s in maps
        ],
        0,
    )
    square = np.linalg.solve(np.eye(n_state**2) - twice, known.ravel())
    assert np.abs(np.linalg.eigvals(twice)).max() < 1  # else there is no stationary state
    covariance = square.reshape(n_state, n_state) - np.outer(mean, mean)
    return mean[:DIM], covariance[:DIM, :DIM]


# The steps as published, in numpy; of one state vector, positions first.


def langevin(rate, noise_scale=1.0):
    def step(q, noise, precision, shift):
        return q + rate / 2 * (shift - precision @ q) + noise_scale * math.sqrt(rate) * noise

    return step, DIM, DIM


def friction_first(rate, alpha, beta):
    def step(state, noise, precision, shift):
        q, v = state[:DIM], state[DIM:]
        v = (1 - alpha) * v + rate * (shift - precision @ q)
        v = v + math.sqrt(2 * (alpha - beta) * rate) * noise
        return np.concatenate([q + v, v])

    return step, 2 * DIM, DIM


def friction_second(rate, alpha):
    def step(state, noise, precision, shift):
        q, v = state[:DIM] + state[DIM:] / 2, state[DIM:]
        v = math.exp(-alpha / 2) * v + rate * (shift - precision @ q)
        v = math.exp(-alpha / 2) * (v + math.sqrt(2 * alpha * rate) * noise)
        return np.concatenate([q + v / 2, v])

    return step, 2 * DIM, DIM


def friction_redrawn(rate, alpha):
    inner, _, _ = friction_second(rate, alpha)

    def step(q, noise, precision, shift):
        state = np.concatenate([q, math.sqrt(rate) * noise[:DIM]])
        return inner(state, noise[DIM:], precision, shift)[:DIM]

    return step, DIM, 2 * DIM


EXACT = {
    "sgld": (lambda: mcmc.SGLD(0.03), langevin(0.03)),
    "sghmc": (lambda: mcmc.SGHMC(0.01, 0.3, n_iter_resample_v=None), friction_second(0.01, 0.3)),
    "sghmc first order": (
        lambda: mcmc.SGHMC(0.01, 0.3, 0.1, n_iter_resample_v=0, second_order=False),
        friction_first(0.01, 0.3, 0.1),
    ),
    "sghmc redrawn": (
        lambda: mcmc.SGHMC(0.07, 0.2, n_iter_resample_v=1), friction_redrawn(0.07, 0.2)
    ),
}  # fmt: skip

N_CHAINS = 500


def chains(kernel, n_steps=900, n_warmup=100, subsets=SUBSETS, net=None, infos=None):
    """Return draws [n_chains, n_draws, 2], each chain with minibatches of its own."""
    net = Regression() if net is None else net
    rng = np.random.default_rng(0)
    latent, draws = {"w": rng.normal(size=(N_CHAINS, DIM))}, []
    for i in range(n_steps):
        chosen = subsets[rng.integers(len(subsets), size=N_CHAINS)]
        latent, info = kernel.sample(net, {"x": X[chosen], "y": Y[chosen]}, latent)
        if i >= n_warmup:
            draws.append(latent["w"].numpy())
            if infos is not None:
                infos.append({name: getattr(info, name)["w"].numpy() for name in infos[0]})
    return np.stack(draws, 1)


def verdict(draws, mean, covariance):
    """Return what is wrong, '' if nothing is: chains are independent, so errors are known.

    Five numbers within 4.5 standard errors: by chance one fails in 30 000 times.
    """
    away = draws - mean
    squares = np.einsum("ctd,cte->cde", away, away) / draws.shape[1]
    for what, values, truth in (
        ("means", away.mean(1), 0.0 * mean),
        ("covariances", squares.reshape(len(draws), -1), covariance.ravel()),
    ):
        error = values.std(0, ddof=1) / math.sqrt(len(draws))
        z = np.abs(values.mean(0) - truth) / error
        if z.max() > 4.5:
            return f"{what} are {z.max():.1f} standard errors away, {values.mean(0)} not {truth}"
    # A verdict of 3% or worse would let mistakes pass.
    assert (error[[0, -1]] < 0.03 * np.diagonal(covariance)).all()
    return ""


@pytest.mark.parametrize("name", list(EXACT))
def test_stationary_moments_are_those_of_the_steps(name):
    make, steps = EXACT[name]
    mean, covariance = stationary(*steps)
    # The bias that is to be found: more than errors would hide.
    posterior = np.linalg.inv(line(np.arange(N))[0])
    assert np.abs(np.diagonal(covariance / posterior) - 1).max() > 0.1
    np.testing.assert_allclose(mean, posterior @ line(np.arange(N))[1], atol=1e-10)
    assert verdict(chains(make()), mean, covariance) == ""


class NoiseOfAnotherConvention(mcmc.SGLD):
    """sqrt(2 lr) belongs to a drift of lr, not of lr / 2."""

    def _after(self, q, extra, gradient, rate):
        noise = math.sqrt(2 * rate) * standard_normal_like(q)
        return q + 0.5 * rate * gradient + noise, extra


def test_mistakes_are_seen():
    mean, covariance = stationary(*langevin(0.03))
    wrong = chains(NoiseOfAnotherConvention(0.03), 300)
    assert "covariances" in verdict(wrong, mean, covariance)
    # A likelihood that counts the minibatch as if it were all data.
    wrong = chains(mcmc.SGLD(0.03), 300, net=Regression(n_data=BATCH))
    assert "away" in verdict(wrong, mean, covariance)


def test_variance_of_sgld_by_formula():
    """The formula of the docstring, in one dim with noisy gradients."""
    rate, variance, noise = 0.3, 0.7, 2.0
    step = (1 - rate / (2 * variance)) ** 2
    fixed_point = (rate + rate**2 / 4 * noise) / (1 - step)
    formula = variance * (1 + rate * noise / 4) / (1 - rate / (4 * variance))
    assert formula == pytest.approx(fixed_point)


@pytest.mark.parametrize("second_order", [False, True])
@pytest.mark.parametrize("is_vector", [False, True])
def test_thermostat_takes_out_the_noise_of_minibatches(second_order, is_vector):
    rate = 2e-3
    kernel = mcmc.SGNHT(
        rate, 0.05, 0.5, second_order=second_order, use_vector_alpha=is_vector
    )
    infos = [{"mean_k": None, "alpha": None}]
    draws = chains(kernel, 2000, 500, infos=infos)
    of_chains = {name: np.stack([i[name] for i in infos[1:]], 1) for name in infos[0]}
    shape = (N_CHAINS, 1500, DIM) if is_vector else (N_CHAINS, 1500)
    assert of_chains["mean_k"].shape == of_chains["alpha"].shape == shape
    # The friction is stationary only if the mean squared velocity is the learning rate. Second
    # order averages v^2 over both ends of a step, with the same mean.
    k = of_chains["mean_k"].mean(1).reshape(N_CHAINS, -1)
    error = k.std(0, ddof=1) / math.sqrt(N_CHAINS)
    np.testing.assert_array_less(np.abs(k.mean(0) - rate), 4.5 * error + 0.002 * rate)
    # It is above the first one by what minibatches add.
    assert of_chains["alpha"].mean() > 0.06
    posterior = np.diagonal(np.linalg.inv(line(np.arange(N))[0]))
    with_noise = np.diagonal(stationary(*friction_second(rate, 0.05))[1])
    assert (with_noise > 1.14 * posterior).all()
    # The step size leaves 5%. A single friction for both numbers takes out the mean of their
    # noises: too much of the one, too little of the other.
    np.testing.assert_allclose(draws.var((0, 1)), posterior, rtol=0.1 if is_vector else 0.14)


def test_preconditioned_steps_are_the_published_ones():
    kernel = mcmc.PSGLD(0.02, decay=0.8, epsilon=0.01)
    q, square, net = np.array([[0.3, -0.2]] * 3), 0.0, Regression()
    precision, shift = line(np.arange(N))
    latent = {"w": q}
    for i in range(3):
        with zs.random.stream(i):
            latent, info = kernel.sample(net, {"x": X, "y": Y}, latent)
        with zs.random.stream(i):
            noise = zs.random.standard_normal((3, DIM)).numpy()
        gradient = shift - q @ precision
        square = 0.8 * square + 0.2 * gradient**2
        scale = 1 / (0.01 + np.sqrt(square))
        q = q + 0.01 * scale * gradient + np.sqrt(0.02 * scale) * noise
        np.testing.assert_allclose(latent["w"].numpy(), q, rtol=1e-4, atol=1e-5)
    assert info.q is latent
    assert info.mean_k == info.alpha == {}


def test_preconditioned_moments_with_a_long_memory():
    """A scale that hardly moves makes SGLD with other units: the posterior, for small steps."""
    draws = chains(mcmc.PSGLD(0.02, "rms", (0.998, 1e-3)), 3000, 1500, subsets=ALL)
    precision, shift = line(np.arange(N))
    covariance = np.linalg.inv(precision)
    np.testing.assert_allclose(draws.mean((0, 1)), covariance @ shift, atol=0.02)
    # Steps of 0.02 / sqrt(E g^2) add some 4%; a memory of 500 steps leaves less.
    np.testing.assert_allclose(draws.var((0, 1)), np.diagonal(covariance), rtol=0.1)


# -- the documented calls


def test_the_call_of_zhusuan_jittor():
    net, sgld = Regression(), mcmc.SGLD(0.05)
    data = {"x": X, "y": Y}
    with zs.random.stream(5):
        drawn = sgld.sample(net, data, True)
    with zs.random.stream(5):
        prior = net({"x": X})["w"].numpy()
    np.testing.assert_array_equal(drawn["w"].numpy(), prior)
    with zs.random.stream(6):
        for _ in range(4):
            one = sgld.sample(net, data)
    sgld.sample(net, data, resample=True)
    sgld.initialize()
    with zs.random.stream(5):
        sgld.sample(net, data, resample=True)
    with zs.random.stream(6):
        four = sgld.sample(net, data, resample=False, step=4)
    assert set(four) == {"w"}
    assert tuple(four["w"].shape) == (DIM,)
    np.testing.assert_array_equal(one["w"].numpy(), four["w"].numpy())
    # The first call begins with a draw of its own.
    fresh = mcmc.SGLD(0.05).sample(net, data)
    assert np.isfinite(fresh["w"].numpy()).all()
    # The samples go back into the model.
    assert tuple(net({**four, **data}).log_joint().shape) == (1,)


def test_the_call_of_zhusuan():
    @zs.meta_bayesian_net()
    def model(x):
        bn = zs.BayesianNet()
        w = bn.normal("w", jt.zeros([4, DIM]), std=1.0, group_ndims=1)
        bn.normal("y", jt.matmul(w, x.transpose(0, 1)), std=STD, group_ndims=1)
        return bn

    sghmc = mcmc.SGHMC(learning_rate=1e-2, friction=0.2, n_iter_resample_v=1000, second_order=True)
    latent = {"w": jt.zeros([4, DIM])}
    for _ in range(5):
        latent, info = sghmc.sample(model(jt.array(X)), observed={"y": Y}, latent=latent)
    assert isinstance(info, mcmc.SGMCMCInfo)
    assert tuple(info.q["w"].shape) == (4, DIM)
    assert tuple(info.mean_k["w"].shape) == (4,)
    v = sghmc._chains.state.extras["w"]["v"].numpy()
    np.testing.assert_allclose(info.mean_k["w"].numpy(), (v**2).mean(1), rtol=1e-5)

    def log_joint(values):  # a plain function, of any number of chain axes
        return -0.5 * ((values["w"] - values["centre"]) ** 2).sum(-1)

    moved, _ = mcmc.SGLD(0.1).sample(log_joint, {"centre": 1.0}, {"w": jt.zeros([2, 3, DIM])})
    assert tuple(moved["w"].shape) == (2, 3, DIM)


def test_particles_of_a_bayesian_network():
    """Weights of nn.Linear as nodes, the likelihood scaled by n_data: the same posterior."""

    class Net(zs.BayesianNet):
        def __init__(self):
            super().__init__()
            self.net = zs.bayesian(nn.Linear(DIM, 1, bias=False))

        def execute(self, observed):
            self.observe(observed)
            mean = self.net(self, self.observed["x"])
            self.sn("Normal", name="y", mean=mean.reshape([*mean.shape[:-1]]), std=STD, n_data=N)
            return self

    net, sgld, draws = Net(), mcmc.SGLD(0.02), []
    (name,) = net.net.names
    rng = np.random.default_rng(1)
    latent = {name: jt.zeros([N_CHAINS, 1, DIM])}
    for _ in range(600):
        chosen = SUBSETS[rng.integers(len(SUBSETS))]  # the same for all particles
        latent, _ = sgld.sample(net, {"x": X[chosen], "y": Y[chosen]}, latent)
        draws.append(latent[name].numpy().reshape(N_CHAINS, DIM))
    precision, shift = line(np.arange(N))
    away = np.mean(draws[100:], (0, 1)) - np.linalg.solve(precision, shift)
    # The minibatches' noise, which all particles share, moves the mean of 500 steps by 0.01.
    np.testing.assert_allclose(away, 0.0, atol=0.05)


# -- by the runner


class Scale(zs.BayesianNet):
    """A positive latent beside the regression; its posterior is its prior."""

    def execute(self, observed):
        self.observe(observed)
        w = self.sn("Normal", name="w", mean=jt.zeros([DIM]), std=1.0, group_ndims=1)
        self.sn("Gamma", name="s", alpha=jt.array([4.0]), beta=2.0, group_ndims=1)
        mean = (self.observed["x"] * w.reshape([*w.shape[:-1], 1, DIM])).sum(-1)
        self.sn("Normal", name="y", mean=mean, std=STD, n_data=N)
        return self


def run(kernel, batch_size=BATCH, **options):
    target = mcmc.MinibatchTarget(Scale(), mcmc.minibatches({"x": X, "y": Y}, batch_size))
    given = {"n_chains": 50, "n_warmup": 20, "n_draws": 30, "seed": 1, "progress": False}
    return mcmc.run(kernel, target, **{**given, **options})


RUNS = {
    "sgld": (lambda: mcmc.SGLD(0.02), ()),
    "psgld": (lambda: mcmc.PSGLD(0.05), ()),
    "sghmc": (lambda: mcmc.SGHMC(5e-3), ("mean_k",)),
    "sgnht": (lambda: mcmc.SGNHT(2e-3, 0.1, use_vector_alpha=False), ("mean_k", "alpha")),
}


@pytest.mark.parametrize("name", list(RUNS))
def test_runs_on_minibatches(name):
    make, reported = RUNS[name]
    trace = run(make())
    again = run(make())
    np.testing.assert_array_equal(trace.samples["w"], again.samples["w"])
    assert trace.samples["w"].shape == (50, 30, DIM)
    assert (trace.samples["s"] > 0).all()
    assert set(trace.stats) == {"step_size", "log_prob", "divergent", *reported}
    assert not trace.stats["divergent"].any()
    for what in trace.stats:
        assert trace.stats[what].shape == (50, 30)
    # One run and its continuation are the same as one long run, minibatches included.
    first = run(make(), n_draws=10)
    second = run(make(), n_draws=20, init=first.state, seed=None)
    both = np.concatenate([first.samples["w"], second.samples["w"]], 1)
    np.testing.assert_array_equal(both, trace.samples["w"])


def test_each_step_of_a_run_has_its_minibatch():
    halves, seen = (np.arange(3), np.arange(3, 6)), []

    def batches(t):
        seen.append(t)
        return {"x": X[halves[t % 2]], "y": Y[halves[t % 2]]}

    trace = mcmc.run(
        mcmc.SGLD(1e-12), mcmc.MinibatchTarget(Scale(), batches), n_chains=50, n_warmup=3,
        n_draws=4, init={"w": [0.3, 0.1], "s": [2.0]}, seed=1, progress=False,
    )  # fmt: skip
    assert seen == [0, *range(7)]
    # The chains stand still, so the log-density changes with the data alone.
    for draw, t in enumerate(range(3, 7)):
        away = Y[halves[t % 2]] - X[halves[t % 2]] @ [0.3, 0.1]
        alone = (trace.stats["log_prob"][:, draw] + (away**2).sum() / STD**2).reshape(-1)
        if draw == 0:
            first = alone
        np.testing.assert_allclose(alone, first, rtol=1e-4)


def test_moments_of_a_run():
    trace = run(mcmc.SGHMC(5e-3, 0.2), batch_size=N, n_warmup=200, n_draws=1500)
    precision, shift = line(np.arange(N))
    covariance = np.linalg.inv(precision)
    w, s = trace.samples["w"], trace.samples["s"]
    # No noise of minibatches: what is left is the bias of the step size, below 5%.
    np.testing.assert_allclose(w.mean((0, 1)), covariance @ shift, atol=5 * mcse(w).max())
    np.testing.assert_allclose(w.var((0, 1)), np.diagonal(covariance), rtol=0.1)
    assert s.mean() == pytest.approx(2.0, abs=5 * mcse(s).max())
    assert s.var() == pytest.approx(1.0, rel=0.1)
    # 50 steps of memory on 75 000 velocities of 3 numbers.
    assert trace.stats["mean_k"].mean() == pytest.approx(5e-3, rel=0.05)


def test_learning_rates_may_be_a_function_of_the_step():
    seen = []

    def falling(t):
        seen.append(t)
        return 0.05 * (1 + t) ** -0.55

    trace = run(mcmc.SGLD(falling), n_warmup=3, n_draws=4, thin=2)
    assert seen == [0, *range(11)]
    np.testing.assert_allclose(
        trace.stats["step_size"], np.tile(0.05 * np.array([5.0, 7, 9, 11]) ** -0.55, (50, 1))
    )
    net, sgld = Regression(), mcmc.SGLD(jt.array([0.05]))
    latent = {"w": np.zeros(DIM)}
    with zs.random.stream(1):
        small, _ = sgld.sample(net, {"x": X, "y": Y}, latent)
    sgld.initialize()
    sgld.learning_rate = 0.2
    with zs.random.stream(1):
        large, _ = sgld.sample(net, {"x": X, "y": Y}, latent)
    _, shift = line(np.arange(N))
    noise = (small["w"].numpy() - 0.025 * shift) / math.sqrt(0.05)
    np.testing.assert_allclose(
        large["w"].numpy(), 0.1 * shift + math.sqrt(0.2) * noise, rtol=1e-4, atol=1e-5
    )


def test_a_learning_rate_that_is_too_large_is_told():
    trace = run(mcmc.SGLD(50.0), n_warmup=0, n_draws=60)
    assert trace.stats["divergent"][:, -1].any()
    with pytest.raises(ValueError, match=r"log joint is .* steps: the learning rate, 50, may be"):
        mcmc.SGLD(50.0).sample(Regression(), {"x": X, "y": Y}, step=200)
    with pytest.raises(ValueError, match="log joint is -inf at the current values of the latents"):
        mcmc.SGLD(0.1).sample(Regression(), {"x": X, "y": Y}, {"w": [np.inf, 0.0]})


def test_steps_have_gradients_wherever_they_are_made():
    """Inside of no_grad, and from Vars that were cut off: the drift is there all the same."""
    net, latent = Regression(), {"w": jt.array([0.3, -0.2]).stop_grad()}
    precision, shift = line(np.arange(N))
    for scope in (jt.no_grad(), jt.enable_grad()):
        sgld = mcmc.SGLD(1e-3)
        with scope, zs.random.stream(0):
            first, _ = sgld.sample(net, {"x": X, "y": Y}, latent)
            second = sgld.sample(net, {"x": X, "y": Y})
        q = np.array([0.3, -0.2])
        with zs.random.stream(0):
            for ours in (first, second):
                noise = zs.random.standard_normal([1, DIM]).numpy()[0]
                q = q + 5e-4 * (shift - precision @ q) + math.sqrt(1e-3) * noise
                np.testing.assert_allclose(ours["w"].numpy(), q, rtol=1e-4, atol=1e-5)


# -- memory


def footprint(n_steps, kernel, net):
    rng = np.random.default_rng(0)
    for _ in range(n_steps):
        chosen = rng.choice(N, BATCH, replace=False)
        kernel.sample(net, {"x": X[chosen], "y": Y[chosen]})
    info = jt.liveness_info()
    return info["lived_vars"], info["lived_ops"]


def test_graphs_do_not_grow():
    for make in (lambda: mcmc.SGLD(0.01), lambda: mcmc.SGNHT(2e-3, 0.1)):
        net, kernel = Regression(), make()
        assert footprint(60, kernel, net) == footprint(60, kernel, net)


@pytest.mark.slow
def test_memory_is_flat():
    net, kernel = Regression(), mcmc.SGHMC(2e-3)
    before = footprint(500, kernel, net)
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert footprint(10_000, kernel, net) == before
    # In KiB: 10 000 graphs left behind would be hundreds of MiB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size < 8 * 1024


# -- errors

SETTINGS = [
    (lambda: mcmc.SGLD(0.0), ValueError, "SGLD: learning_rate must be positive, got 0"),
    (lambda: mcmc.SGLD("fast"), TypeError, "learning_rate must be a number, got 'fast'"),
    (lambda: mcmc.PSGLD(0.1, "adam"), ValueError, "preconditioner must be 'rms', got 'adam'"),
    (lambda: mcmc.PSGLD(0.1, decay=1.0), ValueError, r"decay must be in \[0, 1\), got 1.0"),
    (lambda: mcmc.PSGLD(0.1, epsilon=0.0), ValueError, "epsilon must be positive"),
    (lambda: mcmc.PSGLD(0.1, "rms", 0.9), TypeError, "must be a pair of decay and epsilon"),
    (lambda: mcmc.PSGLD(0.1, "rms", (0.9, 1e-3), decay=0.9), TypeError, "or decay and epsilon"),
    (lambda: mcmc.SGHMC(0.1, 0.0), ValueError, "SGHMC: friction must be positive"),
    (lambda: mcmc.SGHMC(0.1, 0.2, 0.2), ValueError, "less than friction=0.2, got 0.2"),
    (lambda: mcmc.SGHMC(0.1, n_iter_resample_v=1.5), TypeError, "must be an int, got 1.5"),
    (lambda: mcmc.SGNHT(0.1, -1.0), ValueError, "SGNHT: variance_extra must be positive, got -1"),
    (lambda: mcmc.SGNHT(0.1, tune_rate=0.0), ValueError, "tune_rate must be positive"),
    (lambda: mcmc.minibatches({"x": X, "y": Y[1:]}, 2), ValueError, "one length, got .*'y': 5"),
    (lambda: mcmc.minibatches({"x": X}, 7), ValueError, r"in \[1, 6\], got 7"),
    (lambda: mcmc.minibatches({"x": X}, 1.5), TypeError, "must be an int, got 1.5"),
    (lambda: mcmc.MinibatchTarget(Scale(), {"x": X}), TypeError, "must be a function from the ste"),
    (lambda: mcmc.MinibatchTarget(Scale(), lambda t: X), TypeError, "dict of .*ndarray at step 0"),
]


@pytest.mark.parametrize(("make", "error", "message"), SETTINGS)
def test_wrong_settings_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


CALLS = [
    ({"resample": 1}, TypeError, "resample must be True, False, or the current values"),
    ({"resample": {"w": 0.0}, "latent": {"w": 0.0}}, TypeError, "latent is given twice"),
    ({"step": 0}, ValueError, "SGLD: step must be at least 1, got 0"),
    ({"latent": {}}, ValueError, "latent is empty"),
    ({"latent": {"w": np.zeros(2), "v": 1.0}}, ValueError, "observed 'v', which no node"),
    ({"observed": {"x": X, "y": Y, "w": np.zeros(2)}}, ValueError, "no latent node: .*'w', 'y'"),
    ({"bn": lambda o: None}, TypeError, "must return a BayesianNet, got NoneType"),
    (
        {"bn": lambda o: None, "latent": {"w": 0.0}},
        TypeError,
        "must return a BayesianNet or a log joint, got NoneType",
    ),
]


@pytest.mark.parametrize(("options", "error", "message"), CALLS)
def test_wrong_calls_are_named(options, error, message):
    given = {"bn": Regression(), "observed": {"x": X, "y": Y}, **options}
    with pytest.raises(error, match=message):
        mcmc.SGLD(0.1).sample(**given)


def test_a_learning_rate_of_a_function_is_checked():
    with pytest.raises(ValueError, match=r"learning_rate\(0\) must be positive, got -1"):
        mcmc.SGLD(lambda t: -1.0).sample(Regression(), {"x": X, "y": Y})
