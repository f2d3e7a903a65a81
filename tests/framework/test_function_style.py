"""Models as functions: the same nets, names and errors as in class style."""

import gc
import inspect

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from zhusuan.distributions.families import families
from zhusuan.framework.node_methods import method_name

N, X_DIM, Z_DIM = 5, 7, 3
BITS = (np.arange(N * X_DIM).reshape(N, X_DIM) % 3 == 0).astype(np.float32)


@zs.meta_bayesian_net(scope="gen", reuse_variables=True)
def build_gen(x_dim, z_dim, n, n_particles=None):
    bn = zs.BayesianNet()
    z = bn.normal("z", jt.zeros([n, z_dim]), std=1.0, group_ndims=1, n_samples=n_particles)
    h = nn.relu(zs.get_module("fc1", nn.Linear, z_dim, 20)(z))
    logits = zs.get_module("fc2", nn.Linear, 20, x_dim)(h)
    bn.deterministic("x_mean", zs.special.sigmoid(logits))
    bn.bernoulli("x", logits, group_ndims=1)
    return bn


def make_q_net():
    @zs.reuse_variables(scope="q_net")
    def build_q(x, z_dim, n_particles=None):
        bn = zs.BayesianNet()
        h = nn.relu(zs.get_module("fc1", nn.Linear, X_DIM, 20)(x))
        mean = zs.get_module("mean", nn.Linear, 20, z_dim)(h)
        logstd = zs.get_module("logstd", nn.Linear, 20, z_dim)(h)
        bn.normal("z", mean, logstd=logstd, group_ndims=1, n_samples=n_particles)
        return bn

    return build_q


class Generator(zs.BayesianNet):
    def __init__(self, n):
        super().__init__()
        self.n = n
        self.fc1 = nn.Linear(Z_DIM, 20)
        self.fc2 = nn.Linear(20, X_DIM)

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=jt.zeros([self.n, Z_DIM]), std=1.0, group_ndims=1)
        logits = self.fc2(nn.relu(self.fc1(z)))
        self.cache["x_mean"] = zs.special.sigmoid(logits)
        self.sn("Bernoulli", "x", logits=logits, group_ndims=1)
        return self


def test_both_styles_are_the_same_model():
    functional, classy = build_gen(X_DIM, Z_DIM, N), Generator(N)
    weights = {f"gen.{k}": v.numpy() for k, v in classy.state_dict().items()}
    functional.load_state_dict(weights)
    assert list(functional.state_dict()) == list(weights)
    zs.set_seed(1)
    one = classy({"x": BITS})
    joint, mean = one.log_joint().numpy(), one["x_mean"].numpy()
    zs.set_seed(1)
    other = functional.observe(x=BITS)
    np.testing.assert_array_equal(other.log_joint().numpy(), joint)
    np.testing.assert_array_equal(other["x_mean"].numpy(), mean)
    np.testing.assert_array_equal(
        other.log_joint().numpy(), sum(v.numpy() for v in other.cond_log_prob(["z", "x"]))
    )


