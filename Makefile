# Tocsin. `make` alone says what each target does.
.DEFAULT_GOAL := help
.PHONY: help setup system run test pictures check bench docs lock clean
PY := .venv/bin/python
SHELL := /bin/bash
PORT ?= 8080
SPEED ?= 60

help:            ## what each target does
	@grep -hE '^[a-z]+: .*##|^[a-z]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The stamp is newer than the locks exactly when the environment holds what they name.
.venv/stamp: requirements/dev.lock requirements/uv.lock pyproject.toml
	test -x $(PY) || python3.11 -m venv .venv || python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.lock
	.venv/bin/uv pip install -q --python $(PY) --require-hashes -r requirements/dev.lock
	.venv/bin/uv pip install -q --python $(PY) --no-deps --no-build-isolation -e .
	touch $@

setup: .venv/stamp  ## make .venv with everything pinned by hash; leaves .venv/bin/tocsin

system:          ## install the real servers and the browser that tests start (Debian; needs root once)
	@tools/system.sh

run: setup       ## the night of 20 November 2024, replayed in the exercise realm, on http://127.0.0.1:8080
	.venv/bin/tocsin demo --port $(PORT) --speed $(SPEED)

test: setup system  ## every test, against real servers and a real browser
	.venv/bin/pytest

pictures: setup system  ## every page as a picture, in tests/pages/pictures, to look at
	TOCSIN_PICTURES=1 .venv/bin/pytest tests/pages

check: setup     ## lint, types, import rule
	.venv/bin/ruff check src tests tools
	.venv/bin/ruff format --check src tests tools
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: setup     ## every bench beside its peers (installs the peers; minutes)
	.venv/bin/tocsin bench all

docs: setup      ## the pages that are made from code: settings, errors, commands, API
	$(PY) -m tools.docs

lock:            ## write requirements/*.lock again (needs uv)
	tools/lock.sh

clean:           ## remove everything that is made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
