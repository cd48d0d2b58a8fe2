# What this project is run with. Python 3.11+ is enough: everything else is brought, pinned by hash, into .venv and .runtime.
#
#   make serve [PORT=8000]   set up once, then serve the demo page
#   make test  [ARGS=...]    set up once, find a browser, run everything (`make check` is one of the tests)
#   make quick               in a minute or so: the core's tests, the contract, 500 random programs, one page in one browser
#   make simulate [N=10000] [SEED=...] [PROGRAM="..."] [ARGS=--keep-going]
#                            run so many random programs from a fresh seed (printed), or those of a seed, or one, again
#   make check               ruff format, ruff, mypy --strict
#   make coverage            run the tests of the core and say which branches they miss; `make test` does it, too
#   make chaos [SECONDS=300] [SEED=...]  let everything go wrong over many tabs, and see that nobody is signed out
#   make everything [SECONDS=300] [ENGINE=chromium]  a page with everything on it, over tokens that end all the time
#   make mutation [ARGS=...] change the core in small ways: its tests must notice (not part of `make test`)
#   make bench [ARGS=...]    measure side by side with what people use in JavaScript (20 minutes; not part of `make test`)
#   make contract            write docs/contract.md anew from the tests
#   make reference           write docs/reference.md anew from the docstrings
#   make site [API=URL] [BASE=/path/] [ARGS=--whole]
#                            write dist/: the demo for any file host, and what to embed in other sites
#   make wheel               build dist/reissue-….whl: the same bytes from the same sources
#   make release             write dist/release/: what a version consists of, and an index to install it from
#   make runtime             only bring the browser runtime into .runtime
#   make pin                 re-make the hashed requirement files and package-lock.json (needs uv and npm)
#   make clean               remove .venv, .runtime and caches

PORT ?= 8000
PYTHON ?= python3
UV ?= uv
ARGS ?=
N ?= 10000
SECONDS ?= 300
ENGINE ?= chromium
SEED ?=
PROGRAM ?=
API ?=
BASE ?= /

VENV := .venv
SERVERS := .runtime/servers
PLACES := .runtime/places
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet --require-virtualenv
PIN := $(UV) pip compile --quiet --upgrade --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make pin"
PARALLEL := $(PY) -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal
# In a run of their own: where Playwright's synchronous API has been up, asyncio takes its loop for a running one.
IN_BROWSERS := tests/browser tests/places tests/servers tests/site tests/wheel
HERE := --universal --python-version 3.11
# The page's own Python. Not --universal: pip would ask the markers of the machine that it runs on.
PAGE := --python-platform wasm32-pyodide2024 --python-version 3.14

.PHONY: help serve test quick simulate chaos everything coverage check mutation bench contract reference runtime site wheel release pin clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

serve: runtime
	@$(PY) serve.py --port $(PORT)

# The development requirements come first, so that a first run does one install and not two.
test: $(VENV)/dev.stamp $(SERVERS)/stamp $(PLACES)/stamp
	@$(MAKE) --no-print-directory runtime
	@$(PY) tests/browser/browsers.py
	@$(PY) tests/servers/bring.py
	@$(PY) tests/places/bring.py
ifeq ($(strip $(ARGS)),)
	@$(MAKE) --no-print-directory coverage
	@$(PARALLEL) --ignore=tests/reissue $(addprefix --ignore=,$(IN_BROWSERS))
	@$(PARALLEL) $(IN_BROWSERS)
else
	@$(PY) -m pytest $(ARGS)
endif

# What to run while writing; `make test` is what counts.
quick: $(VENV)/dev.stamp
	@$(MAKE) --no-print-directory runtime
	@REISSUE_ENGINES=chromium $(PY) tests/browser/browsers.py
	@$(PY) -m pytest --quiet --numprocesses=auto --maxprocesses=4 --dist=worksteal tests/reissue tests/test_contract.py
	@PYTHONPATH=app $(PY) -m tests.simulation --count 500
	@REISSUE_ENGINES=chromium $(PY) -m pytest --quiet tests/browser/test_renewal.py -k test_twenty_requests_over_a_revoked_token

# Fails unless the core's own tests reach every branch of it.
coverage: $(VENV)/dev.stamp
	@$(PY) -m coverage erase
	@$(PY) -m coverage run -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal tests/reissue
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report

simulate: $(VENV)/dev.stamp
	@PYTHONPATH=app $(PY) -m tests.simulation $(if $(PROGRAM),--program "$(PROGRAM)",--count $(N) $(if $(SEED),--seed $(SEED)) $(ARGS))

