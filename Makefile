# GNU make 4.3 and the 3.81 of macOS both run this: no .ONESHELL, no !=, no $(file).
# Nothing here calls $(MAKE): a sub-make prints "Leaving directory" last, where people and CI expect
# pytest's summary.

PYTHON ?= python3
ARGS ?=
JOBS ?= 5
UPGRADE ?=
SERVE ?=
MONEY ?= 100000
FUZZ ?= 1000000
LARGE_GB ?= 5
KILLS ?= 300
CUTS ?= 100

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# The environment equals the lock file: an old one is cleared, not updated.
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
DEVELOPING := $(VENV)/.developing

# The tests start thousands of processes: without bytecode, each would compile all its modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# check is lint, then test, with -j too.
.NOTPARALLEL:

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: $(INSTALLED) conf/tags.json conf/canned.json ## install, then serve chargers and web on 0.0.0.0:8080 (WS_ADDRESS, WS_PORT)
	@exec $(BIN)/shocpp-listener

.PHONY: test
test: $(DEVELOPING) ## run all tests; ARGS='-k money' runs some, JOBS=1 one at a time
	@$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=worksteal $(ARGS)

.PHONY: money
money: $(DEVELOPING) ## the money test with 100 000 transactions (20 minutes); MONEY=5000 for fewer
	@SHOCPP_MONEY=$(MONEY) $(BIN)/python -m pytest tests/whole/test_money.py -s $(ARGS)

.PHONY: fuzz
fuzz: $(DEVELOPING) ## a million mutated frames and the whole floods (10 minutes); FUZZ=100000 for fewer
	@SHOCPP_FUZZ=$(FUZZ) SHOCPP_FLOODS=all $(BIN)/python -m pytest tests/whole/test_fuzzing.py tests/whole/test_floods.py tests/whole/test_disk_limits.py -s $(ARGS)

.PHONY: large
large: $(DEVELOPING) ## upgrade an older database of 5 GB (5 minutes, 6 GB of disk); LARGE_GB=1 for less
	@SHOCPP_LARGE_GB=$(LARGE_GB) $(BIN)/python -m pytest tests/store/test_upgrade.py -s --timeout=1800 $(ARGS)

.PHONY: kills
kills: $(DEVELOPING) ## kill the server 300 times under 50 chargers with queues (15 minutes); KILLS=50 for fewer
	@SHOCPP_KILLS=$(KILLS) $(BIN)/python -m pytest tests/whole/test_kills.py -s $(ARGS)

.PHONY: cuts
cuts: $(DEVELOPING) ## cut the power of four servers 100 times each, at any sync (30 minutes); CUTS=20 for fewer
	@SHOCPP_CUTS=$(CUTS) $(BIN)/python -m pytest tests/whole/test_power_cuts.py -s $(ARGS)

.PHONY: pages
pages: $(DEVELOPING) ## check every page with axe in Chromium: all widths, colours and languages (a minute)
	@SHOCPP_PAGES=all $(BIN)/python -m pytest tests/whole/test_page_looks.py $(ARGS)

.PHONY: screenshots
screenshots: $(DEVELOPING) ## write the pictures of the page in docs/ anew, with Chromium and faketime
	@$(BIN)/python -m tests.world.screenshots

.PHONY: guide
guide: $(DEVELOPING) ## write docs/chargers.md anew from the table of charger models
	@$(BIN)/python -m tests.world.charger_guide

.PHONY: lint
lint: $(DEVELOPING) ## check format, style and types
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy

PROTOCOL_AND_LEDGER := tests/ocpp tests/ledger

# By examples alone: a branch that only a property reaches has no test that explains it.
.PHONY: coverage
coverage: $(DEVELOPING) ## check that examples in their own tests reach every branch of ocpp/ and ledger/
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -m 'not hypothesis' $(PROTOCOL_AND_LEDGER)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --include='shocpp/ocpp/*,shocpp/ledger/*' --fail-under=100

