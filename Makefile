.DEFAULT_GOAL := help
SHELL := /bin/bash
GOLANGCI_VERSION := $(shell sed -n 's/^\# golangci-lint \(v[0-9.]*\).*/\1/p' .golangci.yml)

.PHONY: help run build compiled labs-compiled web test test-go test-web race lint size screenshots check warm fuzz clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: build ## build everything and start the lab on http://127.0.0.1:8095
	./bin/p95lab

build: ## build bin/p95lab and bin/grade
	go mod download # also what learners' builds need, which are offline
	@$(MAKE) --no-print-directory -j3 web compiled labs-compiled
	go build -o bin/p95lab ./server && go build -o bin/grade ./grader/cmd/grade

# On a fresh machine these take a minute each, and none of the three needs
# another: SQLite for the server, in C; the labs as the grader builds them,
# which leaves their SQLite in Go ready for the first run; the browser's part.
compiled:
	go build ./server/sqlite ./grader/cmd/grade

labs-compiled:
	CGO_ENABLED=0 go build -trimpath -buildvcs=false ./labs/...

web: web/dist/manifest.json ## build the browser's part into web/dist

web/dist/manifest.json: $(shell find web/src web/build.mjs web/package-lock.json -type f 2>/dev/null)
	cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

test: web test-go test-web ## run every test that this machine can run, and name what was skipped
	@echo "all tests passed"

# Packages whose tests load services have the machine to themselves.
MEASURING := ^github.com/p95lab/p95lab/(grader|server|grader/(bench|cmd/grade|compare|duel|load))$$

test-go: ## the Go tests; packages whose tests measure one at a time
	./.ci/test -shuffle=on -timeout 20m $$(go list ./... | grep -vE '$(MEASURING)')
	./.ci/test -p 1 -shuffle=on -timeout 25m $$(go list ./... | grep -E '$(MEASURING)')

test-web: ## the browser's unit tests and types
	cd web && npm run --silent check && npm test --silent

race: ## the Go tests that do not measure, with the race detector
	./.ci/test -race -shuffle=on -short -timeout 20m ./...

lint: ## gofmt, go vet and the pinned golangci-lint
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) run

size: web ## fail above the bundle's size budget
	cd web && npm run --silent size

screenshots: web ## save pictures of every screen to screenshots/, by driving a browser through both challenges
	P95LAB_SCREENSHOTS=$(CURDIR)/screenshots P95LAB_REQUIRE=chromium go test -count=1 -timeout 20m -run TestLearner ./server

check: ## prove every challenge: starter, solution, also, wrong fixes
	go run ./grader/cmd/grade check --all

warm: ## build and seed beforehand what the first runs need
	go run ./grader/cmd/grade warm

fuzz: ## every fuzz target for ten seconds each
	./.ci/fuzz 10s

clean: ## remove what was built (not your data)
	rm -rf bin web/dist web/node_modules
