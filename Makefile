# The entry point for people and for CI.

SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help

# Every build has the features of the whole workspace, as that of the local stack has (tools/workspace-build), and the
# target that .cargo/config.toml names. So no dependency is compiled twice.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
BUILT := $(or $(CARGO_TARGET_DIR),target)/$(HOST)/debug
TOOLS := .local/venv/tools/bin
FUNCTIONS := $(notdir $(wildcard functions/*))
# SAM needs a region and credentials, although it calls nothing.
SAM_OFFLINE := AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none SAM_CLI_TELEMETRY=0

# The checks that need nothing of what cargo builds.
OTHER_CHECKS := template contract models dockerfile package dependencies

# The directory in which the tests record their requests to AWS.
REQUESTS := .local/requests
# The directory in which they record their secrets, which no log may hold.
SECRETS := .local/secrets

# The environments that `make test` needs, in the order of their use.
PACKAGES := tools checkov node contract emulator hadolint site package oldest wagtail-7.0 wagtail-7.4 webhooks postgres

# The file in which the running demo writes its addresses.
DEMO := .local/demo.env

# The operator's command, for STACK on AWS, or for the running demo.
WAGRUN = cargo build --quiet --workspace --locked --bin wagrun && WAGRUN_DEMO="$(wildcard $(DEMO))" STACK="$(STACK)" exec $(BUILT)/wagrun

.PHONY: help demo wagrun history subscriber-test subscriber-check packages compile test unit e2e watch bench bench-migrate bench-attach bench-stages bench-drain bench-deliver site check format lint template contract types recorded-access models dockerfile image package wheel dependencies schema payloads property public-view compatibility faults mutations soak model fuzz hostile audit build clean

help: ## the list of targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 18

# The Python packages are installed while everything is compiled. SAM only collects the programs afterwards.
demo: ## the whole stack on this machine, from a page published to a webhook verified; ONCE=1 stops there, DOORBELL=Logs rings by log, SITE=../mysite shows a site of your own
	@python3 tools/venv.py emulator postgres site tools & \
	  if cargo build --workspace --locked --bin demo $(FUNCTIONS:%=--bin %); then wait $$!; else wait $$!; exit 1; fi
	exec $(BUILT)/demo

wagrun: ## builds the operator's command, and says where it is
	@cargo build --workspace --locked --bin wagrun
	@echo $(BUILT)/wagrun

history: ## the events of OBJECT=page/42 in STACK=wagrun on AWS, or in the running demo, and their state for each subscriber
	@$(WAGRUN) history "$(OBJECT)"

subscriber-check: ## checks FILE=docs/examples/search.json before it is stored as a subscriber, by the rules of STACK=wagrun if given
	@$(WAGRUN) subscribers check "$(FILE)"

subscriber-test: ## sends a signed test event to subscriber NAME=search of STACK=wagrun on AWS, or of the running demo; counts what matches
	@$(WAGRUN) subscribers test "$(NAME)" $(if $(filter no,$(COUNT)),--no-count) $(if $(URL),--url "$(URL)")

# Installing waits for the network, and compiling for the processor, so both begin at once. Whatever fails to install is
# reported by the step that needs it, which tries again.
packages:
	@mkdir -p .local
	@python3 tools/venv.py $(PACKAGES) > .local/packages.log 2>&1 &

# Most checks after clippy use one processor, so the tests are compiled meanwhile.
compile:
	@mkdir -p .local
	@nice cargo test --workspace --locked --no-run > .local/compile.log 2>&1 &

test: packages format lint compile $(OTHER_CHECKS) site ## every check and every test
	rm -rf $(REQUESTS) $(SECRETS)
	mkdir -p $(SECRETS) && touch $(SECRETS)/started
	WAGRUN_KEEP_LOGS=1 cargo test --workspace --exclude e2e --locked
	WAGRUN_KEEP_LOGS=1 python3 tools/e2e.py
	.local/venv/emulator/bin/python tools/check_requests.py $(REQUESTS)
	$(MAKE) --no-print-directory recorded-access
	$(MAKE) --no-print-directory hostile NAMESPACE=optional
	python3 tools/check_secrets.py .local

unit: ## the unit tests; CRATE=deliver runs those of one crate, TEST=name those with this in their name
	cargo test $(if $(CRATE),--package $(CRATE),--workspace --exclude local-stack) --locked --lib -- $(TEST)

e2e: ## the end-to-end tests, or those with TEST=drain::runs in their name
	$(if $(TEST),cargo test --workspace --locked --test e2e -- $(TEST),python3 tools/e2e.py)

watch: ## the unit tests of CRATE=deliver, each time one of its files is saved
	@python3 tools/watch.py $(CRATE)

BENCH ?= migrate attach stages drain deliver

bench: $(addprefix bench-,$(BENCH)) ## the benchmarks of docs/benchmarks.md: twenty migrations at once, an attachment, stages, the drain and capture, deliveries; BENCH=deliver runs one

# Built as the tests are: the bench measures waiting, and an optimised build takes long.
bench-migrate:
	cargo bench --workspace --locked --profile dev --bench migrate

# The programs are debug builds: what is measured are the locks of the server.
bench-attach:
	cargo bench --workspace --locked --profile dev --bench attach

# Debug builds, as in the demo.
bench-stages:
	cargo bench --workspace --locked --profile dev --bench stages

# `SECTIONS="wake backlog"` makes some of its tables.
bench-drain:
	python3 tools/venv.py peer
	cargo build --workspace --locked --profile measured $(FUNCTIONS:%=--bin %)
	cargo bench --workspace --locked --profile measured --bench drain -- $(SECTIONS)

# Measures processor time; the profile has the build options. `SECTIONS="cost isolation"` makes some of its tables.
bench-deliver:
	python3 tools/venv.py webhooks
	cargo build --workspace --locked --profile measured --bin content-events --bin fan-out --bin deliver
	cargo bench --workspace --locked --profile measured --bench deliver -- $(SECTIONS)

# The tests do not connect, but the settings need these variables.
site:
	python3 tools/venv.py site
	cd site && DATABASE_HOST=localhost DATABASE_NAME=none DATABASE_USER=none DATABASE_SSL_MODE=disable SECRET_KEY=tests PYTHONDONTWRITEBYTECODE=1 \
	  ../.local/venv/site/bin/python manage.py test website

check: format lint $(OTHER_CHECKS) ## formatting, lints, the template, the contract, AWS's models, the image, the Python package, dependencies

format:
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check

lint: ## clippy, module cycles, dependencies that would be compiled twice, and how comments and documents read
	python3 tools/module_graph.py
	python3 tools/test_features.py
	python3 tools/prose.py
	python3 tools/mutations.py --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

template: ## the templates: cfn-lint, SAM, checkov, cloudformation-validate, our rules, every combination of choices, permissions, schema
	python3 tools/venv.py tools checkov
	python3 tools/npm.py access
	$(TOOLS)/cfn-lint
	$(SAM_OFFLINE) $(TOOLS)/sam validate --lint --template-file template.yaml
	.local/venv/checkov/bin/checkov --config-file .checkov.yaml
	$(TOOLS)/python tools/template_rules.py
	$(TOOLS)/python tools/template_render.py
	$(TOOLS)/python tools/template_order.py
	$(TOOLS)/python tools/template_validate.py
	$(TOOLS)/python tools/template_access.py
	$(TOOLS)/python tools/test_template_rules.py
	$(TOOLS)/python tools/test_template_rules_access.py
	$(TOOLS)/python tools/test_template_choices.py
	$(TOOLS)/python tools/test_template_render.py
	$(TOOLS)/python tools/test_template_stacks.py
	$(TOOLS)/python tools/test_template_order.py
	$(TOOLS)/python tools/test_template_account.py
	$(TOOLS)/python tools/test_template_validate.py
	$(TOOLS)/python tools/test_access.py
	$(TOOLS)/python tools/test_access_doors.py
	$(TOOLS)/python tools/test_recorded_access.py
	$(TOOLS)/python tools/test_subscriber_schema.py
	python3 tools/costs.py --check

contract: ## the events' JSON Schema, AsyncAPI document and types against the documented payloads; the examples against the services; the HCL of docs/terraform.md
	python3 tools/venv.py contract
	python3 tools/npm.py contract
	.local/venv/contract/bin/python tools/check_contract.py
	.local/venv/contract/bin/python tools/test_contract.py
	.local/venv/contract/bin/python tools/test_examples.py
	.local/venv/contract/bin/python tools/test_terraform.py

types: ## writes docs/types/events.* again, after a change of docs/events.schema.json
	python3 tools/venv.py contract
	python3 tools/npm.py contract
	.local/venv/contract/bin/python tools/check_contract.py --write

recorded-access: ## compares the calls of the functions in the last tests with the policies of their roles
	python3 tools/venv.py tools
	python3 tools/npm.py access
	$(TOOLS)/python tools/recorded_access.py $(REQUESTS)
	python3 tools/operator_policy.py $(REQUESTS)

models: ## tests the checks of what the tests leave behind: requests against the models of AWS, logs for secrets; `make test` runs them
	python3 tools/venv.py emulator
	.local/venv/emulator/bin/python tools/test_aws_models.py
	python3 tools/test_check_secrets.py

dockerfile: ## the image of the site, without Docker: hadolint, and its steps run one by one
	python3 tools/venv.py hadolint site tools
	.local/venv/hadolint/bin/hadolint --failure-threshold style site/Dockerfile
	$(TOOLS)/python tools/test_image.py
	$(TOOLS)/python tools/test_own_dockerfile.py

# The newest of everything first, and then every older Wagtail. `oldest` has the oldest Django and driver as well.
package: ## the Python package: its types, its wheel, and its tests on each supported Wagtail
	python3 tools/venv.py package oldest wagtail-7.0 wagtail-7.4
	cd python && ../.local/venv/package/bin/mypy
	cd python && for name in package oldest wagtail-7.0 wagtail-7.4; do \
	  echo "-- $$name"; PYTHONPATH=src PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=tests.settings \
	    ../.local/venv/$$name/bin/python -W error::RuntimeWarning -m django test tests; done

wheel: ## builds the Python package, in .local/wheel
	python3 tools/venv.py wheel
	.local/venv/wheel/bin/python -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir .local/wheel ./python
	@ls .local/wheel/*.whl

# Not part of check, which must pass without root and without a builder.
image: ## builds the image with buildah, as root, on stand-ins for its base images; serves and migrates from it
	@python3 tools/image/requirements.py
	python3 tools/venv.py postgres site tools
	$(TOOLS)/python tools/image

dependencies:
	python3 tools/venv.py tools
	PATH="$(CURDIR)/$(TOOLS):$$PATH" cargo deny --locked check bans licenses sources

schema: ## writes shared/database/schema.sql again, after a change of shared/database/migrations
	UPDATE_SCHEMA=1 cargo test --workspace --locked --test e2e -- schema::the_dumped_schema_is_what_is_installed

payloads: ## writes the examples in docs/*.md again, after a change of the payloads
	UPDATE_PAYLOADS=1 cargo test --workspace --locked --test e2e -- payloads::the_documented_payloads_are_what_is_sent

# Each round prints its seed. `make property SEED=…` begins with that seed.
property: ## compares random edits with the log of the database for SECONDS=600; SEED=1234 repeats a failed run
	WAGRUN_PROPERTY_SECONDS=$(or $(SECONDS),600) WAGRUN_PROPERTY_SEED=$(SEED) \
	  cargo test --workspace --locked --test e2e -- --nocapture property::random \
	  | grep -v '^{"_aws"'

# WAGTAIL=V6_3 runs one version, SEED=1234 repeats a failed run.
public-view: ## compares what subscribers know of the public site with the site itself, SECONDS=600 on each version of Wagtail
	WAGRUN_PUBLIC_VIEW_SECONDS=$(or $(SECONDS),600) WAGRUN_PUBLIC_VIEW_SEED=$(SEED) WAGRUN_PUBLIC_VIEW_WAGTAIL=$(WAGTAIL) \
	  cargo test --workspace --locked --test e2e -- --nocapture public_view::random \
	  | grep -v '^{"_aws"'

# `make test` has the short form: the oldest of everything, and the newest.
compatibility: package ## every supported version of Wagtail, Django and PostgreSQL: attach, publish, receive, and random editors for SECONDS=30 each
	cargo test --workspace --locked --test e2e -- --nocapture migrate::older_postgres
	WAGRUN_COMPATIBILITY=all cargo test --workspace --locked --test e2e -- --nocapture stack::compatibility \
	  | tee .local/compatibility.log | grep -v '^{"_aws"'
	for postgres in 15 16 17 18; do \
	  echo "-- random editors on PostgreSQL $$postgres"; \
	  WAGRUN_PUBLIC_VIEW_POSTGRES=$$postgres WAGRUN_PUBLIC_VIEW_SECONDS=$(or $(SECONDS),30) \
	    cargo test --workspace --locked --test e2e -- --nocapture public_view::random | grep -v '^{"_aws"'; done
	@grep '^compatibility: ' .local/compatibility.log

# SEED=1234 repeats a failed run. `make test` has one round of each test.
faults: ## random faults of everything, kills at every step, and editors for SECONDS=3600, judged by the log of the database
	WAGRUN_FAULTS_SECONDS=$(or $(SECONDS),3600) WAGRUN_FAULTS_SEED=$(SEED) \
	  cargo test --workspace --locked --test e2e -- --nocapture faults::everything_committed \
	  | grep -v '^{"_aws"'

mutations: ## takes out one safeguard after the other, and looks whether the short form of the faults finds it; NAME=lane tries some
	python3 tools/mutations.py $(NAME)

soak: ## a day in an hour: memory, files, tables and queues of the local stack under a stream of edits, for SECONDS=3600
	WAGRUN_SOAK_SECONDS=$(or $(SECONDS),3600) cargo bench --workspace --locked --profile dev --bench soak

# Not part of test, whose scenarios of the same models are smaller. `make model SAFEGUARD=sweeps` prints how a promise breaks without it.
model: ## explores the models of drain and delivery in larger scenarios (some minutes, 2 GB), prints the tables of docs/reliability.md
	cargo run --package model --locked --profile measured --bin model -- $(SAFEGUARD)

# Not part of test, because the fuzzer's runtime needs a C++ compiler.
fuzz: ## fuzzes TARGET=subscriber for SECONDS=1800, or TARGET=all one after the other; fuzz/Cargo.toml lists the targets
	@python3 tools/fuzz.py "$(or $(TARGET),none)" "$(or $(SECONDS),1800)"

# The tests of addresses run in a network of their own, in which every address is answered. Where the kernel does not let users
# create one, this fails; `make test` says so and goes on.
hostile: ## hostile URLs, names, headers and receivers against the compiled deliver; TEST=tls runs those with this in their name
	python3 tools/venv.py webhooks
	cargo build --workspace --locked --bin deliver
	cd functions/deliver/tests && NAMESPACE=$(NAMESPACE) PYTHONDONTWRITEBYTECODE=1 \
	  "$(CURDIR)/.local/venv/webhooks/bin/python" -m hostile "$(abspath $(BUILT))/deliver" $(TEST)

# Each part runs, also after another one has found something.
audit: ## known vulnerabilities of crates, Python and npm packages; not part of check, because it asks for them on the internet
	python3 tools/venv.py tools audit node
	failed=0; \
	PATH="$(CURDIR)/$(TOOLS):$$PATH" cargo deny --locked check advisories || failed=1; \
	python3 tools/audit.py || failed=1; \
	exit $$failed

# A separate target directory: SAM collects the binaries of every build from one place inside it. Otherwise they would
# be mixed with those of the local stack, which are for another machine.
build: ## the functions for AWS, in .aws-sam/build, and the operator's command for this machine; ARCHITECTURE=x86_64 for the other processor
	python3 tools/venv.py tools
	$(if $(filter x86_64,$(ARCHITECTURE)),,rustup target add aarch64-unknown-linux-gnu)
	PATH="$(CURDIR)/$(TOOLS):$$PATH" CARGO_TARGET_DIR="$(CURDIR)/target/aws" SAM_CLI_TELEMETRY=0 \
	  sam build --parameter-overrides Architecture=$(or $(ARCHITECTURE),arm64)
	CARGO_TARGET_DIR="$(CURDIR)/target/aws" cargo build --locked --release --package wagrun --bin wagrun
	@echo "the functions are in .aws-sam/build, and the operator's command is target/aws/$(HOST)/release/wagrun"

clean: ## removes everything that was built or installed here
	rm -rf target fuzz/target .aws-sam .local