# mutmut mutates a copy and keeps its results there: an interrupted run continues, and ARGS or make clean run mutants
# again. CI=1 lets Hypothesis draw the same examples for every mutant. mutmut runs only the tests that call a function;
# import-time tables and caches escape it, so surviving mutants run against all examples.
MUTANTS := build/mutants
MUTMUT := $(CURDIR)/$(VENV)/mutating/bin/mutmut
UNNOTICED = MUTANT_UNDER_TEST=$$mutant $(CURDIR)/$(VENV)/mutating/bin/python -m pytest -x -m 'not hypothesis' >/dev/null

.PHONY: mutants
mutants: $(VENV)/.mutating ## list the mutants of ocpp/ and ledger/ that survive their tests; ARGS='shocpp.ledger*'
	@mkdir -p $(MUTANTS)/tests
	@cp -Rp pyproject.toml conf shocpp $(MUTANTS)
	@cp -Rp tests/conftest.py tests/world $(PROTOCOL_AND_LEDGER) $(MUTANTS)/tests
	@cd $(MUTANTS) && CI=1 $(MUTMUT) run --max-children $(JOBS) $(ARGS) >mutmut.log || { tail -n 20 mutmut.log >&2; exit 1; }
	@cd $(MUTANTS) && $(MUTMUT) results | awk '/: / && !/not checked/ { sub(":", ""); print $$1 }' >survived
	@cd $(MUTANTS)/mutants && for mutant in $$(cat ../survived); do if $(UNNOTICED); then echo "$$mutant"; fi; done

.PHONY: check
check: lint coverage test ## lint, coverage, then test, as CI does

.PHONY: format
format: $(DEVELOPING) ## rewrite the sources as lint wants them
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: demo
demo: $(INSTALLED) ## watch a simulated charger start, charge and be billed (ten seconds); SERVE=1 serves the page with four, until Ctrl-C
	@exec $(BIN)/shocpp demo $(if $(SERVE),--serve)

.PHONY: db
db: $(INSTALLED) ## create the database, or bring it up to date
	@$(BIN)/shocpp migrate

# The measured server has an environment of its own: only the lock of `make run` decides on its speed.
MEASURED := build/bench
MEASURED_PIP = -m pip --quiet --disable-pip-version-check install

.PHONY: peers
peers: $(MEASURED)/.ours $(MEASURED)/.peers ## install into build/bench the measured server and the peers of the benchmarks

