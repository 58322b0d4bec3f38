# make run    start Agentstream on HOST:PORT (127.0.0.1:8000) with its data in DATA_DIR (var/)
# make test   run every test: Python, JavaScript, browser
# make lint   ruff, mypy and the import contracts; ESLint, Prettier and tsc
# make chaos  the long form of the fault tests
# make audit  look up known vulnerabilities in requirements.lock
# make lock   pin what requirements.txt needs, with hashes, in requirements.lock
# make bench  measure it beside others (an hour and a half: docs/performance.md); make bench-quick: two minutes

# The first Python that runs and is new enough; PYTHON=… chooses another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint chaos audit lock bench bench-quick screenshots clean
.DELETE_ON_ERROR:

run: $(VENV)/run.stamp
	@exec $(BIN)/python manage.py up

test: $(VENV)/test.stamp
	@$(BIN)/python -m tests.support.machine
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder -r fE $(ARGS)

chaos: $(VENV)/test.stamp
	CHAOS=long $(BIN)/python -m pytest tests/chaos -s $(ARGS)

audit: $(VENV)/test.stamp
	$(BIN)/pip-audit --disable-pip --require-hashes -r requirements.lock

bench: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks --quick $(ARGS)

screenshots: $(VENV)/test.stamp
	@$(BIN)/python -m tests.support.machine
	$(BIN)/python -m tests.browser.screenshots docs/images

lint: $(VENV)/test.stamp
	@$(BIN)/python -m tests.support.machine node
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy --config-file clients/python/pyproject.toml clients/python/src
	npm run --silent lint

clean:
	rm -rf $(VENV) node_modules clients/js/node_modules

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Agentstream needs Python 3.11 or newer; none was found." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -q && apt-get install -y -q python3-venv; } || \
		{ echo "Python's venv module is missing; on Debian: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# For every platform and every Python that we support; versions stay as they are unless requirements.txt asks for others.
lock: | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command 'make lock' --output-file requirements.lock requirements.txt

$(VENV)/run.stamp: requirements.lock clients/python/pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e clients/python
	@touch $@

$(VENV)/test.stamp: requirements-dev.txt $(VENV)/run.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/bench.stamp: requirements-bench.txt $(VENV)/test.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@
