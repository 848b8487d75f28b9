.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

quickstart: ## Run the demonstration: a server, a service, an outage
	go run ./examples/quickstart

test: ## Run all tests of the root module with the race detector
	go test -race ./...

check: ## Run everything that CI runs
	bash .ci/run

bench: ## Measure everything beside the peers; prints one table (some minutes)
	cd benchmarks && go run .

plots: ## Draw how costs grow into benchmarks/plots (some minutes)
	cd benchmarks && go run . -plots plots

fuzz: ## Fuzz each target for FUZZTIME (default 30s)
	bash .ci/fuzz $(or $(FUZZTIME),30s)

lint: ## Run golangci-lint
	bash .ci/lint

.PHONY: help quickstart test check bench plots fuzz lint
