# make bench-transcoder, and how what calls the decoder's paths itself is linked.
# The decoder without its main: for what calls its paths itself.
BARE_DECODER := $(filter-out %/decoder_main.o,$(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard transcoder/decoder/*.c transcoder/wire/*.c)))
VIPS_LIBS = $(shell $(PKG) --libs vips) -lheif -ljpeg -lwebp -lwebpmux -lexif -lfontconfig
$(BUILD)/obj/tests/bench/transcode.o $(BUILD)/obj/tests/bench/score.o $(BUILD)/obj/tests/integration/test_decoder_planar.o $(BUILD)/obj/tests/integration/test_decoder_planar_profile.o $(BUILD)/obj/tests/hostile/grading.o: CFLAGS += $(shell $(PKG) --cflags vips 2>/dev/null | sed 's/-I/-isystem /g')
$(BUILD)/tests/bench/transcode: $(BUILD)/obj/tests/bench/transcode.o $(BARE_DECODER) $(BUILD)/lib/media.a $(BUILD)/lib/base.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(VIPS_LIBS) -lseccomp -ljansson $(LIBS_base) -lm
$(BUILD)/tests/bench/score: $(BUILD)/obj/tests/bench/score.o $(addprefix $(BUILD)/obj/tests/hostile/,grading.o ssim.o pictures.o) \
		$(BARE_DECODER) $(BUILD)/lib/media.a $(BUILD)/lib/base.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(VIPS_LIBS) -lturbojpeg -lcmocka -lseccomp -ljansson $(LIBS_base) -lm
$(BUILD)/tests/bench/measure: $(BUILD)/obj/tests/bench/measure.o $(BUILD)/lib/base.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(LIBS_base) -lm
$(BUILD)/tests/bench/path: $(BUILD)/obj/tests/bench/path.o $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/integration/support/*.c)) $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(LIBS) -lturbojpeg -lwebp -lcmocka -lm

bench-transcoder: build $(addprefix $(BUILD)/tests/bench/,transcode score measure path) ## photos per CPU second against sharp, vipsthumbnail and ImageMagick
	$(Q)BUILD="$(BUILD)" tests/bench/transcoder.sh
.PHONY: bench-transcoder