$(MEASURED)/.ours: $(LOCKED) pyproject.toml shocpp/__init__.py
	@mkdir -p $(MEASURED)
	@$(PYTHON) -m venv --clear $(MEASURED)/ours
	@$(MEASURED)/ours/bin/python $(MEASURED_PIP) --require-hashes --requirement=requirements.lock
	@$(MEASURED)/ours/bin/python $(MEASURED_PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(MEASURED)/.peers: $(LOCKED) bench/package.json bench/package-lock.json
	@rm -rf $(MEASURED)/ocpp-rpc $(MEASURED)/arthexis.sqlite3
	@mkdir -p $(MEASURED)/ocpp-rpc
	@cp bench/package.json bench/package-lock.json $(MEASURED)/ocpp-rpc
	@cd $(MEASURED)/ocpp-rpc && npm ci --silent --ignore-scripts --no-audit --no-fund
	@$(PYTHON) -m venv --clear $(MEASURED)/arthexis
	@$(MEASURED)/arthexis/bin/python $(MEASURED_PIP) arthexis==2.0.0
	@touch $@

BENCHES := books calls crowd decade disks energy feed growth page receiving soak speed statements transactions websocket_frames

.PHONY: bench
bench: $(DEVELOPING) peers ## measure: run every benchmark in bench/
	@set -e; for bench in $(BENCHES); do echo "== bench.$$bench"; $(BIN)/python -m bench.$$bench; done

.PHONY: lock
lock: $(VENV)/.locking ## write the lock files anew from pyproject.toml; UPGRADE=--upgrade takes newer releases
	@$(COMPILE) --extra=fast --output-file=requirements.lock pyproject.toml
	@$(COMPILE) --extra=dev --extra=fast --constraint=requirements.lock --output-file=requirements-dev.lock pyproject.toml

SBOM := build/sbom.json

# pip-audit writes CycloneDX too, but without the hashes.
.PHONY: sbom
sbom: $(VENV)/.describing ## write build/sbom.json: the locked packages with their hashes, as CycloneDX
	@mkdir -p $(dir $(SBOM))
	@PYTHONWARNINGS=ignore $(VENV)/describing/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file $(SBOM) requirements.lock
	@echo "$(SBOM) is written"

# Without --strict, packages that PyPI could not be asked about would count as safe.
.PHONY: audit
audit: $(VENV)/.auditing ## ask PyPI for known vulnerabilities of the locked packages; it needs the network
	@$(VENV)/auditing/bin/pip-audit --strict --disable-pip --progress-spinner off --requirement requirements.lock || { \
		echo "not passed: a locked package is vulnerable, or PyPI (https://pypi.org) could not be asked; the lines above say which" >&2; exit 1; }

.PHONY: clean
clean: ## remove what make and the tools made; your data and conf/ stay
	@rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An example is for a new installation. Beside a database, its accounts would contradict those of the books; files that
# settings put elsewhere are not these. make goes on without the file.
IS_NEW = test -z "$$SHOCPP_HOME$$SHOCPP_TAGSFILE" && test ! -e "$${SHOCPP_DATABASE:-db/shocpp.sqlite3}"

conf/tags.json:
	@if $(IS_NEW); then \
		cp conf/tags.json.example $@; \
		echo "conf/tags.json is new, with the example accounts: put your own cards in"; \
	elif test -z "$$SHOCPP_HOME$$SHOCPP_TAGSFILE"; then \
		echo "conf/tags.json is missing beside a database: put yours back, such as from a backup (shocpp restore), or begin with: cp conf/tags.json.example conf/tags.json" >&2; \
	fi

conf/canned.json:
	@if $(IS_NEW) && test -z "$$SHOCPP_CANNEDFILE"; then \
		install -m 600 conf/canned.json.example $@; \
		echo "conf/canned.json is new, with example calls: start-family uses family-y's card 3333"; \
	fi

$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		found="$$($(PYTHON) --version 2>&1)" || found="not there"; \
		echo "shocpp needs Python 3.11 or newer, and $(PYTHON) is $$found; name another one, such as: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "installing into $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes --requirement=requirements.lock
	@touch $@

# The lock holds the build backend too, so this step needs no package index.
$(INSTALLED): $(LOCKED) pyproject.toml shocpp/__init__.py
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(DEVELOPING): $(INSTALLED) requirements-dev.lock
	@$(PIP) install --require-hashes --requirement=requirements-dev.lock
	@touch $@

# The lock names no index: each installation uses its own. Resolved on the oldest Python, it is valid for newer ones,
# because newer ones only leave backports out. An environment of its own keeps pip-tools out of the lock.
COMPILE = CUSTOM_COMPILE_COMMAND='make lock' $(VENV)/locking/bin/pip-compile --quiet --strip-extras --generate-hashes \
	--build-deps-for=editable --no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(UPGRADE)

# An environment of its own: only pytest and Hypothesis must be those of the tests.
$(VENV)/.mutating: $(LOCKED) requirements-dev.lock
	@$(PYTHON) -m venv --clear $(VENV)/mutating
	@$(VENV)/mutating/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement=requirements-dev.lock
	@$(VENV)/mutating/bin/python -m pip --quiet --disable-pip-version-check install mutmut==3.8.1
	@touch $@

# Environments of their own keep the tools out of the lock that they read. The tests run this one once,
# so neither a pip nor bytecode is worth its time.
$(VENV)/.describing: $(LOCKED)
	@$(PYTHON) -m venv --clear --without-pip $(VENV)/describing
	@$(PIP) --python $(VENV)/describing install --no-compile cyclonedx-bom==7.5.0
	@touch $@

$(VENV)/.auditing: $(LOCKED)
	@$(PYTHON) -m venv --clear $(VENV)/auditing
	@$(VENV)/auditing/bin/python -m pip --quiet --disable-pip-version-check install pip-audit==2.10.1
	@touch $@

$(VENV)/.locking: $(LOCKED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "the lock is resolved on the oldest Python, 3.11: make lock PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)/locking
	@$(VENV)/locking/bin/python -m pip --quiet --disable-pip-version-check install pip-tools==7.6.2
	@touch $@
