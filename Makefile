# Safelight's build: one flat Makefile. `make help` lists the targets; V=1 shows the commands.
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
BUILD ?= build
RUN_DIR ?= $(CURDIR)/.run
PORT_BASE ?= 8080
CC := gcc
PKG := pkg-config
Q := $(if $(V),,@)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wvla -Werror
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIC
OPT ?= -O2
SANITIZE ?=
# (Sanitizers make gcc see truncations that cannot be.)
CFLAGS := -std=gnu11 -g $(OPT) $(WARN) $(if $(SANITIZE),-fPIC -Wno-format-truncation -Wno-format-overflow,$(HARDEN)) $(SANITIZE) -fno-omit-frame-pointer -pthread
CPPFLAGS := -D_GNU_SOURCE -DSAFELIGHT_VERSION='"$(VERSION)"' -Ilib -I. -MMD -MP
LDFLAGS := -pthread $(SANITIZE) -Wl,-z,relro,-z,now -Wl,--as-needed
LDFLAGS_BIN := $(if $(SANITIZE),,-pie)

# Third-party libraries, each in its layer only (docs/dependencies.md says why each is here).
MODULES := catalog cache bus store db http media base
LIBS_base := -lsodium -lcrypto -linih -lsystemd -lxxhash
LIBS_media := -ljansson
LIBS_http := -lmicrohttpd -lcurl -ljwt -ljansson
LIBS_db := -lpq
LIBS_store := -lcurl -lxml2 -ls3
LIBS_cache := -lhiredis
LIBS_bus := -lnats -ljansson
CFLAGS_http := $(shell $(PKG) --cflags libcurl libjwt 2>/dev/null)
CFLAGS_db := $(shell $(PKG) --cflags libpq 2>/dev/null)
CFLAGS_store := $(shell $(PKG) --cflags libxml-2.0 2>/dev/null)
CFLAGS_bus := -isystem /usr/include/nats
ARCHIVES := $(foreach m,$(MODULES),$(BUILD)/lib/$(m).a)
LIBS := $(foreach m,$(MODULES),$(LIBS_$(m))) -lmagic

# Services: folder -> binary.
SERVICES := ingest transcoder api safelightctl
FOLDER_ingest := ingest
FOLDER_transcoder := transcoder
FOLDER_api := metadata-api
FOLDER_safelightctl := safelightctl
BINARY_ingest := safelight-ingest
BINARY_transcoder := safelight-transcoder
BINARY_api := safelight-api
BINARY_safelightctl := safelightctl
BINARIES := $(foreach s,$(SERVICES),$(BUILD)/bin/$(BINARY_$(s))) $(BUILD)/bin/safelight-decoder
EDGE_MODULE := $(BUILD)/lib/ngx_http_safelight_module.so

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
-include cdn-config/module.mk
-include tests/hostile/hostile.mk
-include tests/fuzz/fuzz.mk
-include tests/bench/bench.mk
-include tests/bench/transcoder.mk
-include tests/bench/quality.mk
-include deploy/deploy.mk
-include metadata-api/contract.mk
INTEGRATION_TESTS := $(patsubst tests/integration/%.c,$(BUILD)/tests/integration/%,$(wildcard tests/integration/test_*.c))

CPPFLAGS_TIDY := -D_GNU_SOURCE -Ilib -I. $(CFLAGS_bus) $(foreach m,http db store,$(CFLAGS_$(m))) \
	$(shell $(PKG) --cflags-only-I vips 2>/dev/null | sed 's/-I/-isystem /g')

.PHONY: help build run stop reset status logs check tests unit integration browser lint tidy format asan tsan valgrind clean
.DEFAULT_GOAL := help
.SECONDARY:

help: ## list every target
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(BINARIES) $(EDGE_MODULE) ## build every binary and the edge's nginx module

run: ## install what is missing, build, start the local stack, push photos through it, print their URLs
	$(Q)deploy/packages/install.sh run
	$(Q)$(MAKE) -s -j"$$(nproc)" build
	$(Q)RUN_DIR="$(RUN_DIR)" PORT_BASE="$(PORT_BASE)" BUILD_DIR="$(abspath $(BUILD))" deploy/local/stack.sh up
	$(Q)RUN_DIR="$(RUN_DIR)" PORT_BASE="$(PORT_BASE)" deploy/local/demo.sh

stop: ## stop the local stack, keep its data
	$(Q)RUN_DIR="$(RUN_DIR)" PORT_BASE="$(PORT_BASE)" deploy/local/stack.sh down

reset: ## stop the local stack and delete its data (asks; FORCE=1 does not)
	$(Q)RUN_DIR="$(RUN_DIR)" PORT_BASE="$(PORT_BASE)" FORCE="$(FORCE)" deploy/local/stack.sh reset

status: ## show each part of the local stack: pid, port, health
	$(Q)RUN_DIR="$(RUN_DIR)" PORT_BASE="$(PORT_BASE)" BUILD_DIR="$(abspath $(BUILD))" deploy/local/stack.sh status

logs: ## follow the local stack's logs
	$(Q)RUN_DIR="$(RUN_DIR)" PORT_BASE="$(PORT_BASE)" deploy/local/stack.sh logs

