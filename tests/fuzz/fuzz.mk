# Fuzz targets: linked with tests/fuzz/replay.c for `make check`, with libFuzzer for `make fuzz` (FUZZ_SECONDS each).
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_EXTRA := $(addprefix transcoder/wire/,wire.c packet.c exif.c) \
	$(addprefix transcoder/decoder/,exif.c tiff_exif.c icc.c sniff.c thumbhash.c blurhash.c likeness.c) \
	ingest/s3_event.c ingest/tus_protocol.c ingest/sns_envelope.c metadata-api/refresh_token.c
FUZZ_REPLAYS := $(addprefix $(BUILD)/tests/fuzz/,$(FUZZ_TARGETS))
FUZZ_ARCHIVES := $(addprefix $(BUILD)/lib/,store.a http.a media.a base.a)
FUZZ_LIBS = -lexif $(LIBS_store) $(LIBS_http) $(LIBS_media) $(LIBS_base) -lm

$(FUZZ_REPLAYS): $(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o \
		$(patsubst %.c,$(BUILD)/obj/%.o,$(FUZZ_EXTRA)) $(FUZZ_ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(FUZZ_LIBS)

# The same sources by clang, watched by libFuzzer and the sanitizers; an archive, so that each target takes what it needs.
FUZZ_FLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -pthread
FUZZ_OBJECTS := $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(FUZZ_EXTRA) $(foreach m,store http media base,$(wildcard lib/$(m)/*.c)))
$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) $(CFLAGS_http) $(CFLAGS_store) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c $< -o $@
$(BUILD)/fuzz/all.a: $(FUZZ_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^
fuzz: $(BUILD)/fuzz/all.a ## fuzz every parser that meets outside bytes, FUZZ_SECONDS each (clang's libFuzzer)
	$(Q)for target in $(FUZZ_TARGETS); do \
		name=$${target#fuzz_}; mkdir -p $(BUILD)/fuzz/$$name; echo "  FUZZ  $$name"; \
		clang $(filter-out -MMD -MP,$(CPPFLAGS)) $(FUZZ_FLAGS) -fsanitize=fuzzer tests/fuzz/$$target.c $(BUILD)/fuzz/all.a \
			-o $(BUILD)/fuzz/$$target $(FUZZ_LIBS) && \
		$(BUILD)/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -artifact_prefix=$(BUILD)/fuzz/ -print_final_stats=0 -verbosity=0 \
			$(BUILD)/fuzz/$$name tests/fuzz/corpus/$$name || exit 1; done
.PHONY: fuzz
-include $(FUZZ_OBJECTS:.o=.d)
