# Everything happens in .venv; only Python >= 3.11 and make are needed.
PYTHON ?= python3
BIN := .venv/bin
# Tests wait for processes half of their time: three for two processors.
WORKERS ?= $(shell expr 3 \* $$(getconf _NPROCESSORS_ONLN) / 2)
# Other ibapi releases that the adapter and the simulator are proved against, each in a folder of its own.
IBAPIS := ibapi==9.81.1.post1 nautilus-ibapi==10.19.4 nautilus-ibapi==10.30.1 nautilus-ibapi==10.37.2 ibapi-stable==10.50.2

.PHONY: up venv quick test fuzz slow chaos conformance check format vectors docs notebooks clean help bench-marketdata bench-orders bench-board bench-history bench-budget bench-keys sync reach configuration

help:   ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

up: .venv/.installed   ## set up, then run the whole cluster against the simulated gateway (Ctrl-C stops it)
	@$(BIN)/twsmq up

venv: .venv/.installed .venv/.dev   ## set up .venv with everything the tests need, run nothing

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("twsmq needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": set PYTHON=python3.11") if sys.version_info < (3, 11) else 0'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[web,tui]'
	@touch $@

.venv/.dev: .venv/.installed
	@echo "installing the test tools into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@for r in $(IBAPIS); do \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .venv/clients/$$r $$r || exit 1; \
	done
	@touch $@

quick: venv   ## the tests that need no process and no socket, in seconds
	@$(BIN)/python -m pytest -n auto --dist worksteal -q tests/unit tests/property --hypothesis-profile quick $(ARGS)

test: venv   ## every test (the short form of the long ones), with branch coverage of what runs in the tests' own process (but the random machines)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'not slow' --cov --cov-report=term:skip-covered --durations=25 $(ARGS)

conformance: venv   ## nine client libraries against the simulated gateway (needs node and npm for one; 8 minutes)
	@cd tests && ../$(BIN)/python -m conformance.run $(ARGS)

bench-marketdata: .venv/.bench   ## market data beside its peers, every point of it (half an hour); --quick in ARGS: seconds
	@$(BIN)/python -m bench.marketdata.run $(ARGS)

# vnpy without its dependencies, of which its publisher needs none but pyzmq.
.venv/.bench: .venv/.installed
	@echo "installing the bench's peers into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .venv/peers vnpy==4.5.0
	@touch $@

bench-orders: .venv/.bench   ## client's send to the gateway's socket, beside ib_async and ibapi (6 minutes); --quick in ARGS
	@$(BIN)/python bench/orders/run.py $(ARGS)

bench-board: venv   ## the page: event to pixel, ten browsers, /metrics (2 minutes; needs chromium)
	@$(BIN)/python bench/board/run.py $(ARGS)

bench-history: venv   ## bars from the gateway's socket into Parquet, beside ib_async with pandas (minutes); --quick in ARGS
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pandas>=2.2'
	@$(BIN)/python bench/history/run.py $(ARGS)

bench-budget: .venv/.bench   ## the message budget, lent and alone: a hundred orders at once, and all busy (2 minutes); plot in bench/results
	@$(BIN)/python bench/budget/run.py $(ARGS)

bench-keys: venv   ## what keys cost orders and ticks, beside a bare ZeroMQ socket (4 minutes)
	@$(BIN)/python bench/keys/run.py $(ARGS)

fuzz: venv   ## the random tests with new examples, five times over (ROUNDS=50 for more); write what fails into an @example
	@for round in $$(seq $(or $(ROUNDS),5)); do \
	  $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m 'not slow' --hypothesis-profile fuzz tests/property tests/unit $(ARGS) || exit 1; \
	done

slow: venv   ## the long forms of integration and property tests (half an hour)
	@$(BIN)/python -m pytest tests/integration tests/property -m slow --hypothesis-profile fuzz $(ARGS)

chaos: venv   ## 500 random kills while strategies trade (an hour; TWSMQ_KILLS=20 for fewer)
	@$(BIN)/python -m pytest tests/chaos -m slow -s $(ARGS)

check: venv   ## lint, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python client/generate_sync.py --check
	@$(BIN)/basedpyright --warnings
	@$(BIN)/basedpyright --warnings -p tests
	@$(BIN)/lint-imports

docs: .venv/.docs   ## the documentation site, in docs/_build; a dead link is an error
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo docs/_build/index.html

notebooks: venv .venv/.docs   ## run the notebooks against a cluster of their own and keep what they print, for the site
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pandas>=2.2'
	@TWSMQ_WRITE_NOTEBOOKS=1 $(BIN)/python -m pytest -q -n 0 tests/integration/test_docs_blocks.py -k notebook

.venv/.docs: .venv/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

format: venv   ## lay the code out and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

vectors: venv   ## after a change of the protocol: write its golden bytes, schema and other languages' types anew
	@$(BIN)/python protocol/vectors/generate.py
	@$(BIN)/python protocol/generate

reach: venv   ## after a change of docs/reach.toml: write docs/reach.md anew
	@$(BIN)/python docs/reach.py

configuration: venv   ## after a change of a configuration key: write docs/configuration.md anew
	@$(BIN)/python docs/configuration.py

sync: venv   ## write the synchronous client's requests and handles anew from the asyncio client's
	@$(BIN)/python client/generate_sync.py

clean:   ## remove .venv and caches (not var/, which holds your journals)
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
