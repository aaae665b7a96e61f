# Two commands do everything on a machine with Python and make: `make compare` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup data compare test test-other-cpu test-pages weights lint clean

help:
	@echo "make compare   set up, fetch MNIST, train both networks, compare them (results/)"
	@echo "make test      set up, fetch MNIST, run all tests"
	@echo "make test-other-cpu  the tests that compare both engines, as without AVX-512"
	@echo "make test-pages  look at pages of HTML in a browser; needs Chromium"
	@echo "make weights   train the network that reads pictures, and put it into the package"
	@echo "make lint      style, types and import rules"
	@echo "make setup     only create $(VENV) and install"
	@echo "make clean     remove $(VENV)"

# Re-made only when what it depends on changes; a second call finds it and says so.
setup: $(INSTALLED)
	@echo "environment: $(VENV) is ready"

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: digitnn needs Python 3.11 or newer, $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH_OPTIONS) -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

data: setup
	$(BIN)/digitnn data fetch

compare: data
	$(BIN)/digitnn compare

# Workers share the cores already: one thread each keeps them from waiting for one another.
test: data
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto

# PyTorch and the BLAS of NumPy and SciPy order their sums by what the processor can do: here as with
# AVX2 and without AVX-512. On anything but x86-64 the variables mean nothing.
test-other-cpu: setup
	DNNL_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 OPENBLAS_CORETYPE=Haswell OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest --numprocesses auto -m engines

# In a browser without a window: `apt-get install chromium`, or the like, before.
test-pages: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser

# On one thread, so that the bytes do not depend on how many cores there are; an interrupted training
# goes on where it was.
weights: data
	$(BIN)/digitnn data fetch fashion-mnist
	$(BIN)/digitnn train reader --seed 0 --threads 1 --out runs/reader --resume
	$(BIN)/python -m digitnn.reader.ship runs/reader

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV)
