# On a fresh machine:  make demo,  make interactive,  make test.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo interactive test test-long test-browser fuzz lint clean

demo: .venv/requirements
	$(BIN)/python -m scripts.demo

interactive: .venv/requirements
	$(BIN)/python interactive.py

test: .venv/requirements-dev
	$(BIN)/python -m pytest -q -m "not long and not browser"

test-long: .venv/requirements-dev
	$(BIN)/python -m pytest -q -m "long and not browser"

test-browser: .venv/requirements-dev
	@npm install --prefix .browser --no-audit --no-fund --silent axe-core@4.10.3 || echo "npm could not fetch axe-core"
	$(BIN)/python -m pytest -q -rs -m browser

fuzz: .venv/requirements-dev
	FUZZ_SECONDS=600 $(BIN)/python -m pytest -q tests/fuzz

lint: .venv/requirements-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv .browser results/demo

.venv/requirements: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "$(PYTHON) is older than 3.10; run: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.txt
	@touch $@

.venv/requirements-dev: .venv/requirements requirements-dev.txt
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	@touch $@
