# Tests that look into the transcoder's folder: the decoder's parts, its supervisor's side, hostile files and break-outs.
WIRE_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard transcoder/wire/*.c))
CHILD_OBJECTS := $(addprefix $(BUILD)/obj/transcoder/,child.o child_run.o child_spawn.o) $(WIRE_OBJECTS)
SANDBOX_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard transcoder/decoder/sandbox*.c))
RIG_OBJECTS := $(addprefix $(BUILD)/obj/tests/hostile/,rig.o pictures.o bombs.o grids.o bytes.o documents.o document_bombs.o exif_block.o manifest.o)
SMALL_ARCHIVES := $(BUILD)/lib/media.a $(BUILD)/lib/base.a
BREAKOUT := $(BUILD)/tests/hostile/breakout
UNFILTERED := $(BUILD)/tests/hostile/unfiltered

define LINK_TEST
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $(filter %.o %.a,$^) $(1) -ljansson $(LIBS_base) -lm
endef

$(BUILD)/tests/unit/test_wire: $(BUILD)/obj/tests/unit/test_wire.o $(WIRE_OBJECTS) $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lcmocka)
PATTERN_TESTS := $(addprefix $(BUILD)/tests/unit/,test_thumbhash test_blurhash test_likeness)
$(PATTERN_TESTS): $(BUILD)/tests/unit/test_%: $(BUILD)/obj/tests/unit/test_%.o $(BUILD)/obj/transcoder/decoder/%.o \
		$(BUILD)/obj/tests/hostile/pattern.o $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lcmocka)
$(BUILD)/tests/unit/test_exif: $(BUILD)/obj/tests/unit/test_exif.o $(BUILD)/obj/transcoder/decoder/exif.o $(BUILD)/obj/transcoder/decoder/tiff_exif.o \
		$(BUILD)/obj/tests/hostile/exif_block.o $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lcmocka -lexif)
$(BUILD)/tests/unit/test_icc: $(BUILD)/obj/tests/unit/test_icc.o $(BUILD)/obj/transcoder/decoder/icc.o $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lcmocka)
$(BUILD)/tests/unit/test_sandbox: $(BUILD)/obj/tests/unit/test_sandbox.o $(SANDBOX_OBJECTS) $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lcmocka -lseccomp)
DECODER_TESTS := $(patsubst tests/integration/%.c,$(BUILD)/tests/integration/%,$(filter-out %/test_decoder_loaders.c $(wildcard tests/integration/test_decoder_planar*.c),$(wildcard tests/integration/test_decoder*.c)))
$(DECODER_TESTS): $(BUILD)/tests/integration/%: $(BUILD)/obj/tests/integration/%.o $(RIG_OBJECTS) $(CHILD_OBJECTS) $(SANDBOX_OBJECTS) $(SMALL_ARCHIVES) \
		| $(BUILD)/bin/safelight-decoder $(BREAKOUT) $(UNFILTERED)
	$(call LINK_TEST,-lcmocka -lturbojpeg -lwebp -lz -lseccomp)
BREAKOUT_OBJECTS := $(addprefix $(BUILD)/obj/tests/hostile/,breakout.o breakout_system.o)
$(BREAKOUT): $(BREAKOUT_OBJECTS) $(SANDBOX_OBJECTS) $(WIRE_OBJECTS) $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lseccomp)
$(UNFILTERED): $(BREAKOUT_OBJECTS) $(BUILD)/obj/tests/hostile/seccomp_absent.o \
		$(filter-out %/sandbox_seccomp.o,$(SANDBOX_OBJECTS)) $(WIRE_OBJECTS) $(SMALL_ARCHIVES)
	$(call LINK_TEST,)
$(BUILD)/tests/integration/test_transcoder_sandbox: | $(UNFILTERED)

# Call the decoder's parts themselves, so they have the decoder's objects in them (bench.mk has BARE_DECODER).
INNER_TESTS := $(addprefix $(BUILD)/tests/integration/,test_decoder_planar test_decoder_planar_profile test_decoder_loaders)
$(BUILD)/obj/tests/integration/test_decoder_loaders.o: CFLAGS += $(shell $(PKG) --cflags vips 2>/dev/null | sed "s/-I/-isystem /g")
$(INNER_TESTS): $(BUILD)/tests/integration/%: $(sort $(BUILD)/obj/tests/integration/%.o $(addprefix $(BUILD)/obj/tests/hostile/,grading.o ssim.o) $(RIG_OBJECTS) $(CHILD_OBJECTS) \
		$(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/decoder_main.c,$(wildcard transcoder/decoder/*.c)))) $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lcmocka -lturbojpeg $(shell $(PKG) --libs vips) -lheif -ljpeg -lwebp -lwebpmux -lexif -lfontconfig -lseccomp -lz)
$(BUILD)/tests/unit/test_planar_resample: $(addprefix $(BUILD)/obj/,tests/unit/test_planar_resample.o \
		transcoder/decoder/planar_resample.o transcoder/decoder/planar_plane.o) $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lcmocka)
$(BUILD)/tests/integration/test_transcoder_hostile: $(addprefix $(BUILD)/obj/tests/hostile/,bombs.o grids.o bytes.o pictures.o)
$(BUILD)/tests/unit/test_planar_shrink: $(addprefix $(BUILD)/obj/,tests/unit/test_planar_shrink.o \
		transcoder/decoder/planar_shrink.o transcoder/decoder/planar_jpeg_decode.o transcoder/decoder/planar_jpeg_error.o \
		transcoder/decoder/planar_plane.o transcoder/decoder/icc.o transcoder/decoder/failure.o) $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lcmocka -ljpeg)
$(BUILD)/tests/unit/test_pool_courtesy: $(addprefix $(BUILD)/obj/,tests/unit/test_pool_courtesy.o transcoder/pool.o transcoder/task.o) $(ARCHIVES)
	$(call LINK_TEST,$(LIBS) -lcmocka)
$(BUILD)/tests/integration/test_transcoder_hostile: LIBS += -lturbojpeg -lwebp -lz
$(BUILD)/tests/integration/test_on_demand_presets: $(BUILD)/obj/tests/hostile/pictures.o
$(BUILD)/tests/integration/test_on_demand_presets: LIBS += -lturbojpeg -lwebp
$(BUILD)/tests/unit/test_transcoder_facts $(BUILD)/tests/unit/test_transcoder_order: $(BUILD)/tests/unit/test_transcoder_%: \
		$(BUILD)/obj/tests/unit/test_transcoder_%.o $(BUILD)/obj/transcoder/%.o $(SMALL_ARCHIVES)
	$(call LINK_TEST,-lcmocka)
