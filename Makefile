# The one front door, for people and for CI.

SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help

# The local stack has the functions built for this machine by name and with the features of the whole workspace
# (--workspace in template.yaml). Asking for the same here means that no dependency is compiled twice.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
CARGO_TARGET := --target $(HOST)
TOOLS := .local/venv/tools/bin
# SAM asks for a region and credentials even where it calls nothing.
SAM_OFFLINE := AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none SAM_CLI_TELEMETRY=0

.PHONY: help demo test bench site check format lint template dockerfile dependencies schema payloads audit build clean

help: ## what there is to make
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## the whole stack on this machine, from a page published to a webhook verified; ONCE=1 stops there
	cargo build --workspace --locked $(CARGO_TARGET) --bin demo
	exec target/$(HOST)/debug/demo

test: check site ## every check and every test
	cargo test --workspace --locked $(CARGO_TARGET)

# Built as the tests are: what is measured here is waiting, and a release build takes a quarter of an hour.
bench: ## twenty servers that migrate at once, without wagrun and with it
	cargo bench --workspace --locked $(CARGO_TARGET) --profile dev --bench migrate

# None of these connects, but the settings want to know where to.
site:
	python3 tools/venv.py site
	cd site && DATABASE_HOST=localhost DATABASE_NAME=none DATABASE_USER=none SECRET_KEY=tests PYTHONDONTWRITEBYTECODE=1 \
	  ../.local/venv/site/bin/python manage.py test website

check: format lint template dockerfile dependencies ## formatting, lints, the template, the image, dependencies

format:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets --locked $(CARGO_TARGET) -- -D warnings

template: ## the templates: cfn-lint, SAM, checkov, our own rules, every combination of the choices; and subscribers' schema
	python3 tools/venv.py tools checkov
	$(TOOLS)/cfn-lint
	$(SAM_OFFLINE) $(TOOLS)/sam validate --lint --template-file template.yaml
	.local/venv/checkov/bin/checkov --config-file .checkov.yaml
	$(TOOLS)/python tools/template_rules.py
	$(TOOLS)/python tools/template_policies.py
	$(TOOLS)/python tools/template_render.py
	$(TOOLS)/python tools/test_template.py
	$(TOOLS)/python tools/test_subscriber_schema.py
	python3 tools/costs.py --check

dockerfile: ## the site's image, as far as that goes without Docker: hadolint, and its steps done by hand
	python3 tools/venv.py hadolint site tools
	.local/venv/hadolint/bin/hadolint --failure-threshold style site/Dockerfile
	$(TOOLS)/python tools/test_image.py

dependencies:
	python3 tools/venv.py tools
	PATH="$(CURDIR)/$(TOOLS):$$PATH" cargo deny --locked check bans licenses sources

schema: ## writes shared/schema.sql anew, after a change of shared/migrations
	UPDATE_SCHEMA=1 cargo test --workspace --locked $(CARGO_TARGET) --test e2e -- schema::the_dumped_schema_is_what_is_installed

payloads: ## writes the examples in docs/*.md anew, after a change of what is sent
	UPDATE_PAYLOADS=1 cargo test --workspace --locked $(CARGO_TARGET) --test e2e -- payloads::the_documented_payloads_are_what_is_sent

audit: ## known vulnerabilities of the dependencies; not part of check, as it fetches the advisory database from the internet
	python3 tools/venv.py tools
	PATH="$(CURDIR)/$(TOOLS):$$PATH" cargo deny --locked check advisories

# A target directory of its own: SAM collects the binaries of every build from one place inside it, where those of the
# local stack, for another machine, would otherwise be mixed in.
build: ## the functions for AWS, in .aws-sam/build; ARCHITECTURE=x86_64 for the other processor
	python3 tools/venv.py tools
	$(if $(filter x86_64,$(ARCHITECTURE)),,rustup target add aarch64-unknown-linux-gnu)
	PATH="$(CURDIR)/$(TOOLS):$$PATH" CARGO_TARGET_DIR="$(CURDIR)/target/aws" SAM_CLI_TELEMETRY=0 \
	  sam build --parameter-overrides Architecture=$(or $(ARCHITECTURE),arm64)

clean: ## everything that was built or installed here
	rm -rf target .aws-sam .local
