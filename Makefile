# `make demo` shows it working, `make test` runs the checks. Both make .venv/ first.

PYTHON ?= python3
PORT ?= 8000
COVERED ?= 95
# More than two cores, since many tests wait for servers, processes and browsers. Each more takes
# ten seconds of CPU time to collect the tests and start its servers.
WORKERS ?= 3
# Consecutive tests stay in one worker, so that the fixtures of a module are set up once.
XDIST := -n $(WORKERS) --dist worksteal
# Deep tests wait longer, such as for leases to expire.
DEEP_WORKERS ?= 5
# Properties run again, with more examples.
DEEP := deep or (hypothesis and not live and not wheels)
ON_EVERY_CHANGE := not deep and not live and not wheels
KILLS ?= 1000
TALLIES ?= 10000
SOAK ?= 30
MERMAID ?= 11.17.2
CYCLONEDX ?= 7.5.0

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROJECTS := . plugins/qualtrics plugins/qualtrics_sandbox plugins/limesurvey plugins/sql plugins/csv_example \
	plugins/form_garden reference_host
PACKAGES := smaply_metrics_core smaply_metrics_qualtrics smaply_metrics_qualtrics_sandbox \
	smaply_metrics_limesurvey smaply_metrics_sql smaply_metrics_csv_example \
	smaply_metrics_form_garden
# These four must be covered; the others are only printed.
PACKAGES_COVERED := smaply_metrics_core smaply_metrics_limesurvey smaply_metrics_qualtrics smaply_metrics_sql
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# The commands that the tests look for: see NAMES in reference_host/tests/e2e/browser_pages.py.
BROWSERS := chromium-headless-shell chromium chromium-browser google-chrome
FONTS := fonts-liberation fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core
INSTALL_INPUTS := requirements/dev.txt $(addsuffix /pyproject.toml,$(PROJECTS))

# Every check starts interpreters: without the cache each would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install browser postgresql mariadb proxies demo demo-once test test-deep test-campaign heavy-engines test-python \
	test-live kills soak nonsense statistics sql-counts lint format types imports tests deep every-test wheels dist mutants coverage fix sbom docs docs-generated \
	diagrams prose record peers screenshots screenshots-guide lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-17s %s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## create .venv/ with the eight distributions and the dependencies of the checks

