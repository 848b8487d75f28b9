.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

quickstart: ## Run the demonstration: a server, a service, an outage
	go run ./examples/quickstart

test: ## Run all tests of the root module with the race detector
	go test -race ./...

modules: ## Check the exporters, the examples and the documentation
	bash .ci/modules

deploy: ## Check manifests, image, alert rules and dashboard
	bash .ci/deploy

api: ## Compare the exported API with the last release
	bash .ci/api

tidy: ## go mod tidy in every module
	go mod tidy && bash .ci/modules tidy && cd benchmarks && go mod tidy

check: ## Run everything that CI runs
	bash .ci/run

bench: ## Measure everything beside the peers; prints one table (some minutes)
	cd benchmarks && go run .

plots: ## Draw how costs grow into benchmarks/plots (some minutes)
	cd benchmarks && go run . -plots plots

fuzz: ## Fuzz each target for FUZZTIME (default 30s)
	bash .ci/fuzz $(or $(FUZZTIME),30s)

mutate: ## Break MUTANTS (default 30) random places a package; count what the tests find
	go run ./checks/mutate -n $(or $(MUTANTS),30) $(if $(SEED),-seed $(SEED)) $(if $(PACKAGES),-packages $(PACKAGES))

lint: ## Run golangci-lint
	bash .ci/lint

soak: ## Log through a bad network for SOAKTIME (default 10m), and judge
	go run ./checks/soak -for $(or $(SOAKTIME),10m)

.PHONY: help quickstart test modules deploy api tidy check bench plots soak mutate fuzz lint
