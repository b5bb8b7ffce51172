# Fuzz targets: linked with tests/fuzz/replay.c for `make check`, with libFuzzer for `make fuzz` (FUZZ_SECONDS each).
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_EXTRA := $(addprefix transcoder/wire/,wire.c packet.c exif.c) \
	$(addprefix transcoder/decoder/,exif.c tiff_exif.c icc.c sniff.c thumbhash.c blurhash.c likeness.c) ingest/s3_event.c ingest/tus_protocol.c ingest/sns_envelope.c
FUZZ_REPLAYS := $(addprefix $(BUILD)/tests/fuzz/,$(FUZZ_TARGETS))
FUZZ_ARCHIVES := $(addprefix $(BUILD)/lib/,http.a media.a base.a)

$(FUZZ_REPLAYS): $(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o \
		$(patsubst %.c,$(BUILD)/obj/%.o,$(FUZZ_EXTRA)) $(FUZZ_ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ -lexif -ljansson $(LIBS_base) -lm

fuzz: ## fuzz every parser that meets outside bytes, FUZZ_SECONDS each (clang's libFuzzer)
	@mkdir -p $(BUILD)/fuzz
	$(Q)for target in $(FUZZ_TARGETS); do \
		name=$${target#fuzz_}; mkdir -p $(BUILD)/fuzz/$$name; echo "  FUZZ  $$name"; \
		clang $(filter-out -MMD -MP,$(CPPFLAGS)) -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -pthread \
			tests/fuzz/$$target.c $(FUZZ_EXTRA) lib/http/json_scan.c lib/media/*.c lib/base/*.c -o $(BUILD)/fuzz/$$target \
			-lexif -ljansson $(LIBS_base) -lm && \
		$(BUILD)/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -print_final_stats=0 -verbosity=0 \
			$(BUILD)/fuzz/$$name tests/fuzz/corpus/$$name || exit 1; done
.PHONY: fuzz
