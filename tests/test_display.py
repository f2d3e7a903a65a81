"""What notebooks show of distributions, nets and traces: right, escaped, and without a trace."""

import dataclasses
import html.parser

import jittor as jt
import numpy as np
import pytest
from scipy import stats

import zhusuan as zs
from tests.distributions.cases import CASES
from tests.framework.models import Generator, Variational
from zhusuan import _html, mcmc
from zhusuan import distributions as zd
from zhusuan import transforms as zt
from zhusuan.distributions import constraints
from zhusuan.distributions.display import described, values_text
from zhusuan.distributions.parameter import Parameter

Z = np.float32([[0.5, -1], [0, 2], [1, 1], [-0.3, 0.1]])
X = np.float32([[0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]])


class Page(html.parser.HTMLParser):
    """Reads a page of tables: ``rows`` of cells, ``lines`` of paragraphs, texts of ``marked``.

    Every tag must be closed in its turn, and be one that this library writes.
    """

    TAGS = {
        "caption", "details", "p", "pre", "summary", "table", "tbody", "td", "th", "thead", "tr",
    }  # fmt: skip

    def __init__(self, obj):
        super().__init__()
        self.rows, self.lines, self.marked, self.text = [], [], [], {}
        self._open = []
        self.feed(obj._repr_html_())
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            self.lines.append("")
            return
        assert tag in self.TAGS
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "p":
            self.lines.append("")
        if "color" in dict(attrs).get("style", ""):
            self.marked.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        tag = self._open[-1]
        if tag in ("td", "th"):
            self.rows[-1][-1] += data
        elif tag == "p":
            self.lines[-1] += data
        self.text[tag] = self.text.get(tag, "") + data


# -- distributions


def test_a_distribution():
    dist = zd.Normal(np.zeros([3, 2]), logstd=[0.5, -1.0], group_ndims=1)
    page = Page(dist)
    assert page.text["caption"] == "Normal"
    assert page.rows == [
        ["parameter", "shape", "values", "must be"],
        ["mean", "[3, 2]", "all 0", "finite"],
        ["logstd", "[2]", "[0.5, -1]", "finite"],
    ]
    assert page.lines == [
        "batch shape [3, 2], value (event) shape [], group_ndims 1",
        "support: finite",
        "float32, reparameterized",
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_families_are_shown_and_nothing_is_changed(case):
    dist = case.build()
    before, state = {**vars(dist)}, zs.random.get_state()
    derived = set(dist._derived)
    with zd.validation(False):
        page = Page(dist)
        assert described(dist).startswith(f"{type(dist).__name__}(")
    assert page.text["caption"] == type(dist).__name__
    shapes = [row[1] for row in page.rows[1:]]
    assert shapes == [str(list(v.shape)) for v in dist._given.values()] + shapes[len(dist._given) :]
    assert any("value (event) shape " + str(list(dist.value_shape)) in ln for ln in page.lines)
    assert zs.random.get_state() == state
    assert set(dist._derived) == derived
    assert vars(dist).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(dist).items())


def test_distributions_inside_a_distribution():
    mixture = zd.Mixture(components=[zd.Normal(0.0, 1.0), zd.StudentT(3.0, 0.0, 5.0)], probs=[1, 3])
    rows = Page(mixture).rows
    assert rows[1:] == [
        ["probs", "[2]", "[1, 3]", "non-negative and finite"],
        ["components[0]", "[1]", "Normal(mean [1], std [1])", ""],
        ["components[1]", "[1]", "StudentT(df [1], loc [1], scale [1])", ""],
    ]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "none"),
        ([2.0], "2"),
        ([[0.12345]], "0.1235"),
        ([1.0, np.inf], "[1, inf]"),
        ([[1.0, 2.0], [3.0, 4.0]], "1 to 4"),
        (np.arange(7), "0 to 6"),
        ([[1.0, np.nan], [3.0, 4.0]], "1 to 4, 1 NaN"),
        ([[np.nan, np.nan]] * 2, "all NaN"),
        ([[True, False]], "0 to 1"),
    ],
)
def test_values_in_words(values, text):
    assert values_text(np.asarray(values)) == text


