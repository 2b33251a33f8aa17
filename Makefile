# make run    set everything up and serve on http://localhost:3000
# make serve  the same with the production server
# make test   set up what the tests need and run them
# make quick  the tests without the slow ones: less than a minute
# make lint   ruff and mypy
# make bench  accuracy and speed, as in the README's tables

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST := localhost
PORT := 3000

.PHONY: run serve test quick lint bench clean

run: $(VENV)/ready
	$(BIN)/flask run --port $(PORT)

serve: $(VENV)/ready
	$(BIN)/python -m server --host $(HOST) --port $(PORT)

test: $(VENV)/ready-dev
	$(BIN)/python -m pytest $(PYTEST)

quick: $(VENV)/ready-dev
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile

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

# paddlex asks for opencv-contrib-python, which links libGL; slim machines have none, so the headless
# build of the same version goes over it.
$(VENV)/ready: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; \
	this is " + sys.version.split()[0] + ". Name another: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@echo "Installing into $(VENV): about a minute and 900 MB"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -q -r requirements.txt
	$(BIN)/pip install --disable-pip-version-check -q --no-deps --force-reinstall \
		opencv-python-headless==4.10.0.84
	touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.txt
	$(BIN)/pip install --disable-pip-version-check -q -r requirements-dev.txt
	touch $@
