"""The VAE tutorial of the earlier ZhuSuan-Jittor runs, as written there, against this library.

The document lies beside the repository (``../shared/seeds``) and is not part of it: its blocks
are read from there. Where it is missing, the test is skipped; our own tutorial, which uses the
same API, is executed by ``test_code_blocks.py``.
"""

import re
import textwrap
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from zhusuan import BayesianNet

DOCUMENT = (
    Path(__file__).resolve().parents[3] / "shared" / "seeds" / "000_93559d02022972f9.txt"
)
pytestmark = pytest.mark.skipif(not DOCUMENT.exists(), reason=f"no {DOCUMENT}")


def blocks() -> list[str]:
    """Return the literal blocks of the document; commented-out sections have none."""
    found, lines = [], DOCUMENT.read_text(encoding="utf-8").splitlines()
    i = 0
    while i < len(lines):
        line = lines[i]
        i += 1
        if not line.endswith("::") or line.lstrip().startswith(".."):
            continue
        indent = len(line) - len(line.lstrip())
        body = []
        while i < len(lines) and (
            not lines[i].strip() or len(lines[i]) - len(lines[i].lstrip()) > indent
        ):
            body.append(lines[i])
            i += 1
        found.append(textwrap.dedent("\n".join(body)).strip("\n"))
    return found


def find(all_blocks: list[str], start: str) -> str:
    """Return the one block that begins so."""
    (block,) = [b for b in all_blocks if b.startswith(start)]
    return block


def namespace() -> dict:
    return {"zs": zs, "jt": jt, "nn": nn, "BayesianNet": BayesianNet, "batch_size": 8,
            "x_dim": 784, "z_dim": 40}  # fmt: skip


def test_every_block_is_used_below():
    starts = [block.splitlines()[0].strip() for block in blocks()]
    assert starts == [
        "import zhusuan as zs",  # a skeleton: bodies of comments only
        "# z ~ N(z|0, I)",
        "# x_logits = f_NN(z)",
        "# x ~ Bernoulli(x|sigmoid(x_logits))",
        "class Generator(BayesianNet):",
        "class Variational(BayesianNet):",
        "model = zs.variational.ELBO(generator, variational)",
        "# the surrogate cost for optimization",
        "optimizer = jt.optim.Adam(model.parameters(), 1e-3)",
        "class Generator(BayesianNet):",  # a skeleton around the lines that fill the cache
        "cache = generator({}).cache",
        "for epoch in range(epoch_size):",
    ]


def test_the_pieces_of_the_model_assemble():
    all_blocks = blocks()
    layers, forward = re.split(
        r"# In execute\n", find(all_blocks, "# x_logits = f_NN(z)").split("# In __init__\n")[1]
    )
    source = textwrap.dedent(
        """
        class Pieces(BayesianNet):
            def __init__(self):
                super().__init__()
        {layers}
            def execute(self, observed):
                self.observe(observed)
        {prior}
        {forward}
        {likelihood}
                return self
        """
    ).format(
        layers=textwrap.indent(layers, " " * 8),
        prior=textwrap.indent(find(all_blocks, "# z ~ N"), " " * 8),
        forward=textwrap.indent(forward, " " * 8),
        likelihood=textwrap.indent(find(all_blocks, "# x ~ Bernoulli"), " " * 8),
    )
    names = namespace()
    exec(source, names)
    net = names["Pieces"]()({"x": np.zeros((8, 784))})
    assert net.nodes["z"].shape == (8, 40)
    assert tuple(net.log_joint().shape) == (1,)


@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")
def test_the_tutorial_learns_and_generates():
    all_blocks = blocks()
    names = namespace()
    # 100 images in batches of 8: the loop meets a smaller last batch, and a 100th step.
    rng = np.random.default_rng(0)
    x_train = (rng.random((804, 1, 28, 28)) < 0.2).astype("float32")
    names.update(x_train=x_train, x_test=x_train, len_=804, epoch_size=1, num_batches=101)
    names["batch_x"] = jt.array(x_train[:8].reshape(8, 784))

    generator, with_cache = (b for b in all_blocks if b.startswith("class Generator"))
    exec(generator, names)
    exec(find(all_blocks, "class Variational"), names)
    exec(find(all_blocks, "model ="), names)
    exec(find(all_blocks, "# the surrogate cost"), names)
    first = names["lower_bound"].item()
    assert names["model"]({"x": names["batch_x"]}).item() != first

    # The lines that fill the cache replace the last two statements of execute.
    lines = re.search(r"( *x_probs = .*?)\n *\.\.\.", with_cache, re.DOTALL).group(1)
    head, rest = generator.split("        x_mean = ")
    body = textwrap.indent(textwrap.dedent(lines), " " * 8)
    instantiate = rest.split("return self")[1]
    exec(f"{head}{body}\n        return self{instantiate}", names)
    exec(find(all_blocks, "model ="), names)
    exec(find(all_blocks, "# the surrogate cost"), names)
    exec(find(all_blocks, "optimizer ="), names)
    exec(find(all_blocks, "cache = "), names)
    assert tuple(names["sample_gen"].shape) == (8, 784)

    exec(find(all_blocks, "for epoch in"), names)
    assert names["sample_gen"].shape == (8, 784)
    assert names["loss"].item() < first - 100
