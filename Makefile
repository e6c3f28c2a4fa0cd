.DEFAULT_GOAL := help
.PHONY: help build test race lint fuzz bench generate ci

help: ## Show what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## Build the command into bin/
	go build -o bin/amends ./cmd/amends

test: ## Run the tests (needs nothing but Go)
	go test ./...

race: ## Run the tests under the race detector
	go test -race ./...

lint: ## Format check, vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...

fuzz: ## Fuzz whatever parses, 10 seconds each
	.ci/fuzz 10s

bench: build ## Measure this machine against the raw engine
	bin/amends bench

generate: ## Regenerate the event catalogue
	go generate ./schemas

ci: ## What CI runs
	.ci/run
