# Each target sets up what it needs: a virtual environment, the packages, Jittor's compiled core.
# Examples: make test    make test ARGS="-k normal -x"    make vae ARGS="--epochs 1"

PYTHON ?= python3
VENV   ?= .venv
PEERS  ?= .venv-peers
ARGS   ?=
NP     ?= 2

BIN := $(VENV)/bin
VAE := examples/variational_autoencoders/vae_mnist.py

HAS_MPI := command -v mpirun >/dev/null && command -v mpicc >/dev/null
NO_MPI  := Open MPI is missing; on Debian or Ubuntu: apt-get install openmpi-bin libopenmpi-dev
# Each process has its share of the cores. mpirun refuses root unless told, as in a container.
CORES  := $(shell nproc 2>/dev/null || echo 1)
MPIRUN = OMP_NUM_THREADS=$(shell n=$$(($(CORES) / $(NP))); echo $$((n > 0 ? n : 1))) mpirun \
  --oversubscribe --bind-to none $(if $(filter 0,$(shell id -u)),--allow-run-as-root)

.PHONY: help vae mpi test test-slow docs lint bench bench-distributions bench-mcmc bench-mpi clean
.DEFAULT_GOAL := help
# Stamps made on the way to another stamp are kept.
.SECONDARY:

help:
	@echo "make vae        train the variational autoencoder on MNIST; options in ARGS"
	@echo "make mpi        the same with NP=2 processes, each on its part of every batch"
	@echo "make test       run the tests, without the slow ones; pytest's options in ARGS"
	@echo "make test-slow  run the slow tests"
	@echo "make docs       build the documentation in docs/_build/html, check its links"
	@echo "make lint       check style and types"
	@echo "make bench      time the library beside its peers; options in ARGS"
	@echo "make bench-distributions"
	@echo "                time the distributions beside torch and numpyro; options in ARGS"
	@echo "make bench-mcmc"
	@echo "                time the samplers beside numpyro and pyro; options in ARGS"
	@echo "make bench-mpi  time training with 1 and 2 processes beside torch's; options in ARGS"
	@echo "make clean      remove what was built, but not $(VENV)"

vae: $(VENV)/.ready-examples
	$(BIN)/python $(VAE) $(ARGS)

mpi: $(VENV)/.mpi-examples
	@$(HAS_MPI) || { echo >&2 "make: $(NO_MPI)"; exit 1; }
	$(MPIRUN) -np $(NP) $(BIN)/python $(VAE) $(ARGS)

test: $(VENV)/.mpi-test
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/.mpi-test
	$(BIN)/python -m pytest -m slow $(ARGS)

docs: $(VENV)/.ready-docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	$(BIN)/python docs/check_site.py docs/_build/html

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.ready-test $(PEERS)/.installed
	$(BIN)/python benchmarks/bench.py --peers-python $(PEERS)/bin/python $(ARGS)

bench-distributions: $(VENV)/.ready-test $(PEERS)/.installed
	$(BIN)/python benchmarks/distributions.py --peers-python $(PEERS)/bin/python $(ARGS)

bench-mcmc: $(VENV)/.ready-test $(PEERS)/.installed
	$(BIN)/python benchmarks/mcmc.py --peers-python $(PEERS)/bin/python $(ARGS)

bench-mpi: $(VENV)/.mpi-test $(PEERS)/.installed
	$(BIN)/python benchmarks/distributed.py --peers-python $(PEERS)/bin/python $(ARGS)

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

# $(VENV)/.mpi-X: and Open MPI is there, with Jittor's operations for it: installed, if this is root
# and Debian's apt-get works. Where it is not, the tests of several processes are skipped.
$(VENV)/.mpi-%: $(VENV)/.ready-%
	@$(HAS_MPI) || { [ "$$(id -u)" = 0 ] && timeout 600 apt-get -q update && \
	  DEBIAN_FRONTEND=noninteractive timeout 600 apt-get -q install -y --no-install-recommends \
	  openmpi-bin libopenmpi-dev; } || true
	@if $(HAS_MPI); then $(MPIRUN) -np 1 $(BIN)/python -c 'import zhusuan'; \
	  else echo "make: $(NO_MPI)"; fi
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
