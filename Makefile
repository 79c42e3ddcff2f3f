# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# The build needs only Go, make, git and kubectl. Everything else is pinned in hack/tools
# and test/e2e, and built into .cache/bin by the target that first needs it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Twelve digits: git's own choice depends on the number of objects in the clone.
VERSION ?= $(shell git describe --tags --always --abbrev=12 --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X github.com/musterfleet/muster/pkg/registry/server.version=$(VERSION)

export DATA_DIR PORT RESET DOWNSTREAM

# Builds are static, as in the image, so programs and tests share one build cache. What
# needs C, the race detector and SQLite, sets this itself.
export CGO_ENABLED := 0

##@ Use it

.PHONY: build
build: ## Build bin/muster, the all-in-one, for a cluster bin/muster-apiserver and bin/muster-controller, and bin/agent-simulator.
	@hack/progress.sh "building the programs of cmd into bin (the first time, this compiles etcd and the API server: some minutes)" \
		go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: agent
agent: ## Build bin/muster-agent, to test with: it deploys with Helm, or plays many agents.
	@hack/tool.sh muster-agent >/dev/null

.PHONY: run
run: build ## Start it, load artifacts/examples, label a Cluster and show what that does.
	@go build -o .cache/bin/ ./hack/run/labeldemo
	@hack/run/run.sh

.PHONY: stop
stop: ## End what make run started. The data stays in .muster.
	@hack/run/stop.sh

.PHONY: image
image: ## Build an OCI archive of each program in bin/image: PLATFORMS=linux/amd64 limits it, PUSH=REGISTRY/PATH pushes them.
	@cd hack/image && ../progress.sh "building hack/image" go build -o ../../.cache/bin/image .
	@.cache/bin/image -version '$(VERSION)' $(if $(PLATFORMS),-platforms '$(PLATFORMS)') $(if $(PUSH),-push '$(PUSH)')

##@ Work on it

.PHONY: test
test: ## Run all tests; LOTS=unit leaves out those in a real cluster, LOTS=e2e runs only them.
	@hack/ci/test.sh

.PHONY: torture
torture: ## Run random histories with faults against the oracle: DURATION=30m HISTORIES=10000 SEED=1 WORKERS=16.
	MUSTER_TORTURE_DURATION=$(or $(DURATION),30m) MUSTER_TORTURE_HISTORIES=$(or $(HISTORIES),1000000) MUSTER_TORTURE_WORKERS=$(or $(WORKERS),16) $(if $(SEED),MUSTER_SEED=$(SEED)) \
		go test -count=1 -timeout 0 -v -run '^TestTorture$$' ./pkg/registry/state

.PHONY: drills
drills: ## Play an operator's drills, and write what clients saw into docs/operations.md.
	@for tool in etcd etcdctl etcdutl kube-apiserver kube-controller-manager kubectl alerts; do hack/tool.sh $$tool >/dev/null; done
	cd test/e2e && go test -count=1 -timeout 60m -v ./drills -run '^TestDrills$$' -update

.PHONY: bench update-bench
bench: ## Measure the design's numbers, and compare with plain etcd and custom resources; a report in results/. ARGS="--help" lists sizes.
	@hack/bench.sh $(ARGS)
update-bench: ## Replace the committed report by the newest one in results/.
	@hack/bench.sh --update

.PHONY: verify
verify: verify-tidy verify-policy verify-generated verify-format verify-lint ## Check everything that needs no test run.
	@echo "make verify: everything passed"

.PHONY: update
update: update-tidy update-generated update-format update-lint ## Repair everything that verify can repair.

# The nested modules. Each keeps its dependencies out of the server's.
NESTED := hack/image hack/tools cmd/muster-agent test/e2e $(addprefix test/e2e/programs/,alerts argo crds etcd helm kine steve)

# The modules with code of ours.
LINTED := . hack/image cmd/muster-agent test/e2e $(addprefix test/e2e/programs/,alerts argo steve)

.PHONY: verify-tidy update-tidy
verify-tidy: ## go.mod and go.sum are what go mod tidy makes.
	@echo "== tidy"
	@go mod tidy -diff || { echo "go.mod or go.sum is not tidy; run: make update-tidy" >&2; exit 1; }
	@for dir in $(NESTED); do \
		(cd $$dir && go mod tidy -diff) || { echo "$$dir/go.mod or go.sum is not tidy; run: make update-tidy" >&2; exit 1; }; \
	done
update-tidy: ## Tidy go.mod and go.sum.
	@go mod tidy
	@for dir in $(NESTED); do (cd $$dir && go mod tidy); done

.PHONY: verify-policy
verify-policy: ## Import direction, licence headers, file sizes, pages, maps of folders and files: the tests next to go.mod.
	@echo "== policy"
	@go test -count=1 .

.PHONY: verify-generated update-generated
verify-generated: ## Generated code is what its generators make.
	@echo "== generated code"
	@hack/ci/verify-codegen.sh
update-generated: ## Generate code.
	@hack/ci/update-codegen.sh

.PHONY: verify-format update-format
verify-format: ## Code is formatted: gofumpt, imports in three groups.
	@echo "== format"
	@tool=$$(hack/tool.sh golangci-lint); \
	if ! difference=$$("$$tool" fmt --diff) || [[ -n $$difference ]]; then \
		echo "$$difference"; echo "code is not formatted; run: make update-format" >&2; exit 1; \
	fi
update-format: ## Format code.
	@tool=$$(hack/tool.sh golangci-lint); "$$tool" fmt

.PHONY: verify-lint update-lint
verify-lint: ## golangci-lint finds nothing.
	@echo "== lint"
	@tool=$$(hack/tool.sh golangci-lint); for dir in $(LINTED); do \
		(cd $$dir && "$$tool" run --allow-parallel-runners ./...) || { echo "make update-lint may repair some findings" >&2; exit 1; }; \
	done
update-lint: ## Let golangci-lint repair what it can.
	@tool=$$(hack/tool.sh golangci-lint); for dir in $(LINTED); do (cd $$dir && "$$tool" run --allow-parallel-runners --fix ./...); done

.PHONY: clean
clean: ## Remove what was built. Not .muster: that is data.
	@rm -rf bin .cache results

.PHONY: help
help: ## Show this.
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
