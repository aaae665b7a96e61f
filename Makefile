# Two commands do everything on a machine with Python and make: `make compare` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup data compare test test-other-cpu test-pages check lint notebook weights clean

help:
	@echo "make compare         set up, fetch MNIST, train both networks, compare them (results/)"
	@echo "make test            set up, fetch MNIST, run all tests"
	@echo "make notebook        open the notebook that builds the from-scratch network step by step"
	@echo "make check           lint and quick tests, in less than 90 seconds"
	@echo "make lint            style, types and import rules"
	@echo "make test-other-cpu  the tests that compare both engines, as without AVX-512"
	@echo "make test-pages      check HTML pages in a browser; needs Chromium"
	@echo "make weights         train the networks that ship in the package"
	@echo "make setup           only create $(VENV) and install"
	@echo "make clean           remove $(VENV)"
	@echo "TORCH=cpu            with any of them: install PyTorch without CUDA, gigabytes less on Linux"

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TORCH_PIN = $(shell grep '^torch==' requirements.txt)

ifneq ($(filter-out cpu,$(TORCH)),)
$(error TORCH=$(TORCH) is unknown: TORCH=cpu installs PyTorch without CUDA, no TORCH the usual build)
endif

# Made again only when a file that it depends on changes. uv knows where the builds without CUDA are;
# the .pth file lets `python benchmarks/timing/classic.py` import its neighbours.
setup: $(INSTALLED)
	@echo "environment: $(VENV) is ready"

$(INSTALLED): requirements.txt pyproject.toml src/digitnn/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: digitnn needs Python 3.11 or newer, $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),cpu)
	$(PIP) uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --torch-backend=cpu $(TORCH_PIN) \
		|| { echo "error: no $(TORCH_PIN) without CUDA could be fetched (see above); leave TORCH=cpu out to install the usual build"; exit 1; }
else
	@test "$$(uname -s)" != Linux || command -v nvidia-smi >/dev/null || echo \
		"note: no NVIDIA driver found. 'make $(or $(MAKECMDGOALS),setup) TORCH=cpu' installs PyTorch without CUDA: gigabytes less."
endif
	$(PIP) $(TORCH_OPTIONS) -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "digitnn-benchmarks.pth").write_text("$(CURDIR)\n")'
	@touch $@

data: setup
	$(BIN)/digitnn data fetch

compare: data
	$(BIN)/digitnn compare

# Workers share the cores already: one thread each keeps them from waiting for one another. One that has
# nothing left to do takes tests from the others, which may have a long one in hand.
test: data
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

# PyTorch and the BLAS of NumPy and SciPy order their sums by what the processor can do: here as with
# AVX2 and without AVX-512. On anything but x86-64 the variables mean nothing.
test-other-cpu: setup
	DNNL_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 OPENBLAS_CORETYPE=Haswell OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m engines

# In a browser without a window: `apt-get install chromium`, or the like, before. The tests of a file
# share a browser and a server.
test-pages: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile tests/browser

# On one thread, so that the bytes do not depend on how many cores there are; an interrupted training
# goes on where it was.
weights: data
	$(BIN)/digitnn data fetch fashion-mnist
	$(BIN)/digitnn train reader --seed 0 --threads 1 --out runs/reader --resume
	$(BIN)/python -m tools.ship_reader runs/reader
	$(BIN)/python -m tools.page_reader.train runs/page-reader
	$(BIN)/python -m tools.page_reader.ship page runs/page-reader
	$(BIN)/python -m tools.page_reader.train_glyphs runs/glyphs
	$(BIN)/python -m tools.page_reader.ship glyphs runs/glyphs
	$(BIN)/digitnn train classic --engine scratch --seed 0 --threads 1 --out runs/served-classic --resume
	$(BIN)/digitnn train cnn --engine scratch --seed 0 --threads 1 --out runs/served-cnn --resume
	$(BIN)/python -m tools.ship_served runs/served-classic runs/served-cnn

# What a change should pass before each commit; `.ci/run` has everything.
check: data lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal --quiet -m "not slow"

notebook: data
	$(BIN)/jupyter notebook mnist_nn_fromscratch.ipynb

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV)