def test_a_parameter_that_cannot_be_computed_is_shown_as_far_as_possible():
    broken = jt.linalg.cholesky(-jt.init.eye(2))[0]
    with zd.validation(False):
        dist = zd.Normal(mean=broken, std=jt.ones([2]))
    rows = Page(dist).rows
    assert [row[:2] for row in rows[1:]] == [["mean", "[2]"], ["std", "[2]"]]
    assert "not positive definite" in rows[1][2]


# -- nets


def test_a_net_before_and_after_its_run():
    net = Generator()
    page = Page(net)
    assert page.lines == ["Generator: no run yet; call it with a dict of observations"]
    assert "fc: Linear(2, 3" in page.text["pre"]
    net({"z": Z, "x": X})
    page = Page(net)
    # Independent of the library: the densities of Z and X, averaged over rows, by SciPy.
    log_z = stats.norm.logpdf(Z).sum(1).mean()
    logits = Z @ net.fc.weight.numpy().T + net.fc.bias.numpy()
    log_x = stats.bernoulli.logpmf(X, 1 / (1 + np.exp(-logits))).sum(1).mean()
    assert page.text["caption"] == "Generator"
    assert [row[:4] for row in page.rows] == [
        ["node", "distribution", "shape", ""],
        ["z", "Normal(mean [4, 2], std [1])", "[4, 2]", "observed"],
        ["x", "Bernoulli(logits [4, 3])", "[4, 3]", "observed"],
        ["x_mean", "", "[4, 3]", "deterministic"],
    ]
    # Six digits of float32 sums.
    shown = [float(row[4]) for row in page.rows[1:3]]
    np.testing.assert_allclose(shown, [log_z, log_x], rtol=2e-5)
    joint = float(page.lines[0].split("log joint: ")[1])
    assert joint == pytest.approx(log_z + log_x, rel=2e-5)
    assert str(net).splitlines()[-3:] == [
        "z ~ Normal(mean [4, 2], std [1])  [4, 2] observed",
        "x ~ Bernoulli(logits [4, 3])  [4, 3] observed",
        "x_mean =  [4, 3]",
    ]


def test_nothing_of_a_net_is_changed():
    zs.set_seed(3)
    net = Variational()
    names = [var.name() for var in (net.fc_mean.weight, net.fc_logstd.bias)]
    net({"x": X})
    node, run, state = net.nodes["z"], net._run, zs.random.get_state()
    derived = set(node.dist._derived)
    for obj in (net, node, node.dist):
        Page(obj)
        str(obj)
    assert net._run is run
    assert net.nodes["z"] is node
    assert run.log_joint is None
    assert zs.random.get_state() == state
    assert set(node.dist._derived) == derived
    assert not jt.flags.no_grad
    assert [var.name() for var in (net.fc_mean.weight, net.fc_logstd.bias)] == names
    # Gradients flow as if nobody had looked.
    parameters = [net.fc_mean.bias, net.fc_logstd.bias]
    seen = [g.numpy() for g in jt.grad(net.log_joint(), parameters)]
    zs.set_seed(3)
    net({"x": X})
    unseen = [g.numpy() for g in jt.grad(net.log_joint(), parameters)]
    assert np.abs(seen[1]).max() > 0  # that of the means is 0, for draws move along with them
    for a, b in zip(seen, unseen):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


class Wide(zd.Distribution):
    """Uniform on (0, width); the width is derived where its logarithm is given."""

    width = Parameter(constraints.positive, derive=lambda self: jt.exp(self.log_width))
    log_width = Parameter(constraints.real, derive=lambda self: jt.log(self.width))
    is_continuous, is_reparameterizable = True, False

    def __init__(self, width=None, log_width=None, **options):
        super().__init__({"width": width, "log_width": log_width}, **options)

    @property
    def support(self):
        return constraints.Interval("between the ends", 0.0, self.width)

    def _sample(self, n_samples):
        return zs.random.uniform(self.sample_shape(n_samples)) * self.width

    def _log_prob(self, given):
        zs.random.uniform((1,))  # as an estimate of a density would
        return given * 0.0 - jt.log(self.width)