check: $(VENV)/dev.stamp
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

chaos: $(VENV)/dev.stamp
	@$(MAKE) --no-print-directory runtime
	@REISSUE_ENGINES=chromium $(PY) tests/browser/browsers.py
	@PYTHONPATH=app $(PY) -m tests.browser.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

everything: $(VENV)/dev.stamp
	@$(MAKE) --no-print-directory runtime
	@REISSUE_ENGINES=$(ENGINE) $(PY) tests/browser/browsers.py
	@PYTHONPATH=app $(PY) -m tests.browser.everything --seconds $(SECONDS) --engine $(ENGINE) $(if $(SEED),--seed $(SEED))

# ARGS="session/session tabs/protocol" picks modules.
mutation: .mutation/stamp
	@.mutation/venv/bin/python tests/mutation/run.py $(ARGS)

.mutation/stamp: tests/mutation/requirements.txt
	@echo "Installing tests/mutation/requirements.txt"
	@$(PYTHON) -m venv --clear .mutation/venv
	@.mutation/venv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

# ARGS="storm tabs" picks parts.
bench: $(VENV)/bench.stamp
	@$(MAKE) --no-print-directory runtime
	@REISSUE_ENGINES=chromium $(PY) tests/browser/browsers.py
	@$(PY) -m bench $(ARGS)

$(VENV)/bench.stamp: bench/requirements.txt $(VENV)/dev.stamp
	@echo "Installing bench/requirements.txt"
	@$(PIP) install --require-hashes -r bench/requirements.txt
	@touch $@

contract: $(PY)
	@$(PY) tests/contract.py

reference: $(VENV)/dev.stamp
	@$(PY) tests/reference.py

runtime: $(VENV)/serve.stamp
	@$(PY) runtime/build.py

site: $(VENV)/serve.stamp
	@$(PY) -m runtime.publish --api "$(API)" --base "$(BASE)" --packages "$(PACKAGES)" --pyodide "$(PYODIDE)" $(ARGS)

# In this very environment, whose hatchling is pinned: another one would write its own version into the wheel.
wheel: $(VENV)/serve.stamp
	@$(PY) -m hatchling build -t wheel -d dist

release: $(VENV)/serve.stamp
	@$(PY) -m runtime.release

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reissue needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=python3.12")'
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)

# A stamp is written when its install is through: the next run does nothing.
$(VENV)/serve.stamp: requirements.txt | $(PY)
	@echo "Installing requirements.txt"
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements.txt | $(PY)
	@echo "Installing requirements-dev.txt"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/serve.stamp

# In a virtual environment of their own: seventy packages that no test imports, and that must agree with each other only.
$(SERVERS)/stamp: tests/servers/requirements.txt
	@echo "Installing tests/servers/requirements.txt"
	@$(PYTHON) -m venv --clear $(SERVERS)
	@$(SERVERS)/bin/python -m pip --disable-pip-version-check --quiet install --no-compile --require-hashes -r $<
	@touch $@

# What makes the sites of other places, likewise.
$(PLACES)/stamp: tests/places/requirements.txt
	@echo "Installing tests/places/requirements.txt"
	@$(PYTHON) -m venv --clear $(PLACES)
	@$(PLACES)/bin/python -m pip --disable-pip-version-check --quiet install --no-compile --require-hashes -r $<
	@touch $@

pin:
	$(PIN) $(HERE) --group serve -o requirements.txt
	$(PIN) $(HERE) --group dev -c requirements.txt -o requirements-dev.txt
	$(PIN) $(HERE) --group servers -c requirements-dev.txt -o tests/servers/requirements.txt
	$(PIN) $(HERE) --group places -c requirements-dev.txt -o tests/places/requirements.txt
	$(PIN) $(PAGE) --group places-page -o tests/places/requirements-page.txt
	$(PIN) $(HERE) --group mutation -c requirements-dev.txt -o tests/mutation/requirements.txt
	$(PIN) $(HERE) --group bench -c requirements-dev.txt -o bench/requirements.txt
	$(PIN) $(PAGE) --group browser -o runtime/requirements-browser.txt
	$(PIN) $(PAGE) --group micropip -o tests/wheel/requirements-page.txt
	$(PIN) $(HERE) --group twine -o tests/wheel/requirements-twine.txt
	$(PIN) $(HERE) --group node -o runtime/requirements-node.txt
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund \
		--omit-lockfile-registry-resolved --prefix tests/servers
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund \
		--omit-lockfile-registry-resolved --prefix tests/places

clean:
	rm -rf .venv .runtime .mutation .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* test-results dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
