# make bench-quality (BARE_DECODER and VIPS_LIBS are transcoder.mk's).
$(BUILD)/obj/tests/bench/quality.o: CFLAGS += $(shell $(PKG) --cflags vips 2>/dev/null | sed 's/-I/-isystem /g')
$(BUILD)/tests/bench/quality: $(BUILD)/obj/tests/bench/quality.o $(BUILD)/obj/tests/hostile/ssim.o $(BARE_DECODER) $(BUILD)/lib/media.a $(BUILD)/lib/base.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(VIPS_LIBS) -lseccomp -ljansson $(LIBS_base) -lm

bench-quality: $(BUILD)/tests/bench/quality ## bytes, SSIM and time of JPEG, WebP and AVIF at several settings over real photos
	$(Q)BUILD="$(BUILD)" tests/bench/quality.sh
.PHONY: bench-quality
# The score of pictures: float loops over all pixels.
$(BUILD)/obj/tests/hostile/ssim.o: CFLAGS += -O3

# Built with the tests, so that no change of the decoder leaves them behind.
tests: $(addprefix $(BUILD)/tests/bench/,transcode score measure path quality)