def test_nothing_is_derived_or_drawn():
    bn = zs.BayesianNet({"x": [0.5, 1.5]})
    bn.stochastic("x", Wide(log_width=[0.0, 1.0]))
    dist, state = bn.nodes["x"].dist, zs.random.get_state()
    assert Page(dist).lines[1] == "support: between the ends"
    assert Page(bn).rows[1][4] == "[2], mean -0.5"
    assert zs.random.get_state() == state
    assert not dist._derived
    bn.log_joint()
    assert set(dist._derived) == {"width"}
    assert zs.random.get_state() != state


def test_looking_does_not_count_as_reading():
    bn = zs.BayesianNet({"x": X, "y": 1.0})
    assert Page(bn).rows[1:] == [
        ["x", "", "[4, 3]", "not read", ""],
        ["y", "", "[1]", "not read", ""],
    ]
    assert bn.unread == {"x", "y"}
    bn.bernoulli("x", np.zeros([4, 3]), group_ndims=1)
    assert float(bn.observed["y"].item()) == 1.0
    page = Page(bn)
    assert [row[3] for row in page.rows[1:]] == ["data", "observed"]
    # 3 pixels at probability one half.
    assert page.rows[2][4] == f"[4], mean {-3 * np.log(2):.6g}"


def test_a_net_of_function_style_has_the_name_of_its_function():
    @zs.meta_bayesian_net()
    def weather():
        bn = zs.BayesianNet()
        rain = bn.normal("<b>rain</b>", np.zeros(2), std=1.0)
        bn.deterministic("words", "<script>")
        bn.normal("wet", rain, std=1.0)
        return bn

    bn = weather().observe(wet=np.zeros(2))
    page = Page(bn)  # which knows no <b> and no <script>
    assert page.text["caption"] == "weather"
    assert [row[0] for row in page.rows[1:]] == ["<b>rain</b>", "wet", "words"]
    assert page.rows[3][2] == "str"
    assert str(bn).splitlines()[0] == "BayesianNet() of 'weather'"
    node = Page(bn.nodes["<b>rain</b>"])
    assert node.lines[0] == "node '<b>rain</b>' of weather, drawn"
    model = weather()
    model.log_joint = lambda bn: bn.cond_log_prob("wet").sum()
    assert "own function" in Page(model.observe(wet=np.zeros(2))).lines[0]


def test_what_is_wrong_with_a_net_is_said():
    bn = zs.BayesianNet()
    bn.normal("a", np.zeros([4, 3]), std=1.0)
    bn.normal("b", np.zeros([4, 3]), std=1.0, group_ndims=1)
    page = Page(bn)
    assert "do not align" in page.lines[-1]
    assert page.marked == ["p"]
    bn = zs.BayesianNet()
    bn.normal("a", np.zeros([4, 3]), std=1.0, reduce_sum_dims=[5])
    page = Page(bn)
    assert page.rows[1][4] == "error"
    assert page.marked == ["tr", "p"]
    assert "reduce_sum_dims=[5] is out of range" in page.lines[-1]


def test_a_flow_is_not_run_for_show():
    start = zt.ActNorm(2, data_init="inverse")
    flow = zs.flows.Flow(zd.Normal(np.zeros(2), 1.0, group_ndims=1), start)
    assert Page(flow).rows[1:] == [
        ["latent", "[2]", "Normal(mean [2], std [1])", ""],
        ["transform", "-", "ActNorm(2 channels)", ""],
    ]
    bn = zs.BayesianNet({"x": Z})
    bn.stochastic("x", flow)
    page = Page(bn)
    assert page.rows[1][1] == "Flow(latent Normal(mean [2], std [1]), transform ActNorm)"
    assert page.rows[1][4] == ""
    assert not start.is_initialised  # the first batch would have set it
    bn.log_joint()
    assert start.is_initialised


