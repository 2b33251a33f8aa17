# make run    set everything up and serve on http://localhost:3000; make serve is the same
# make test   set up what the tests need and run them
# make quick  the tests without the slow ones: less than a minute
# make lint   ruff and mypy
# make bench  accuracy and speed, as in the README's tables

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP = $(BIN)/pip install --disable-pip-version-check
SHELL := bash
unexport PYTHONDONTWRITEBYTECODE  # or every process of the tests compiles all modules again
HOST := localhost
# Not empty where this processor has AVX-512: engines/runtimes.py
OPENVINO := $(shell grep -sm1 -o avx512f /proc/cpuinfo)
PORT := 3000

# A line for each tenth package, and one for the unpacking, which takes the longest.
PROGRESS = /^Collecting/ && ++n % 10 == 0 { print "        " n " packages"; fflush() } \
	/^Installing/ { print "        " n " packages are here; unpacking them into 440 MB"; fflush() }

.PHONY: run serve test quick lint bench clean

run serve: $(VENV)/ready
	@$(BIN)/python -m server --host $(HOST) --port $(PORT)

test: $(VENV)/ready-dev
	$(BIN)/python -m pytest $(PYTEST)

quick: $(VENV)/ready-dev
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile $(PYTEST)

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

# make bench DATASET=dir SCORE=score.py: with a dataset's receipts, and its scorer. JOBS: 1000000.
bench: $(VENV)/ready-dev
	$(BIN)/python -m bench.table $(if $(DATASET),--dataset $(DATASET)) $(if $(JOBS),--jobs $(JOBS))
ifdef DATASET
	$(BIN)/python bench/accuracy.py $(DATASET) $(if $(SCORE),--score $(SCORE))
endif

clean:
	rm -rf $(VENV)

$(VENV)/ready: requirements.txt constraints.txt requirements-openvino.txt
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer \
	(apt-get install python3-venv, dnf install python3, brew install python), or name one: \
	make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; \
	this is " + sys.version.split()[0] + ". Name another: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@echo "1 of 2: making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "2 of 2: downloading what requirements.txt pins, 180 MB: less than a minute"
	@set -o pipefail; $(PIP) --progress-bar off -r requirements.txt | awk '$(PROGRESS)'
	@test -z "$(OPENVINO)" || $(PIP) -q --no-deps -r requirements-openvino.txt || \
		echo "OpenVINO could not be installed: receipts are read all the same, more slowly"
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.txt
	$(PIP) -q -r requirements-dev.txt
	$(PIP) -q --no-deps -r requirements-openvino.txt
	touch $@
