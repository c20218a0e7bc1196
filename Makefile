# GNU make 4.3 or newer. "make" lists the targets; README.md says what they need.

GO       ?= go
FUZZTIME ?= 20s
BENCH    ?= .
RETRY    := .ci/retry
GODIRS   := bootstrap cmd deploy lwm2m store tlv .ci/testreport

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: build
build: ## bin/lwbs, static and reproducible
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/lwbs ./cmd/lwbs

.PHONY: dist
dist: ## dist/: static binaries for each platform, checksums and an SBOM; the same bytes at every run
	GO=$(GO) deploy/dist

.PHONY: test-dist
test-dist: modules ## build a release of the last commit in two folders, compare and check it; FRESH=1 without the build cache
	GO=$(GO) deploy/test-dist $(PLATFORMS)

.PHONY: packages
packages: ## dist/: deb and rpm of this tree for amd64, arm64 and armv7
	GO=$(GO) deploy/packages/all

.PHONY: test-packages
test-packages: modules ## install, run, upgrade and remove the deb in a view of this machine of its own; needs root
	GO=$(GO) deploy/test-packages

.PHONY: image
image: ## dist/: a container image of the last commit, an OCI layout in a tar file, as podman load takes it
	GO=$(GO) deploy/make-image

.PHONY: test-image
test-image: modules ## make the image twice, unpack it, and run it as its user; needs root
	GO=$(GO) deploy/test-image

.PHONY: test-chart
test-chart: modules ## lint and render the Helm chart, and check what comes out
	GO=$(GO) deploy/test-chart

.PHONY: test-alerts
test-alerts: ## check the alert rules for Prometheus, and run their tests
	deploy/test-alerts

# What looks for barriers in the pages.
AXE := testdata/axe/node_modules/.package-lock.json

$(AXE): testdata/axe/package.json testdata/axe/package-lock.json
	$(RETRY) npm ci --prefix testdata/axe --no-audit --no-fund
	touch $@

.PHONY: modules
modules: ## download the Go modules
	$(RETRY) $(GO) mod download

.PHONY: check
check: modules ## format, vet, staticcheck, modules, a build that leaves the tree as it was
	@unformatted=$$(gofmt -l $(GODIRS)); test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	$(GO) vet ./... ./.ci/testreport
	$(GO) vet -tags interop ./bootstrap/interop
	$(GO) vet -tags browser ./cmd/lwbs/browser
	$(GO) tool staticcheck ./... ./.ci/testreport
	$(GO) tool staticcheck -tags interop ./bootstrap/interop
	$(GO) tool staticcheck -tags browser ./cmd/lwbs/browser
	$(GO) mod verify
	$(GO) mod tidy -diff
	@before=$$(git status --porcelain); $(MAKE) --no-print-directory build; \
	test "$$before" = "$$(git status --porcelain)" || { echo "the build changed the tree:"; git status --short; exit 1; }

.PHONY: test
test: ## all tests that need nothing but Go, with the race detector where there is a C compiler
	@GO='$(GO)' .ci/test

.PHONY: test-pion
test-pion: ## the tests of DTLS with pion in every handshake, those with a pre-shared key too
	LWBS_TEST_PSK=pion $(GO) test -count=1 -timeout 25m ./bootstrap/coap ./bootstrap/coap/dtls

.PHONY: test-postgres
test-postgres: ## the store on a PostgreSQL that the tests start; POSTGRES=require fails where it is missing
	$(GO) test -count=1 -timeout 15m ./store/postgres/...

.PHONY: test-crash
test-crash: ## kill -9 the database during its writes, 200 times
	LWBS_CRASH_ROUNDS=$${LWBS_CRASH_ROUNDS:-200} $(GO) test -count=1 -timeout 30m -run Crash ./store/bolt

.PHONY: stress
stress: ## a thousand simulated devices over links that lose, repeat and reorder
	LWBS_STRESS_DEVICES=$${LWBS_STRESS_DEVICES:-1000} $(GO) test -count=1 -timeout 30m -v -run Storm ./bootstrap/stress