check: ## install what tests need, build, run every test on a stack of its own
	$(Q)deploy/packages/install.sh check
	$(Q)$(MAKE) -s -j"$$(nproc)" build tests
	$(Q)BUILD="$(BUILD)" tests/run.sh lint unit contracts packages integration deploy browser

tests: $(UNIT_TESTS) $(INTEGRATION_TESTS) $(FUZZ_REPLAYS) ## build every test

unit: build $(UNIT_TESTS) $(FUZZ_REPLAYS) ## run the unit tests and the contracts' tests alone
	$(Q)BUILD="$(BUILD)" tests/run.sh unit contracts

integration: build tests ## run the integration tests alone, on a stack of their own (ONLY=pattern picks some)
	$(Q)BUILD="$(BUILD)" tests/run.sh integration

browser: build ## run the gallery in headless Chromium against a stack of its own
	$(Q)BUILD="$(BUILD)" tests/run.sh browser

lint: build ## layers, headers alone, banned calls, sizes, layout, documented options
	$(Q)BUILD="$(BUILD)" tests/run.sh lint

tidy: ## clang-tidy over the product's C files
	$(Q)git ls-files 'lib/*.c' 'ingest/*.c' 'transcoder/*.c' 'metadata-api/*.c' 'safelightctl/*.c' | \
		xargs -P"$$(nproc)" -n4 sh -c 'clang-tidy --quiet "$$@" -- -std=gnu11 $(CPPFLAGS_TIDY) 2>/dev/null' tidy

format: ## lay out every C file by clang-format
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

ASAN := OPT=-O1 SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
asan: ## unit and integration tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(Q)deploy/packages/install.sh check
	$(Q)$(MAKE) -s -j"$$(nproc)" build
	$(Q)$(MAKE) -s -j"$$(nproc)" BUILD=build/asan $(ASAN) build tests
	$(Q)LSAN_OPTIONS=suppressions=$(CURDIR)/tests/suppressions/lsan.supp BUILD=build/asan tests/run.sh unit
	@# The packaged nginx cannot load a sanitized module (cdn-config/README.md says how to test that one), and services,
	@# which hide their memory from ptrace, cannot look for leaks.
	$(Q)cp $(EDGE_MODULE) build/asan/lib/
	$(Q)ASAN_OPTIONS=detect_leaks=0 BUILD=build/asan tests/run.sh integration

tsan: ## unit tests under ThreadSanitizer
	$(Q)$(MAKE) -s -j"$$(nproc)" BUILD=build/tsan OPT=-O1 SANITIZE=-fsanitize=thread tests
	$(Q)TSAN_OPTIONS="suppressions=$(CURDIR)/tests/suppressions/tsan.supp" BUILD=build/tsan tests/run.sh unit

# Not the sandbox: valgrind knows none of its system calls.
VALGRIND_TESTS := $(filter-out %/test_sandbox,$(UNIT_TESTS))
valgrind: $(VALGRIND_TESTS) ## unit tests under valgrind
	$(Q)for test in $(VALGRIND_TESTS); do \
		valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite $$test >/dev/null || \
			{ echo "valgrind: $$test" >&2; exit 1; }; done
	@echo "valgrind: $(words $(VALGRIND_TESTS)) test programs clean"

# ---- rules -------------------------------------------------------------------------------------------------------------------

$(BUILD)/obj/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$(firstword $(subst /, ,$*))) -c $< -o $@

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$(firstword $(subst /, ,$*))) -c $< -o $@

define ARCHIVE_RULE
$(BUILD)/lib/$(1).a: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard lib/$(1)/*.c))
	@mkdir -p $$(@D)
	@echo "  AR    $$@"
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call ARCHIVE_RULE,$(m))))

# The decoder binary is transcoder/decoder/ plus the message codec that it shares with the supervisor; it alone links libvips.
DECODER_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard transcoder/decoder/*.c transcoder/wire/*.c))
$(BUILD)/obj/transcoder/decoder/%.o: transcoder/decoder/%.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(shell $(PKG) --cflags vips 2>/dev/null | sed 's/-I/-isystem /g') -c $< -o $@
# Loops over samples, which gcc makes vector code of at this level only.
$(addprefix $(BUILD)/obj/transcoder/decoder/,planar_resample.o planar_shrink.o planar_webp.o): CFLAGS += -O3
$(BUILD)/bin/safelight-decoder: $(DECODER_OBJECTS) $(BUILD)/lib/media.a $(BUILD)/lib/base.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(shell $(PKG) --libs vips) -lheif -ljpeg -lwebp -lwebpmux -lexif -lfontconfig -lseccomp -ljansson $(LIBS_base) -lm

define SERVICE_RULE
$(BUILD)/bin/$(BINARY_$(1)): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(FOLDER_$(1))/*.c) $(if $(filter transcoder,$(1)),$(wildcard transcoder/wire/*.c))) $(ARCHIVES)
	@mkdir -p $$(@D)
	@echo "  LD    $$@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $$@ $$^ $(LIBS) -lm
endef
$(foreach s,$(SERVICES),$(eval $(call SERVICE_RULE,$(s))))

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(LIBS) -lcmocka -lm

INTEGRATION_SUPPORT := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/integration/support/*.c))
$(BUILD)/tests/integration/%: $(BUILD)/obj/tests/integration/%.o $(INTEGRATION_SUPPORT) $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(LIBS) -lcmocka -lm


clean: ## delete what was built
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
