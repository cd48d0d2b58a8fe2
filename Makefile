# What this project is run with. Python 3.11+ is enough: everything else is brought, pinned by hash, into .venv and .runtime.
#
#   make serve [PORT=8000]   set up once, then serve the demo page
#   make test  [ARGS=...]    set up once, find a browser, run everything (`make check` is one of the tests)
#   make check               ruff format, ruff, mypy --strict
#   make runtime             only bring the browser runtime into .runtime
#   make pin                 re-make the hashed requirement files and package-lock.json (needs uv and npm)
#   make clean               remove .venv, .runtime and caches

PORT ?= 8000
PYTHON ?= python3
UV ?= uv
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet --require-virtualenv
PIN := $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make pin"

.PHONY: help serve test check runtime pin clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

serve: runtime
	@$(PY) serve.py --port $(PORT)

# The development requirements come first, so that a first run does one install and not two.
test: $(VENV)/dev.stamp
	@$(MAKE) --no-print-directory runtime
	@$(PY) tests/browser/browsers.py
	@$(PY) -m pytest $(ARGS)

check: $(VENV)/dev.stamp
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

runtime: $(VENV)/serve.stamp
	@$(PY) runtime/build.py

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

pin:
	$(PIN) --group serve -o requirements.txt
	$(PIN) --group dev -c requirements.txt -o requirements-dev.txt
	$(PIN) --group browser -o runtime/requirements-browser.txt
	$(PIN) --group node -o runtime/requirements-node.txt
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund

clean:
	rm -rf .venv .runtime .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage test-results dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