$(STAMP): $(INSTALL_INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Smaply Metrics needs Python 3.11 or newer, but '$(PYTHON)' is not that." >&2; \
		echo "Name a newer one, for example: make install PYTHON=python3.11" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation $(addprefix -e ,$(PROJECTS))
	@touch $@

# The module plays recordings of LimeSurvey, which are not in the wheels, and runs smaply-metrics-host.
DEMO := $(BIN)/python -m plugins.limesurvey.tests.demo demo

demo: install ## a journey map full of live cards, in an invented account; PORT=8000 by default
	$(DEMO) --home build/demo --port $(PORT)

demo-once: install ## the same in the terminal: from connecting to a debug bundle, then it ends
	rm -rf build/demo-once
	$(DEMO) --once --home build/demo-once

# The types and the import rules are checked while tests wait for servers and browsers. The packages
# are installed before, one after the other: apt cannot run twice.
test: lint format browser postgresql ## lint, format, types, import rules and tests, on every change
	@$(MAKE) --no-print-directory --jobs=3 types imports tests

test-deep: coverage deep wheels ## coverage; the tests marked deep; wheels in clean environments

test-campaign: kills soak nonsense statistics sql-counts heavy-engines ## the longest checks, by hand: kills, a soak, nonsense, statistics, counts of databases, heavy engines, and the whole suite on the other Python versions
	$(MAKE) test-python PYTHON=python3.12
	$(MAKE) test-python PYTHON=python3.13

kills: install postgresql ## kill processes at each step of what they do and at random moments, and check that nothing is lost: make kills KILLS=1000
	KILL_STRIDE=1 $(BIN)/pytest $(XDIST) -m deep tests/kills/test_kills.py
	$(BIN)/python -m tests.kills.campaign --kills $(KILLS) $(if $(SEED),--seed $(SEED))

soak: install postgresql ## work for 30 minutes, and check that memory, threads, files and connections are flat: make soak SOAK=30
	$(BIN)/python -m tests.soak.campaign --minutes $(SOAK)

nonsense: install ## replace each value of the responses of Qualtrics by each kind of nonsense: nothing is blamed on the source
	$(BIN)/python -m plugins.qualtrics.tests.connector.nonsense
	$(BIN)/python -m plugins.qualtrics.tests.connector.nonsense_definitions

statistics: install ## compare 10,000 random tallies with SciPy and statsmodels; write the coverage of intervals
	$(BIN)/python -m tests.uncertainty.reference --tallies $(TALLIES)
	$(BIN)/python -m tests.uncertainty.interval_coverage

sql-counts: install postgresql mariadb ## compare the counts of each database with the core's, over 100 random surveys
	SQL_SURVEYS=100 $(BIN)/pytest $(XDIST) -m deep plugins/sql/tests/test_equals_row_counting.py

# chdb is half a gigabyte, so it has a folder of its own; its other dependency is not used here.
heavy-engines: install ## compare the counts of ClickHouse (chdb, installed in build/heavy-engines) with the core's
	@test -e build/heavy-engines/.installed || { \
		$(BIN)/python -m pip install --quiet --require-hashes --no-deps --target build/heavy-engines \
			-r plugins/sql/tests/heavy_engines/requirements.txt && touch build/heavy-engines/.installed; }
	PYTHONPATH=build/heavy-engines $(BIN)/python -m plugins.sql.tests.heavy_engines

lint: install ## ruff's rules, and spelling
	$(BIN)/ruff check .
	$(BIN)/codespell

format: install ## check the format (`make fix` changes it)
	$(BIN)/ruff format --check .

types: install ## mypy, strict; and basedpyright on what authors and hosts write
	$(BIN)/mypy
	$(BIN)/basedpyright

imports: install ## the import rules between packages
	$(BIN)/lint-imports --no-logo

# $(call apt_install,SERVERS) installs the packages of Debian that $$packages names, unless they are
# installed, and then stops the servers that come with them. Without the packages tests are skipped, with the
# reason; under CI a failure here is an error.
define apt_install
{ dpkg -s $$packages >/dev/null 2>&1 || { \
	echo "Installing $$packages" && \
	$(SUDO) apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -qq -y --no-install-recommends \
		$$packages >/dev/null && \
	{ [ -z "$(1)" ] || ! command -v systemctl >/dev/null || \
		$(SUDO) systemctl disable --quiet --now $(1) 2>/dev/null || true; }; } || [ -z "$$CI" ]; }
endef

# An installed Chrome or Chromium is used: Ubuntu has no package of Chromium, only a snap. The package without
# windows has the same engine, and takes half the CPU time.
browser: ## install Chromium without windows, if there is no Chromium, and fonts (Debian's packages) for the tests in a browser
	@packages="$(FONTS)"; \
	$(foreach one,$(BROWSERS),command -v $(one) >/dev/null ||) packages="chromium-headless-shell $$packages"; \
	$(call apt_install)

# Only the programs are needed: Debian would start a system server.
postgresql: ## install PostgreSQL's programs (Debian's package) for the tests that run a server
	@packages=postgresql; command -v initdb >/dev/null || { \
		dpkg -s $$packages >/dev/null 2>&1 || test -e /etc/postgresql-common/createcluster.conf || { \
			$(SUDO) mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" | \
				$(SUDO) tee /etc/postgresql-common/createcluster.conf >/dev/null; }; \
		$(call apt_install); }

mariadb: ## install MariaDB's programs (Debian's package) for the tests marked deep
	@packages=mariadb-server; command -v mariadbd >/dev/null || $(call apt_install,mariadb)

proxies: ## install nginx, Caddy, bubblewrap and systemd (Debian's packages) for the deep tests of deploy/
	@packages="nginx-light caddy bubblewrap systemd"; $(call apt_install,nginx caddy)

tests: install browser postgresql ## pytest, without the tests marked deep, live or wheels
	$(BIN)/pytest $(XDIST) -m "$(ON_EVERY_CHANGE)"

deep: install browser postgresql mariadb proxies ## the tests marked deep, and properties with more examples
	$(BIN)/pytest -n $(DEEP_WORKERS) --dist worksteal --hypothesis-profile=thorough -m "$(DEEP)"

every-test: install browser postgresql mariadb proxies
	$(BIN)/pytest $(XDIST) -m "not live and not wheels"

wheels: install ## build wheels and sdists, install them in clean environments and try them
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -m wheels

# What the image of deploy/Dockerfile has, in an environment of its own, with the same versions.
sbom: install ## write build/sbom.json (CycloneDX) and build/licences.txt for the dependencies of the image
	rm -rf build/sbom-runtime && $(PYTHON) -m venv build/sbom-runtime && $(PYTHON) -m venv build/sbom
	grep -E '^[A-Za-z0-9]' requirements/dev.txt | sed 's/ *\\$$//' > build/versions.txt
	build/sbom-runtime/bin/python -m pip install --quiet --constraint build/versions.txt \
		".[charts,cli,postgresql,telemetry,worker]" ./plugins/qualtrics ./plugins/limesurvey \
		"./plugins/sql[postgresql,mariadb]" "./reference_host[postgresql]"
	build/sbom-runtime/bin/python -m pip check
	build/sbom/bin/python -m pip install --quiet cyclonedx-bom==$(CYCLONEDX)
	build/sbom/bin/cyclonedx-py environment --of JSON --output-reproducible -o build/sbom.json \
		build/sbom-runtime/bin/python
	$(BIN)/python -m reference_host.tests.deploy.licences build/sbom.json build/licences.txt

dist: install ## build the sdist and the wheel of every distribution into dist/
	rm -rf dist
	@for project in $(PROJECTS); do \
		(cd $$project && $(CURDIR)/$(BIN)/python -m hatchling build --directory $(CURDIR)/dist) || exit 1; \
	done
	$(BIN)/twine check --strict dist/*

mutants: install ## run every contract mutant and print what kills it, as JSON
	$(BIN)/python -m tests.contract_suite.mutants --json

# Measured from the start of each interpreter, in the processes of pytest and of the tests alike. Each
# writes a data file of its own, which `combine` merges. The tests of the reference host are left out:
# the core and the plugins have to be covered by their own, and by those that run on every change.
# The tests on MariaDB are marked deep: those that cover its module are added.
# Tests that failed run again without coverage: with the audit hook of the contract suite, CPython 3.11
# can refuse the trace function of a new thread ("while another trace function is being installed").
coverage: install browser postgresql mariadb ## measure branch coverage of the core and the plugins, print it
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest $(XDIST) -m "$(ON_EVERY_CHANGE)" tests plugins || \
		$(BIN)/pytest $(XDIST) -m "$(ON_EVERY_CHANGE)" \
			--last-failed --last-failed-no-failures none tests plugins
	$(BIN)/coverage run -m pytest -n 0 \
		plugins/sql/tests/test_mariadb.py plugins/sql/tests/test_mariadb_errors.py
	$(BIN)/coverage combine --quiet
	@for package in $(filter-out $(PACKAGES_COVERED),$(PACKAGES)); do \
		printf "%-34s %s %%\n" $$package \
			"$$($(BIN)/coverage report --precision=2 --format=total --include="*/$$package/*")"; \
	done
	@for package in $(PACKAGES_COVERED); do \
		$(BIN)/coverage report --precision=2 --include="*/$$package/*" --fail-under=$(COVERED) \
			> build/coverage/$$package.txt || { \
			cat build/coverage/$$package.txt; echo "$$package: below $(COVERED) %" >&2; exit 1; }; \
		awk -v package=$$package '$$1 == "TOTAL" { sub("%", " %", $$NF); printf "%-34s %s\n", package, $$NF }' \
			build/coverage/$$package.txt; \
	done

# In an environment of its own. An interpreter that is not installed is a skip with its reason.
test-python: ## the whole suite on another interpreter: make test-python PYTHON=python3.12
	@$(PYTHON) -c '' 2>/dev/null || { echo "Skipped: $(PYTHON) cannot be started." >&2; exit 0; }; \
	version=$$($(PYTHON) -c 'import sys; print("{}.{}".format(*sys.version_info))') && \
	echo "The whole suite on Python $$version" && \
	$(MAKE) VENV=build/python-$$version PYTHON=$(PYTHON) every-test wheels

fix: install ## format, and apply the fixes that ruff knows
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install ## build the documentation site into build/docs
	$(BIN)/python -m sphinx --builder html --fresh-env --nitpicky --fail-on-warning --keep-going \
		--quiet --doctree-dir build/docs-doctrees docs build/docs
	@echo "The site is in build/docs/index.html"

docs-generated: install postgresql ## regenerate the pages in docs/ that are written from the code
	$(BIN)/python -m tests.docs.settings_page
	$(BIN)/python -m tests.docs.cli_page
	$(BIN)/python -m tests.docs.rules_page
	$(BIN)/python -m tests.docs.generated_parts
	$(BIN)/python -m tests.bad_input.table
	$(BIN)/python -m tests.one_study.table

# The pictures are committed, so only a changed diagram needs this. Mermaid comes from npm.
diagrams: install browser ## render docs/diagrams/*.mmd as SVG
	npm install --silent --no-save --prefix build/mermaid mermaid@$(MERMAID)
	$(BIN)/python -m tests.docs.diagrams build/mermaid/node_modules/mermaid/dist/mermaid.min.js

prose: install ## list words in docs/ that the style avoids, with suggestions; advice, never an error
	@$(BIN)/codespell --dictionary docs/avoided-words.txt docs *.md || true

record: install ## record the responses that the contract tests replay, from the sandbox
	$(BIN)/python -m plugins.qualtrics.tests.contract.record_cassettes

screenshots: install browser ## screenshots of every page, state and width, in build/screenshots
	$(BIN)/python -m reference_host.tests.e2e.screenshots build/screenshots

screenshots-guide: install browser ## retake the screenshots of docs/guide.md
	$(BIN)/python -m reference_host.tests.e2e.screenshots --guide

test-live: install ## read-only tests against a real account named in the environment
	$(BIN)/pytest -m live plugins/qualtrics/tests/live

peers: install ## run public Qualtrics clients, in an environment of their own, against the sandbox
	$(BIN)/python -m plugins.qualtrics_sandbox.peers

# Keeps the versions in dev.txt where possible; `make lock UPGRADE=--upgrade` takes the newest.
lock: ## resolve requirements/dev.in to exact versions and hashes, for every Python from 3.11 on
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--no-emit-package smaply-metrics-core \
		--no-emit-package smaply-metrics-csv-example \
		--no-emit-package smaply-metrics-form-garden \
		--no-emit-package smaply-metrics-host \
		--no-emit-package smaply-metrics-limesurvey \
		--no-emit-package smaply-metrics-qualtrics \
		--no-emit-package smaply-metrics-qualtrics-sandbox \
		--no-emit-package smaply-metrics-sql \
		--output-file requirements/dev.txt requirements/dev.in

clean: ## remove .venv/, build/ and the caches
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
