# make run    serve the registry on port 8095 (root: ./registry_data unless set)
# make test   the tests of the core, and of what REST, command line and Python have in common, in some minutes
# make test-service, make test-faults, make test-object-store, make test-browser, make test-outside   the rest of what .ci/run runs
# make mutants   small mistakes put into the core, each of which its tests must notice
# make coverage   which branches of the core and the service those tests enter that run on one machine alone
# make soak   the long sweeps; make lint, make demo
# make demo-data   fill a registry of its own (./demo_data unless DEMO_ROOT is set) with made-up models, to look at; make pictures, those of the documents
# make bench   all costs, as ratios to bare tools, and docs/performance.md; make bench-peers the same jobs done by MLflow
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/demo
PEERS := $(VENV)/peers
export OMNIBIOAI_MODEL_REGISTRY_ROOT ?= $(CURDIR)/registry_data
WORKERS ?= 3

.PHONY: run test test-service test-faults test-object-store test-browser test-outside lint bench bench-peers demo demo-data pictures soak mutants coverage clean

$(VENV)/.run: requirements.txt setup.cfg
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-compile -r requirements-dev.txt
	touch $@

run: $(VENV)/.run
	mkdir -p "$$OMNIBIOAI_MODEL_REGISTRY_ROOT"
	$(BIN)/gunicorn --config deploy/gunicorn.conf.py wsgi:application

# What stands on the core: the service with its pages, the client, and what more than one layer has a part in.
SERVICE := $(addprefix tests/,app catalogue client files governance operations uploads)
# What lies in other programs' hands takes longest; what kills and injects faults at every step comes next, and peers
# that lie, stall or are to be cut off.
KILLS := tests/client/test_killed.py tests/uploads/test_kills.py tests/governance/test_reading_while_deleting.py
PEERS_AT_FAULT := tests/client/test_hostile_server.py tests/files/test_slow_downloads.py \
	$(addprefix tests/app/,test_slow_peers.py test_slow_calls.py test_asked_again.py)
OBJECT_STORE := tests/objectstore tests/contract/test_registry_on_object_store.py tests/uploads/test_objectstore.py \
	tests/client/test_object_store.py tests/files/test_object_store.py tests/governance/test_unfinished_on_object_store.py
# Those that take longest come first: whoever is done takes from the end of what others have before them.
OUTSIDE := tests/packaging tests/docs tests/clients tests/hub tests/examples tests/benchmarks
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# What is installed for tests and for the demo is compiled when it is imported, and once for all processes, also where the
# environment has Python keep nothing.
lint demo test test-service test-faults test-object-store test-browser test-outside soak: export PYTHONDONTWRITEBYTECODE :=

# What tests write lies in memory where 8 GiB of it are free: to wait for a disk to say that it has a byte was a fifth
# of their time. Those that need a disk of some kind mount their own.
IN_MEMORY := $(shell test -w /dev/shm && test "$$(df --output=avail -k /dev/shm | tail -n 1)" -gt 8388608 && echo /dev/shm)
test test-service test-faults test-object-store test-browser test-outside soak: export PYTEST_DEBUG_TEMPROOT ?= $(IN_MEMORY)

test: $(VENV)/.dev
	tests/install-system-packages.sh
	$(PYTEST) $(addprefix --ignore=,tests/faults tests/browser $(SERVICE) $(KILLS) $(PEERS_AT_FAULT) $(OBJECT_STORE) $(OUTSIDE))

test-service test-faults test-object-store test-browser test-outside: $(VENV)/.dev
	tests/install-system-packages.sh
	$(PYTEST) $(SUITE)

test-service: SUITE := $(SERVICE) $(addprefix --ignore=,$(KILLS) $(PEERS_AT_FAULT) $(OBJECT_STORE))
test-faults: SUITE := tests/faults $(KILLS) $(PEERS_AT_FAULT)
test-object-store: SUITE := $(OBJECT_STORE)
test-browser: SUITE := tests/browser
test-outside: SUITE := $(OUTSIDE)

# How long each fuzzer goes on; the sweeps beside them end by themselves.
SOAK_S ?= 300
soak: export MODEL_REGISTRY_SOAK_S := $(SOAK_S)
soak: $(VENV)/.dev
	$(PYTEST) -m slow

mutants: $(VENV)/.dev
	$(BIN)/python -m tests.mutants --workers $(WORKERS)

# Under 90 % of either is a failure. Some minutes: it stands beside .ci/run, not in it.
MEASURED := $(addprefix tests/,core contract invariants catalogue operations files uploads app hub/test_protocol.py hub/test_alias_moves.py)
coverage: $(VENV)/.dev
	tests/install-system-packages.sh
	rm -rf build/coverage
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal $(MEASURED)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --include="registry_core/*" --fail-under=90
	$(BIN)/coverage report --include="app/*" --fail-under=90

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive app registry_core registry_client wsgi.py
	$(BIN)/python .ci/audit_dependencies.py

# All costs in one run, and docs/performance.md of them: on a machine with nothing else to do, some 20 minutes.
# BENCH is more to say to it, for example --before build/bench/older.json, or --patience 30.
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks --docs docs $(BENCH)

# MLflow stays out of the service's environment, with the versions that were compared.
$(PEERS)/.ready: requirements-peers.txt | $(VENV)/.dev
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install -q --disable-pip-version-check --no-deps -r requirements-peers.txt
	touch $@

bench-peers: $(PEERS)/.ready
	$(BIN)/python -m benchmarks peers $(BENCH)

# The example's own requirements stay out of the service's environment; requirements-example.txt says why --no-deps.
$(DEMO)/.ready: requirements-example.txt | $(VENV)/.run
	test -x $(DEMO)/bin/python || $(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install -q --disable-pip-version-check --no-compile --no-deps -r requirements-example.txt
	touch $@

demo: $(VENV)/.run $(DEMO)/.ready
	PYTHON=$(BIN)/python DEMO_PYTHON=$(DEMO)/bin/python examples/pbmc_celltype/demo.sh

DEMO_ROOT ?= $(CURDIR)/demo_data
# The pictures of README.md and docs/pages.md, of the pages as they are now.
pictures: $(VENV)/.dev
	MODEL_REGISTRY_TESTS_DOCS="$(CURDIR)/docs/pictures" $(BIN)/python -m pytest tests/browser/test_every_page.py -k documents_show

demo-data: $(VENV)/.run
	$(BIN)/python examples/demo_data "$(DEMO_ROOT)"

clean:
	rm -rf $(VENV) build ./*.egg-info
