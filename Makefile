# Each target sets up what it needs: a virtual environment, the packages, Jittor's compiled core.
# Examples: make test    make test ARGS="-k normal -x"    make vae ARGS="--epochs 1"

PYTHON ?= python3
VENV   ?= .venv
PEERS  ?= .venv-peers
ARGS   ?=

BIN := $(VENV)/bin
VAE := examples/variational_autoencoders/vae_mnist.py

.PHONY: help vae test test-slow docs lint bench bench-distributions bench-mcmc clean
.DEFAULT_GOAL := help
# Stamps made on the way to another stamp are kept.
.SECONDARY:

help:
	@echo "make vae        train the variational autoencoder on MNIST; options in ARGS"
	@echo "make test       run the tests, without the slow ones; pytest's options in ARGS"
	@echo "make test-slow  run the slow tests"
	@echo "make docs       build the documentation in docs/_build/html"
	@echo "make lint       check style and types"
	@echo "make bench      time the library beside its peers; options in ARGS"
	@echo "make bench-distributions"
	@echo "                time the distributions beside torch and numpyro; options in ARGS"
	@echo "make bench-mcmc"
	@echo "                time the samplers beside numpyro and pyro; options in ARGS"
	@echo "make clean      remove what was built, but not $(VENV)"

vae: $(VENV)/.ready-examples
	$(BIN)/python $(VAE) $(ARGS)

test: $(VENV)/.ready-test
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/.ready-test
	$(BIN)/python -m pytest -m slow $(ARGS)

docs: $(VENV)/.ready-docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.ready-test $(PEERS)/.installed
	$(BIN)/python benchmarks/bench.py --peers-python $(PEERS)/bin/python $(ARGS)

bench-distributions: $(VENV)/.ready-test $(PEERS)/.installed
	$(BIN)/python benchmarks/distributions.py --peers-python $(PEERS)/bin/python $(ARGS)

bench-mcmc: $(VENV)/.ready-test $(PEERS)/.installed
	$(BIN)/python benchmarks/mcmc.py --peers-python $(PEERS)/bin/python $(ARGS)

clean:
	rm -rf build dist *.egg-info docs/_build .pytest_cache .mypy_cache .ruff_cache
	find zhusuan tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

# $(VENV)/.installed-X: the package with its extra X is installed.
$(VENV)/.installed-%: requirements.txt pyproject.toml setup.py | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[$*]"
	@touch $@

# $(VENV)/.ready-X: and Jittor's core is compiled, which takes some minutes once per machine;
# for the main example, its kernels as well.
$(VENV)/.ready-examples: $(VENV)/.installed-examples
	$(BIN)/python -m zhusuan.runtime --warm $(VAE)
	@touch $@

$(VENV)/.ready-%: $(VENV)/.installed-%
	$(BIN)/python -m zhusuan.runtime
	@touch $@

# pip comes last in a new environment, so its presence means that venv did not stop half-way.
# A pip before 21.3 cannot install this project in place from pyproject.toml.
$(BIN)/pip:
	@$(PYTHON) -m venv $(VENV) || { echo >&2; \
	  echo "make: '$(PYTHON) -m venv' failed. On Debian or Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; }
	@$(BIN)/python -c 'import pip, sys; sys.exit(int(pip.__version__.split(".")[0]) < 22)' \
	  || $(BIN)/python -m pip install --quiet --upgrade pip

# The libraries that benchmarks measure beside, apart from ours.
$(PEERS)/.installed: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
