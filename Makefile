# `make demo` shows it working, `make test` runs every check. Both make .venv/ first.

PYTHON ?= python3
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROJECTS := . plugins/qualtrics plugins/qualtrics_sandbox plugins/csv_example plugins/form_garden reference_host
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
BROWSER := chromium fonts-liberation fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core
WHAT_DECIDES := requirements/dev.txt $(addsuffix /pyproject.toml,$(PROJECTS))

.DEFAULT_GOAL := help
.PHONY: help install browser postgresql demo demo-once test lint format types walls tests wheels fix \
	docs cassettes screenshots guide live lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-11s%s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## make .venv/ with the five distributions and everything the checks need

$(STAMP): $(WHAT_DECIDES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Smaply Metrics needs Python 3.11 or newer, but '$(PYTHON)' is not that." >&2; \
		echo "Name a newer one, for example: make install PYTHON=python3.11" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation $(addprefix -e ,$(PROJECTS))
	@touch $@

demo: install ## a journey map full of live cards, in an invented account; PORT=8000 unless you say
	$(BIN)/smaply-metrics-host --demo --home build/demo --port $(PORT)

demo-once: install ## the same on the command line: from connecting to a debug bundle, then it ends
	rm -rf build/demo-once
	$(BIN)/smaply-metrics demo --once --home build/demo-once

test: lint format types walls tests ## every check

lint: install ## ruff's rules
	$(BIN)/ruff check .

format: install ## is everything formatted? (`make fix` does it)
	$(BIN)/ruff format --check .

types: install ## mypy, strict
	$(BIN)/mypy

walls: install ## who may import whom
	$(BIN)/lint-imports --no-logo

# Without it the tests that look at pages are skipped, and say so; under CI they may not be.
browser: ## install Chromium and fonts (Debian's packages) for the tests that look at pages
	@dpkg -s $(BROWSER) >/dev/null 2>&1 || { \
		echo "Installing $(BROWSER)"; \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -qq -y --no-install-recommends \
			$(BROWSER) >/dev/null; } || [ -z "$$CI" ]

# Without it the tests on PostgreSQL are skipped, and say so; under CI they may not be. Only its
# programs are wanted: Debian would start a server of the system, which no test touches.
postgresql: ## install PostgreSQL's programs (Debian's package) for the tests that run a server
	@dpkg -s postgresql >/dev/null 2>&1 || command -v initdb >/dev/null || { \
		echo "Installing postgresql"; \
		$(SUDO) apt-get update -qq && \
		$(SUDO) mkdir -p /etc/postgresql-common && \
		{ test -e /etc/postgresql-common/createcluster.conf || echo "create_main_cluster = false" | \
			$(SUDO) tee /etc/postgresql-common/createcluster.conf >/dev/null; } && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -qq -y --no-install-recommends \
			postgresql >/dev/null; } || [ -z "$$CI" ]

tests: install browser postgresql ## pytest, the check of the built wheels among them
	$(BIN)/pytest -n 2 --dist loadgroup

wheels: install ## only the check of the built wheels
	$(BIN)/pytest -m wheels

fix: install ## format, and mend what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install ## write the generated parts of docs/: the table of causes and the page of settings
	$(BIN)/python -m tests.bad_input.table
	$(BIN)/python -m tests.docs.settings_page

cassettes: install ## record the answers that the contract tests replay anew, from the sandbox
	$(BIN)/python -m plugins.qualtrics.tests.contract.record_cassettes

screenshots: install browser ## pictures of every page, state and width, in build/screenshots
	$(BIN)/python -m reference_host.tests.e2e.screenshots build/screenshots

guide: install browser ## take the pictures of docs/guide.md anew
	$(BIN)/python -m reference_host.tests.e2e.screenshots --guide

live: install ## read-only tests against a real account named in the environment
	$(BIN)/pytest -m live plugins/qualtrics/tests/live

# Keeps the versions that dev.txt has now where it can; `make lock UPGRADE=--upgrade` takes the newest.
lock: ## resolve requirements/dev.in to exact versions and hashes, for every Python from 3.11 on
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--no-emit-package smaply-metrics-core \
		--no-emit-package smaply-metrics-csv-example \
		--no-emit-package smaply-metrics-form-garden \
		--no-emit-package smaply-metrics-host \
		--no-emit-package smaply-metrics-qualtrics \
		--no-emit-package smaply-metrics-qualtrics-sandbox \
		--output-file requirements/dev.txt requirements/dev.in

clean: ## remove .venv/, build/ and the caches
	rm -rf $(VENV) build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
