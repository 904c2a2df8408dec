.DEFAULT_GOAL := help
.PHONY: help build test race lint demo bench pages ci

help: ## list the targets
	@sed -n 's/^\([a-z]*\): .*## /\1	/p' Makefile | expand -t 8

build: ## both programs, into this folder
	CGO_ENABLED=0 go build -trimpath -o . ./cmd/mcp-login ./cmd/whoami-server

test: ## go test ./..., and at the end what was skipped for want of what
	go run ./test/tally ./...

race: ## the same with the race detector
	go run ./test/tally -race ./...

lint: ## go vet, staticcheck, gofumpt and the others of golangci-lint
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

demo: ## a provider, a server, two clients and one sign-in on this machine
	go run ./examples/whoami

bench: ## speed and size beside npm mcp-remote and supergateway
	go run ./test/bench --peers

pages: ## what is written by tests: help, docs/clients.md, schemas, how to install
	go test ./internal/cli ./internal/hosts ./packaging/owner -update

ci: ## all of it, on a Debian-like machine; installs what it needs
	bash .ci/run
