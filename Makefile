.PHONY: build test race lint demo bench ci

build:
	CGO_ENABLED=0 go build -trimpath -o . ./cmd/mcp-login ./cmd/whoami-server

test:
	go test ./...

race:
	go test -race ./...

lint:
	go vet ./... && go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./... && go run mvdan.cc/gofumpt@v0.12.0 -l .

demo:
	go run ./examples/whoami

bench:
	go run ./test/bench --peers

ci:
	bash .ci/run
