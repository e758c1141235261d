# What can be done here: `make help`.

GO        ?= go
VERSION   := $(shell cat internal/cli/VERSION)
COMMIT    := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
DATE      := $(shell git log -1 --format=%ct 2>/dev/null)
LDFLAGS   := -s -w -X haproxystats/internal/cli.version=$(VERSION) -X haproxystats/internal/cli.commit=$(COMMIT)
PREFIX    ?= /usr/local
# The address that packages name as that of the project.
HOMEPAGE  ?= https://haproxystats.invalid/
FUZZTIME  ?= 20s
TOOL      := $(GO) tool -modfile=tools.mod
PROGRAMS  := bin/haproxystats bin/haproxystats-pull bin/haproxystats-process bin/haproxystats-central bin/check_haproxystats
# Modules of their own, apart from what the programs need. Those below test/receivers are not
# among them: to vet them takes as long as to build them, which their tests do.
MODULES   := packaging/image packaging/repository test/container test/kafka/otlp
PLUGIN    := bin/check_haproxystats
# The other systems that get the programs of PORTABLE.
PORTS     := darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64
PORTABLE  := ./cmd/haproxystats ./cmd/check_haproxystats
comma     := ,
empty     :=
space     := $(empty) $(empty)
# The packages whose tests start servers, machines or builds of everything.
WITH_SERVERS := /(demo|dev)$$|/packaging/|/test/(dashboards|deploy|exporter|faults|integration|kafka|nagios|packages|push|real|receivers|reloads|systemd|traffic)(/|$$)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: $(PROGRAMS) ## build the programs into bin/

.PHONY: $(PROGRAMS)
$(PROGRAMS): bin/%:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/$*

.PHONY: version
version: ## print the version
	@echo $(VERSION)

