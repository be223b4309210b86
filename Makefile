# The two commands of a newcomer are `make demo` and `make test`; `make` alone prints this list.

PYTHON := .venv/bin/python
LOCAL := $(PYTHON) -m deploy.local

.DEFAULT_GOAL := help
.PHONY: help install demo up down reset status accept-store test unit lint format bench lock

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## install what is missing: Debian packages, and Python packages from the lock file into .venv
	@deploy/local/install.sh

demo: install ## start the platform and take an image to an answering URL, step by step
	@$(LOCAL) demo

up: install ## start the platform alone; returns when it is ready
	@$(LOCAL) up

down: ## stop what `make up` or `make demo` started, and only that
	@if [ -x $(PYTHON) ]; then $(LOCAL) down; else echo "the platform was never installed here"; fi

reset: ## `make down`, and remove all state
	@if [ -x $(PYTHON) ]; then $(LOCAL) reset; else echo "the platform was never installed here"; fi

status: ## tell what runs
	@if [ -x $(PYTHON) ]; then $(LOCAL) status; else echo "the platform was never installed here"; fi

accept-store: ## accept a restored or exchanged etcd, which the daemons hold at the door
	@if [ -x $(PYTHON) ]; then $(LOCAL) accept-store; else echo "the platform was never installed here"; fi

test: install lint ## lint, types, import contracts and all tests, on real servers
	@tests/support/v1_client/fetch.sh
	@$(PYTHON) -m pytest --numprocesses 2 --dist loadfile tests/unit tests/contract
	@$(PYTHON) -m pytest --numprocesses 2 --dist loadfile tests/integration
	@$(PYTHON) -m pytest --numprocesses 2 --dist loadfile tests/e2e

unit: install ## the tests that need no server
	@$(PYTHON) -m pytest tests/unit

lint: install ## ruff, mypy --strict, import contracts
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

format: install ## bring the code into shape
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format --quiet .

bench: install ## measure, and compare with the budgets: a table, and JSON in tests/bench/results
	@$(PYTHON) -m tests.bench

lock: ## resolve pyproject.toml anew into requirements.lock
	@$(PYTHON) -m pip install --quiet uv
	@$(PYTHON) -m uv pip compile pyproject.toml --all-extras --group dev --generate-hashes --python-version 3.11 \
	  --no-emit-index-url --no-header --quiet --upgrade --output-file requirements.lock