.PHONY: interop
interop: peers ## tests against Leshan, Wakaama and other DTLS libraries; INTEROP=require fails where a peer is missing
	$(GO) test -tags interop -count=1 -timeout 15m -parallel 4 -v ./bootstrap/interop

.PHONY: browser
browser: modules $(if $(shell command -v npm),$(AXE)) ## the pages in Chromium; BROWSER=require fails where it is missing, LWBS_PICTURES=FOLDER keeps pictures
	$(GO) test -tags browser -count=1 -timeout 30m -v ./cmd/lwbs/browser

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (20s)
	@grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' $(GODIRS) | sed 's,/[^/]*:func, ,' | sort | \
	while read -r package target; do \
		echo "== $$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$package || exit; \
	done

.PHONY: bench
bench: ## every benchmark, about 15 minutes
	$(GO) test -run '^$$' -bench . -benchmem -timeout 1h ./...

.PHONY: bench-transport
bench-transport: ## storms, floods and loss against lwbs in a process of its own; BENCH=Storm picks
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 1h -v ./bootstrap/bench

.PHONY: bench-peers
bench-peers: $(if $(shell command -v mvn),$(LESHAN)) ## lwbs beside Leshan, go-coap, pion and bare UDP under the same load; about 15 minutes
	$(GO) test -run '^$$' -bench '^BenchmarkPeers$$' -benchtime 1x -timeout 1h ./bootstrap/bench

.PHONY: bench-import
bench-import: ## import of a table with LWBS_BENCH_ROWS (100,000) devices, without a server and with one
	$(GO) test -run '^$$' -bench '^BenchmarkImport$$' -benchtime 1x -timeout 1h ./cmd/lwbs

# Enough runs for a stable median beside other load on the machine.
FORMATS := $(GO) test -run '^$$' -bench . -benchtime 0.2s -count 10 ./lwm2m/content

.PHONY: bench-compare
bench-compare: ## encode and decode per format, against the recorded run in testdata/bench; 40 s
	@mkdir -p bin
	$(FORMATS) >bin/formats.txt
	$(GO) tool benchstat -filter '.unit:(cpu-ns/op OR B/op OR allocs/op)' recorded=testdata/bench/formats.txt now=bin/formats.txt

.PHONY: bench-record
bench-record: ## record that run again; its README says when
	$(FORMATS) >testdata/bench/formats.txt

.PHONY: clean
clean: ## remove what these targets made, and the peers of interop
	rm -rf bin dist testdata/leshan/*/target testdata/wakaama/node_modules testdata/mbedtls/venv testdata/axe/node_modules

# The foreign stacks. A peer is built where its tools are.
LESHAN  := testdata/leshan/server/target/server.jar
WAKAAMA := testdata/wakaama/node_modules/.package-lock.json
MBEDTLS := testdata/mbedtls/venv/.installed

.PHONY: peers
peers: modules $(if $(shell command -v mvn),$(LESHAN)) $(if $(shell command -v npm),$(WAKAAMA)) $(if $(shell command -v python3),$(MBEDTLS))

$(LESHAN): $(shell find testdata/leshan -name pom.xml -o -path '*/src/*' -type f)
	$(RETRY) mvn -B -q -ntp -f testdata/leshan package
	touch $@

$(WAKAAMA): testdata/wakaama/package.json testdata/wakaama/package-lock.json
	testdata/wakaama/build
	touch $@

# Only some versions of Python have wheels of it.
$(MBEDTLS): testdata/mbedtls/requirements.txt
	python3 -m venv $(@D) && $(RETRY) $(@D)/bin/pip install -q --disable-pip-version-check --only-binary :all: -r $< && touch $@ || \
	{ rm -rf $(@D); test "$(INTEROP)" != require && echo "Mbed TLS could not be installed: its tests are skipped"; }