def test_networks_are_reused_by_one_model_and_new_in_another():
    model, another = build_gen(X_DIM, Z_DIM, N), build_gen(X_DIM, Z_DIM, N)
    z = np.ones((N, Z_DIM), np.float32)
    first, second = (model.observe(z=z)["x_mean"].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (another.observe(z=z)["x_mean"].numpy() != first).any()
    assert len(model.parameters()) == 4

    @zs.meta_bayesian_net(scope="gen")
    def forgetful():
        bn = zs.BayesianNet()
        bn.normal("y", zs.get_module("fc", nn.Linear, 2, 1)(jt.ones([1, 2])), std=1.0)
        bn.deterministic("mean", bn.nodes["y"].dist.mean)
        return bn

    model = forgetful()
    assert model.observe()["mean"].item() != model.observe()["mean"].item()
    assert model.parameters() == []


def test_parameters_are_there_before_the_first_run_and_asking_draws_nothing():
    zs.set_seed(3)
    state = zs.random.get_state()
    model = build_gen(X_DIM, Z_DIM, N)
    assert [list(p.shape) for p in model.parameters()] == [[20, 3], [20], [7, 20], [7]]
    assert zs.random.get_state() == state


def test_networks_from_outside_are_among_the_parameters():
    decoder = nn.Linear(Z_DIM, X_DIM)
    noise = jt.array([0.0])
    layer = nn.Linear(1, 1)

    def decode(z):
        return decoder(z)

    @zs.meta_bayesian_net()
    def build(scale=layer):
        bn = zs.BayesianNet()
        z = bn.normal("z", jt.zeros([N, Z_DIM]), logstd=noise, group_ndims=1)
        bn.bernoulli("x", decode(z), group_ndims=1)
        return bn

    names = set(build().state_dict())
    # Not noise: a bare Var may be data, which must not be trained.
    assert {"decoder.weight", "decoder.bias", "scale.weight", "scale.bias"} == names
    assert any(p is decoder.weight for p in build().parameters())


def test_get_parameter():
    @zs.reuse_variables(scope="s")
    def scale():
        return zs.get_parameter("log_scale", np.zeros(3)) + zs.get_parameter("b", lambda: 1.0)

    assert scale().shape == [3]
    assert list(scale.state_dict()) == ["s.log_scale", "s.b"]
    assert scale.parameters()[0].requires_grad


def test_the_bound_of_the_tutorial_trains_both_nets():
    model, build_q = build_gen(X_DIM, Z_DIM, N, 2), make_q_net()
    x = jt.array(BITS)
    optimizer = None
    held = []
    gc.disable()  # nothing may wait for the garbage collector
    try:
        for _ in range(30):
            bound = zs.variational.elbo(model, {"x": x}, variational=build_q(x, Z_DIM, 2), axis=0)
            cost = jt.mean(bound.sgvb())
            if optimizer is None:
                first = float(cost)
                optimizer = jt.optim.Adam(model.parameters() + build_q.parameters(), 1e-2)
            optimizer.step(cost)
            held.append(jt.liveness_info()["hold_vars"])
    finally:
        gc.enable()
    assert tuple(bound.shape) == (N,)
    assert float(jt.mean(bound + 1)) == pytest.approx(1 - float(cost), rel=1e-5)
    assert float(cost) < first - 0.3
    assert held[-1] == held[10]


def test_objectives_take_either_style():
    build_q = make_q_net()
    for generator in (build_gen(X_DIM, Z_DIM, N), Generator(N)):
        objective = zs.variational.ELBO(generator, lambda obs: build_q(obs["x"], Z_DIM))
        assert objective({"x": jt.array(BITS)}).item() > 0
        bound = zs.variational.elbo(
            generator, {"x": BITS}, variational=build_q(jt.array(BITS), Z_DIM)
        )
        assert tuple(bound.shape) == (N,)
    with pytest.raises(ValueError, match="exactly one of variational and latent"):
        zs.variational.elbo(generator, {"x": BITS})
    z = build_q(jt.array(BITS), Z_DIM)
    pair = z.query("z", outputs=True, local_log_prob=True)
    bound = zs.variational.elbo(generator, {"x": BITS}, latent={"z": pair})
    assert tuple(bound.shape) == (N,)


def test_values_by_name():
    bn = build_gen(X_DIM, Z_DIM, N).observe(x=BITS)
    assert bn.get("z") is bn["z"] is bn.nodes["z"].tensor
    assert bn["z"].node.dist.group_ndims == 1
    assert not bn.nodes["z"].is_observed()
    assert bn.nodes["x"].is_observed()
    z, x_mean = bn.outputs(["z", "x_mean"])
    assert x_mean is bn["x_mean"]
    assert "x_mean" in bn
    assert "y" not in bn
    (value, log_prob), = bn.query(["z"], outputs=True, local_log_prob=True)
    assert value is z
    np.testing.assert_array_equal(log_prob.numpy(), bn.local_log_prob("z").numpy())
    # The value is a Var: it mixes with anything.
    mixed = jt.concat([jt.exp(bn["z"]) * 2.0 + z, z @ jt.ones([Z_DIM, 2])], 1)
    assert tuple(mixed.shape) == (N, Z_DIM + 2)


def test_log_joint_can_be_replaced():
    model = build_gen(X_DIM, Z_DIM, N)
    model.log_joint = lambda bn: 2.0 * bn.cond_log_prob("x")
    zs.set_seed(1)
    bn = model.observe(x=BITS)
    np.testing.assert_allclose(
        bn.log_joint().numpy(), 2.0 * bn.cond_log_prob("x").numpy(), rtol=1e-6
    )
    model.log_joint = None
    assert (model.observe(x=BITS).log_joint().numpy() != bn.log_joint().numpy()).any()


def test_every_family_has_a_method_with_its_signature():
    known = families()
    names = {method_name(name) for name in known}
    assert {
        "normal", "fold_normal", "bernoulli", "categorical", "discrete", "uniform", "gamma", "beta",
        "poisson", "binomial", "inverse_gamma", "laplace", "bin_concrete", "bin_gumbel_softmax",
        "multivariate_normal_cholesky", "multinomial", "unnormalized_multinomial",
        "bag_of_categoricals", "onehot_categorical", "onehot_discrete", "dirichlet",
        "exp_concrete", "exp_gumbel_softmax", "concrete", "gumbel_softmax", "chi2", "student_t",
        "matrix_variate_normal_cholesky", "lkj_cholesky", "log_normal",
    } <= names
    for name, family in known.items():
        method = getattr(zs.BayesianNet, method_name(name))
        signature = list(inspect.signature(method).parameters)
        assert signature[:2] == ["self", "name"]
        assert {*inspect.signature(family).parameters, "n_samples", "multiplier"} <= set(signature)
        assert ":param n_samples:" in method.__doc__


def test_stochastic_takes_a_ready_made_distribution():
    bn = zs.BayesianNet(observed={"k": [3.0]})
    lam = bn.stochastic("lam", zs.distributions.Gamma(2.0, 1.0), n_samples=4)
    bn.poisson("k", lam)
    assert tuple(bn.log_joint().shape) == (4, 1)
    probs = bn.dirichlet("p", np.ones(3))
    bn.categorical("c", probs=probs, n_samples=2)
    bn.multivariate_normal_cholesky("v", np.zeros(2), np.eye(2), multiplier=2.0)
    assert tuple(bn["c"].shape) == (2,)
    assert tuple(bn.cond_log_prob("v").shape) == (1,)


def test_particles_flow_through_linear_and_convolution():
    conv = nn.Conv(1, 2, 3, padding=1)
    x = jt.randn([4, N, 1, 6, 6])
    y = zs.map_particles(conv, x, value_ndims=3)
    assert tuple(y.shape) == (4, N, 2, 6, 6)
    np.testing.assert_allclose(y[2].numpy(), conv(x[2]).numpy(), rtol=1e-5, atol=1e-6)
    assert tuple(zs.map_particles(conv, x[0, 0], value_ndims=3).shape) == (2, 6, 6)
    with pytest.raises(ValueError, match="value_ndims=6"):
        zs.map_particles(conv, x, value_ndims=6)


# what is called, the error, pieces that its message must have
def _twice():
    @zs.reuse_variables(scope="s")
    def f():
        zs.get_module("fc", nn.Linear, 1, 1)
        zs.get_module("fc", nn.Linear, 1, 1)

    f()


def _not_a_module():
    @zs.reuse_variables(scope="s")
    def f():
        return zs.get_module("fc", dict)

    f()


def _other_shape():
    sizes = iter([2, 3])

    @zs.reuse_variables(scope="s")
    def f():
        return zs.get_parameter("w", np.zeros(next(sizes)))

    f()
    f()


def _no_net():
    @zs.meta_bayesian_net()
    def f():
        zs.BayesianNet().normal("z", 0.0, std=1.0)

    f().observe()


def _load(change):
    model = build_gen(X_DIM, Z_DIM, N)
    state = {name: var.numpy() for name, var in model.state_dict().items()}
    change(state)
    model.load_state_dict(state)


def _bn(observed=None):
    return zs.BayesianNet(observed)


WRONG = [
    (lambda: build_gen(X_DIM, Z_DIM, N).observe(y=1.0), ValueError, ["'y'", "['x', 'z']"]),
    (lambda: build_gen(X_DIM, Z_DIM, N).observe(x=np.zeros((N, 2))), ValueError,
     ["node 'x'", "[5, 2]", "Bernoulli", "[5, 7]"]),
    (lambda: _bn().normal("z", 0.0), ValueError, ["node 'z'", "exactly one of std and logstd"]),
    (lambda: _bn().normal("z", 0.0, 1.0, 2.0, 3.0), TypeError, ["node 'z'", "at most 3"]),
    (lambda: _bn().normal("z", 0.0, mean=1.0, std=1.0), TypeError, ["'mean'", "twice"]),
    (lambda: _bn().normal("z", 0.0, sdt=1.0), TypeError, ["node 'z'", "'sdt'"]),
    (lambda: _bn().normal(0.0, std=1.0), TypeError, ["name", "0.0"]),
    (lambda: _bn().gamma("g", 1.0, -1.0), ValueError, ["node 'g'", "beta", "positive", "-1"]),
    (lambda: _bn()["z"], ValueError, ["no node 'z'", "[]"]),
    (lambda: _bn()[0], TypeError, ["named by strings", "0"]),
    (lambda: build_gen(X_DIM, Z_DIM, N).observe()["x_maen"], ValueError,
     ["'x_maen'", "did you mean 'x_mean'"]),
    (lambda: build_gen(X_DIM, Z_DIM, N).observe().cond_log_prob("x_mean"), ValueError,
     ["'x_mean'", "deterministic"]),
    (lambda: build_gen(X_DIM, Z_DIM, N).observe().deterministic("z", 1.0), ValueError,
     ["'z'", "exists already"]),
    (lambda: build_gen(X_DIM, Z_DIM, N).observe().normal("x_mean", 0.0, std=1.0), ValueError,
     ["'x_mean'", "deterministic"]),
    (lambda: build_gen(X_DIM, Z_DIM, N).observe().query("z"), ValueError, ["outputs=True"]),
    (lambda: zs.meta_bayesian_net(reuse_variables=True), ValueError, ["needs a scope"]),
    (lambda: zs.meta_bayesian_net(lambda: None), TypeError, ["parentheses"]),
    (lambda: zs.reuse_variables(lambda: None), TypeError, ["parentheses"]),
    (lambda: zs.reuse_variables("a b"), ValueError, ["scope", "'a b'"]),
    (lambda: zs.reuse_variables("children"), ValueError, ["scope", "'children'"]),
    (_twice, ValueError, ["'fc'", "twice", "'s'"]),
    (_not_a_module, TypeError, ["'fc'", "dict", "jt.Module"]),
    (_other_shape, ValueError, ["'w'", "[2]", "[3]"]),
    (lambda: _load(lambda s: s.pop("gen.fc1.bias")), ValueError, ["gen.fc1.bias is missing"]),
    (lambda: _load(lambda s: s.update({"w": np.zeros(1)})), ValueError, ["w is unknown"]),
    (lambda: _load(lambda s: s.update({"gen.fc1.bias": np.zeros(3)})), ValueError,
     ["gen.fc1.bias", "[20]", "[3]"]),
    (_no_net, TypeError, ["'f'", "return bn", "NoneType"]),
    (lambda: zs.MetaBayesianNet(3), TypeError, ["function", "3"]),
    (lambda: setattr(build_gen(X_DIM, Z_DIM, N), "log_joint", 3), TypeError, ["log_joint", "3"]),
    (lambda: zs.variational.elbo(build_gen(X_DIM, Z_DIM, N), {"x": BITS}, axis=2,
                                 variational=make_q_net()(jt.array(BITS), Z_DIM)),
     ValueError, ["axis=2", "[5]"]),
]


@pytest.mark.parametrize(("call", "error", "pieces"), WRONG)
def test_wrong_use_is_explained(call, error, pieces):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert [piece for piece in pieces if piece not in message] == []


def test_objectives_find_the_networks_of_plain_functions():
    build_q, model = make_q_net(), build_gen(X_DIM, Z_DIM, N)
    x = jt.array(BITS)
    objective = zs.variational.ELBO(model, lambda obs: build_q(obs["x"], Z_DIM))
    objective({"x": x})
    assert len(objective.parameters()) == 4 + 6
    assert x.requires_grad  # data all the same


def test_a_function_that_was_not_called_warns_that_it_has_no_parameters():
    build_q = make_q_net()
    with pytest.warns(UserWarning, match="'build_q'.*has not been called"):
        assert build_q.parameters() == []
    build_q(jt.array(BITS), Z_DIM)
    assert len(build_q.parameters()) == 6
    assert str(build_q) == "<reuse_variables function 'build_q', scope 'q_net'>"
    assert "MetaBayesianNet of 'build_gen', scope 'gen'" in str(build_gen(X_DIM, Z_DIM, N))


def test_messages_name_the_function_that_built_the_net():
    with pytest.raises(ValueError, match=r"'y'.*build_gen has nodes \['x', 'z'\]"):
        build_gen(X_DIM, Z_DIM, N).observe(y=1.0)
