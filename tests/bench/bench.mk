# Benchmarks: each compares with an anchor in the same run, prints `ratio NAME VALUE goal GOAL`, and fails when short.
$(BUILD)/tests/bench/edge_sign: $(BUILD)/obj/tests/bench/edge_sign.o $(BUILD)/lib/media.a $(BUILD)/lib/base.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(LIBS_base)

bench-edge: $(EDGE_MODULE) $(BUILD)/tests/bench/edge_sign ## signed hits of the edge against plain proxy_cache and njs
	$(Q)BUILD="$(BUILD)" tests/bench/edge.sh
.PHONY: bench-edge

bench-search: $(BUILD)/bin/safelightctl ## search at a million items of one owner (SAFELIGHT_CONFIG names a running stack's)
	$(Q)BUILD="$(BUILD)" tests/bench/search.sh
.PHONY: bench-search

$(BUILD)/tests/bench/ingest_sql: $(BUILD)/obj/tests/bench/ingest_sql.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(LIBS)

bench-ingest: build $(BUILD)/tests/bench/ingest_sql ## begins of uploads against pgbench doing the same transaction, on a stack of its own
	$(Q)BUILD="$(BUILD)" tests/bench/ingest.sh
.PHONY: bench-ingest