def test_a_long_net_is_cut():
    bn = zs.BayesianNet({f"n{i}": 0.0 for i in range(60)})
    for i in range(60):
        bn.normal(f"n{i}", 0.0, std=1.0)
    page = Page(bn)
    assert len(page.rows) == 51
    assert page.lines == ["... and 10 more nodes, see .nodes"]


# -- traces


@pytest.fixture(scope="module")
def trace():
    def log_density(values):
        return -0.5 * (values["<mu>"] ** 2).sum(-1)

    start = {"<mu>": np.zeros((2, 3), np.float32)}
    options = {"n_warmup": 20, "n_draws": 30, "seed": 1, "progress": False}
    return mcmc.run(mcmc.NUTS(), log_density, n_chains=2, init=start, **options)


def test_a_trace(trace):
    page = Page(trace)
    assert page.text["caption"] == "Trace"
    assert page.rows[:2] == [["variable", "shape", "dtype"], ["<mu>", "[3]", "float32"]]
    assert page.lines[0] == f"2 chains of 30 draws, 20 steps of warm-up, {trace.seconds:.1f} s"
    rate = trace.stats["acceptance_rate"].mean()
    assert page.lines[1].startswith(f"acceptance rate {rate:.2f}, step size ")
    assert page.lines[1].endswith(f" {trace.stats['divergent'].sum()} divergent")
    table = trace.summary()
    assert [row[0] for row in page.rows[3:]] == list(table)
    assert page.rows[3] == list(table._cells()[0][0])
    assert table.warnings, "60 draws are too few"
    assert tuple(page.lines[-len(table.warnings) :]) == table.warnings
    assert page.marked == ["p"] * len(table.warnings)


def test_traces_that_are_unlike_others(trace, monkeypatch, tmp_path):
    trace.save(tmp_path / "draws")
    read = mcmc.load_trace(tmp_path / "draws")
    assert Page(read).lines[1] == f"draws are read from {tmp_path / 'draws'}"
    assert Page(read).rows == Page(trace).rows
    bare = dataclasses.replace(trace, stats={}, interrupted=True)
    assert Page(bare).lines[0].endswith("s, interrupted")
    assert Page(bare).lines[1] == "2 chains of 30 draws"
    none = {name: draws[:, :0] for name, draws in trace.samples.items()}
    empty = dataclasses.replace(trace, samples=none, stats={})
    assert len(Page(empty).rows) == 2
    monkeypatch.setattr(mcmc.display, "_LARGE", 100)
    page = Page(trace)
    assert len(page.rows) == 2
    assert page.lines[-1] == "not summarised here: <mu>; see .summary()"


# -- HTML


class Shown:
    def __init__(self, page):
        self._repr_html_ = lambda: page


def test_all_text_is_escaped():
    text = "<b>&'\"</b>"
    pieces = [
        _html.table([text], [[text], ["right"]], text, wrong=[0]),
        _html.table([text], [[text]], numbers=True),
        _html.paragraph([text, text]),
        _html.warning(text),
        _html.folded(text, text),
    ]
    pages = [Page(Shown(piece)) for piece in pieces]
    assert pages[0].rows == [[text], [text], ["right"]]
    assert pages[0].marked == ["tr"]
    assert pages[0].text["caption"] == text
    assert pages[1].rows == [[text], [text]]
    assert pages[2].lines == [text, text]
    assert pages[3].lines == [text]
    assert pages[4].text == {"summary": text, "pre": text}
    assert _html.paragraph([]) == ""


def test_the_page_of_these_tests_sees_what_is_not_escaped():
    with pytest.raises(AssertionError):
        Page(Shown("<p><mu></p>"))
    assert Page(Shown("<p>&lt;mu&gt;</p>")).lines == ["<mu>"]
