.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

quickstart: ## Run the demonstration: a server, a service, an outage
	go run ./examples/quickstart

test: ## Run all tests of the root module with the race detector
	go test -race ./...

check: ## Run everything that CI runs
	bash .ci/run

fuzz: ## Fuzz each target for FUZZTIME (default 30s)
	bash .ci/fuzz $(or $(FUZZTIME),30s)

lint: ## Run golangci-lint
	bash .ci/lint

.PHONY: help quickstart test check fuzz lint