# Whoever installs as root, by sudo, may have no go in the path: only what has not
# been built is.
.PHONY: install
install: $(filter-out $(wildcard $(PROGRAMS)),$(PROGRAMS)) ## install what was built, or else build it: programs, manual pages, completion, units and, where there is none, the configuration (PREFIX, DESTDIR)
	umask 022 && mkdir -p $(addprefix $(DESTDIR),/etc $(PREFIX)/bin $(PREFIX)/lib/nagios/plugins $(PREFIX)/lib/systemd/system) \
		$(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1 man/man5 doc/haproxystats/docs bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	install -m 0755 $(filter-out $(PLUGIN),$(PROGRAMS)) $(DESTDIR)$(PREFIX)/bin
	install -m 0755 $(PLUGIN) $(DESTDIR)$(PREFIX)/lib/nagios/plugins
	for name in process.sh pull.sh process_number_of_procs.sh queue_size.py; do \
		ln -sf check_haproxystats $(DESTDIR)$(PREFIX)/lib/nagios/plugins/check_haproxystats_$$name || exit; done
	install -m 0644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 0644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 0644 README.md CHANGELOG.md $(DESTDIR)$(PREFIX)/share/doc/haproxystats
	install -m 0644 docs/*.md $(DESTDIR)$(PREFIX)/share/doc/haproxystats/docs
	install -m 0644 contrib/completion/bash/* $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 0644 contrib/completion/zsh/* $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -m 0644 contrib/completion/fish/* $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	for unit in haproxystats-pull.service haproxystats-process.service haproxystats-central.service; do \
		sed 's,/usr/bin/,$(PREFIX)/bin/,' contrib/systemd/$$unit >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit; done
	test -e $(DESTDIR)/etc/haproxystats.conf || install -m 0640 haproxystats.conf $(DESTDIR)/etc/haproxystats.conf

.PHONY: uninstall
uninstall: ## remove what `make install` installs; configuration and spool stay (PREFIX, DESTDIR)
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,$(addprefix bin/,$(notdir $(filter-out $(PLUGIN),$(PROGRAMS)))) \
		lib/nagios/plugins/check_haproxystats $(addprefix lib/nagios/plugins/check_haproxystats_,process.sh pull.sh process_number_of_procs.sh queue_size.py) \
		$(addprefix lib/systemd/system/,haproxystats-pull.service haproxystats-process.service haproxystats-central.service) \
		$(addprefix share/man/man1/,$(notdir $(wildcard docs/man/*.1))) $(addprefix share/man/man5/,$(notdir $(wildcard docs/man/*.5))) \
		$(addprefix share/doc/haproxystats/,README.md CHANGELOG.md $(wildcard docs/*.md)) \
		$(addprefix share/bash-completion/completions/,$(notdir $(wildcard contrib/completion/bash/*))) \
		$(addprefix share/zsh/site-functions/,$(notdir $(wildcard contrib/completion/zsh/*))) \
		$(addprefix share/fish/vendor_completions.d/,$(notdir $(wildcard contrib/completion/fish/*))))
	-rmdir $(addprefix $(DESTDIR)$(PREFIX)/share/doc/haproxystats,/docs "") 2>/dev/null

.PHONY: packages
packages: ## deb, rpm and apk for amd64 and arm64, archives for darwin and freebsd, checksums and a bill of materials into dist/
	$(GO) run ./packaging/build -version $(VERSION) -commit $(COMMIT) -date $(DATE) -homepage '$(HOMEPAGE)' -others $(subst $(space),$(comma),$(PORTS)) -out dist

.PHONY: repository
repository: ## make dist, with the packages, a repository of apt and dnf (SIGNING_KEY, SIGNING_PASSPHRASE)
	@$(GO) build -C packaging/repository -o $(CURDIR)/bin/repository .
	@bin/repository -dir dist -date $(DATE) -key "$$SIGNING_KEY" -passphrase "$$SIGNING_PASSPHRASE"

.PHONY: packages-check
packages-check: ## build all packages twice, in two places, and compare them
	$(GO) test -count 1 -run TestReproducible -v ./test/packages

.PHONY: image
image: ## the container image for amd64 and arm64 into dist/, without an engine
	$(GO) -C packaging/image run . -out $(CURDIR)/dist -version $(VERSION) -commit $(COMMIT) -created $(DATE)

.PHONY: chart
chart: ## the Helm chart, packed into dist/
	$(GO) run ./packaging/chart -version $(VERSION) -date $(DATE) -homepage '$(HOMEPAGE)' -out dist

.PHONY: demo
demo: ## three real HAProxy instances with traffic, both programs, a live table (DEMO_SECONDS)
	@sh test/real/setup.sh haproxy
	@$(GO) run ./demo

.PHONY: demo-cluster
demo-cluster: ## two nodes of two real HAProxy instances, Kafka, haproxystats-central and carbon-cache, a live table (DEMO_SECONDS, DEMO_TRANSPORT)
	@sh test/real/setup.sh haproxy graphite-carbon python3-whisper
	@test "$$DEMO_TRANSPORT" = directories || sh test/real/setup.sh default-jre-headless maven || test "$$DEMO_TRANSPORT" != kafka
	@$(GO) run ./demo cluster

.PHONY: dev
dev: ## haproxy, a receiver and both programs, restarted when the source changes (DEV_SHOW=REGEXP)
	@sh test/real/setup.sh haproxy
	@$(GO) build -o bin/dev ./dev
	@bin/dev

.PHONY: quick
quick: ## vet, build, and all tests that need no server (minutes)
	$(GO) vet ./...
	$(GO) build ./...
	$(GO) test $$($(GO) list ./... | grep -vE '$(WITH_SERVERS)')

.PHONY: test
test: FUZZTIME := 3s
test: setup lint generated ports unit receivers containers fuzz ## set up and run all tests

.PHONY: setup
setup: ## install what the tests run: haproxy, carbon, a relay, Kafka, the tools of operators
	sh test/real/setup.sh
	@$(GO) run ./test/real/download
	@$(GO) -C test/kafka/otlp mod download
	@echo "downloading the modules of test/receivers"
	@$(GO) -C test/receivers/prometheus list -tags remove_all_sd -deps tool >/dev/null
	@$(GO) -C test/receivers/collector list -deps . >/dev/null
	@$(GO) -C test/receivers/telegraf list -tags custom -deps . >/dev/null

.PHONY: lint
lint: ## vet, staticcheck, gofumpt, spelling, words that must not come back
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	@for m in $(MODULES); do \
		$(GO) -C $$m vet ./... && $(GO) -C $$m tool -modfile=$(CURDIR)/tools.mod staticcheck ./... || exit; done
	@unformatted=$$($(TOOL) gofumpt -l .); test -z "$$unformatted" || { echo "gofumpt -w these: $$unformatted"; exit 1; }
	git ls-files -z '*.md' '*.go' '*.conf' ':!*_test.go' | xargs -0 $(TOOL) misspell -error
	$(GO) run ./test/style

# Built as packaging/build builds, so that the cache serves both. Tests are vetted for one
# architecture of each system: no file is of one architecture only.
.PHONY: ports
ports: ## build haproxystats and check_haproxystats for darwin and freebsd, vet them and their tests, and test on Linux the code that they have there
	@for t in $(PORTS); do \
		echo "build for $$t"; \
		export CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} GOAMD64=v1 GOARM64=v8.0; \
		$(GO) build -trimpath -o /dev/null $(PORTABLE) || exit; \
		case $$t in darwin/arm64 | freebsd/amd64) ;; *) continue ;; esac; \
		echo "vet for $$t"; \
		packages=$$($(GO) list -deps -f '{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}' $(PORTABLE)) && $(GO) vet -trimpath $$packages || exit; done
	$(GO) test -race -count 1 -tags portable ./internal/durable ./internal/status

.PHONY: generated
generated: ## check that go.mod and the generated documents are up to date
	$(GO) mod tidy -diff
	@for m in $(MODULES); do $(GO) -C $$m mod tidy -diff || exit; done
	sh test/generated.sh

.PHONY: unit
unit: ## all Go tests with the race detector, but for those of receivers
	$(GO) test -race -count 1 -timeout 60m $$($(GO) list ./... | grep -v '/test/receivers$$')

.PHONY: receivers
receivers: ## build Prometheus 3, the OpenTelemetry Collector and telegraf, and post to them (minutes)
	$(GO) test -v -count 1 -timeout 60m ./test/receivers

.PHONY: containers
containers: ## the tests of the container image, the Compose file, the examples for Kubernetes and the Helm chart
	$(GO) -C test/container test -count 1 -timeout 30m ./...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (20s)
	GO=$(GO) sh test/fuzz.sh $(FUZZTIME)

.PHONY: faults
faults: setup ## the full counts of the fault tests (hours), and the tables that the documents quote
	FAULTS=full FAULTS_TABLE=$(CURDIR)/bin/faults.md $(GO) test -v -count 1 -timeout 12h ./test/faults/...
	FAULTS=full FAULTS_TABLE=$(CURDIR)/bin/faults-kafka.md $(GO) test -v -count 1 -timeout 12h ./test/kafka

.PHONY: bench
bench: ## measure the programs and their phases
	$(GO) run ./bench

.PHONY: bench-fleet
bench-fleet: ## simulate 1,000 nodes of a cluster: values, CPU time, memory
	$(GO) run ./bench/simulate -nodes 1000 -size S -crashes 5
	$(GO) run ./bench/simulate -nodes 1000 -size S
	$(GO) run ./bench/simulate -nodes 100 -size M

.PHONY: bench-compare
bench-compare: ## measure the original and ours side by side
	$(GO) run ./bench/compare

.PHONY: pictures
pictures: ## draw the pictures of the documents from real data (nine minutes)
	sh test/real/setup.sh haproxy graphite-carbon graphite-web gunicorn tmux
	$(GO) run ./test/top/pictures
	$(GO) run ./test/dashboards/pictures

.PHONY: release
release: ## make a release, and print how to publish it: VERSION=1.2.0 [SIGNING_KEY=FILE] [DRY_RUN=1 [SKIP_TESTS=1]]
	@$(GO) build -o bin/release ./packaging/release
	@bin/release -version '$(VERSION)' $(if $(DRY_RUN),-dry-run) $(if $(SKIP_TESTS),-skip-tests)

.PHONY: release-check
release-check: ## rehearse a release of this commit in a copy, without the tests
	@$(GO) build -o bin/release ./packaging/release
	@bin/release -rehearse

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
