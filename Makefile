# Needs make and python3 (3.11 or newer, with venv), and is faster where there is a C compiler; for another Python:
# make PYTHON=python3.13 …
# All else goes into .venv, at the versions and hashes of requirements/*.txt.
PYTHON ?= python3
BACKEND ?= memory

VENV := .venv
BIN := $(VENV)/bin

# Images often set it. Each process would then compile all that it imports: half of the time of a test run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo serve setup emulator-environment test faults soak protocol bench bench-rivals clients check lint types layers coverage format emulators lock clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do \
	    printf '%-18s %s\n' "$$name" "$$text"; done

# ---- run it -------------------------------------------------------------------------------------------------

ifeq ($(BACKEND),emulators)
demo: $(VENV)/.stamp-dev emulator-environment
	@$(BIN)/python -m tools.emulators --exec $(BIN)/logleap demo --backend gcp
else
demo: $(VENV)/.stamp-app ## the main job on the sample log, end to end (BACKEND=memory or emulators)
	@$(BIN)/logleap demo --backend $(BACKEND)
endif

serve: $(VENV)/.stamp-app ## the API and its console on 127.0.0.1:8080; Ctrl-C stops it
	@exec $(BIN)/logleap serve $(if $(filter command,$(firstword $(origin BACKEND))),--backend $(BACKEND))

emulators: $(VENV)/.stamp-dev emulator-environment ## Firestore, Pub/Sub and BigQuery on this machine; Ctrl-C stops them
	@exec $(BIN)/python -m tools.emulators

# ---- work on it ---------------------------------------------------------------------------------------------

setup: $(VENV)/.stamp-dev emulator-environment ## the .venv with all that development needs

# BigQuery's emulator wants libraries of its own; without Java and gcloud the others are missing anyway.
emulator-environment: $(VENV)/.stamp-dev
	@if command -v java >/dev/null && command -v gcloud >/dev/null; then \
	    $(BIN)/python -m tools.emulators.make_environment --uv $(BIN)/uv; fi

clients: $(VENV)/.stamp-dev ## the log clients that are tested, and spin, where they are missing and can be had
	@$(BIN)/python -m tools.clients.programs

# Many tests wait, for processes, disks and services that are down: four keep two cores busy.
RUNNERS ?= 4
PYTEST = $(BIN)/pytest --numprocesses $(RUNNERS) --dist loadfile

test: $(VENV)/.stamp-dev emulator-environment clients ## all tests (RUNNERS=2: fewer at a time)
	$(PYTEST)

faults: $(VENV)/.stamp-dev emulator-environment ## the long attack on the promise; writes docs/reliability.md (SCALE=0.1: a tenth)
	$(BIN)/python -m tools.faults $(if $(SCALE),--scale $(SCALE))

soak: $(VENV)/.stamp-dev ## all kinds of calls for half an hour under kills; prints what grew (SOAK_MINUTES=4: shorter)
	$(BIN)/python -m tools.faults.soak $(if $(SOAK_MINUTES),--minutes $(SOAK_MINUTES))

protocol: $(VENV)/.stamp-dev clients ## every state of the protocol's model, by spin; writes docs/protocol/figures.md (FAULTS=3: more)
	$(BIN)/python -m tools.protocol.spin_model --write $(if $(FAULTS),--faults $(FAULTS))

bench: $(VENV)/.stamp-dev bench-rivals ## all comparisons; writes docs/benchmarks.md (PARTS=decode,upload: some; QUICK=1: a look)
	$(BIN)/python -m benchmarks $(if $(PARTS),--parts $(PARTS)) $(if $(QUICK),--quick)

# Into .venv-competitors: from PyPI, and Debian's packages unpacked, not installed.
bench-rivals: $(VENV)/.stamp-dev
	@$(BIN)/python -m benchmarks.competitors.make_environment --uv $(BIN)/uv

check: lint types layers coverage ## lint, types, layers and tests with coverage: what CI runs

lint: $(VENV)/.stamp-dev ## ruff (the rules and the format) and hadolint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/hadolint Dockerfile

types: $(VENV)/.stamp-dev ## mypy --strict
	$(BIN)/mypy

layers: $(VENV)/.stamp-dev ## who may import whom
	$(BIN)/lint-imports --no-logo

coverage: $(VENV)/.stamp-dev emulator-environment clients ## all tests and the lines they miss: none in the domain and the use cases
	$(PYTEST) --cov
	$(BIN)/coverage report --include='src/logleap/domain/*,src/logleap/usecases/*' --fail-under=100

format: $(VENV)/.stamp-dev ## let ruff fix and format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

lock: $(VENV)/.stamp-uv ## requirements/*.txt from pyproject.toml (UPGRADE=1: the newest versions)
	$(COMPILE) -o requirements/dev.txt pyproject.toml --all-extras --group dev --group bootstrap
	$(COMPILE) -o requirements/app.txt pyproject.toml -c requirements/dev.txt --extra server
	$(COMPILE) -o requirements/gcp.txt pyproject.toml -c requirements/dev.txt --extra gcp --extra redis
	$(COMPILE) -o requirements/uv.txt --group bootstrap -c requirements/dev.txt
	$(COMPILE) -o tools/emulators/requirements.txt tools/emulators/requirements.in
	$(COMPILE) -o benchmarks/competitors/requirements.txt benchmarks/competitors/requirements.in

clean: ## remove .venv*, caches and what builds and test runs left
	rm -rf $(VENV) .venv-clients .venv-emulators .venv-competitors build dist src/*.egg-info htmlcov .coverage .coverage.* .faults.json .hypothesis .*_cache
	find src -name '*.so' -delete
	find src tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +

# ---- the environment, in three stages -----------------------------------------------------------------------
# Each stage ends with its stamp. One that broke off has none, and lays all of its packages again.

# The system's certificates, as pip uses them: behind a proxy with its own authority no others work.
export UV_SYSTEM_CERTS ?= true
INSTALL := --python $(BIN)/python --quiet
AGAIN = $(if $(wildcard $@),,--reinstall)
C_SOURCES := $(shell find src -name '*.[ch]') # where no compiler is, Python does their work

# There is none yet, it is unfinished, its Python is gone, or the folder was moved: begin anew.
ifneq ($(shell test -x $(BIN)/python && cat $(VENV)/.stamp-uv 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.stamp-uv
CLEAR := --clear
endif

$(VENV)/.stamp-uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'LogLeap needs Python 3.11 or newer. If you have one: make PYTHON=python3.13 …' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo 'Python has no venv module here. On Debian or Ubuntu: apt install python3-venv' >&2; exit 1; }
	@echo 'Setting up $(VENV) …'
	@rm -f $@
	@$(PYTHON) -m venv $(CLEAR) $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@echo '$(CURDIR)' > $@

$(VENV)/.stamp-app: $(VENV)/.stamp-uv pyproject.toml requirements/app.txt $(C_SOURCES)
	@rm -f $@
	@$(BIN)/uv pip install $(INSTALL) $(AGAIN) --require-hashes -r requirements/app.txt
	@$(BIN)/uv pip install $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-app requirements/dev.txt
	@rm -f $@
	@$(BIN)/uv pip sync $(INSTALL) $(AGAIN) --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
