# Benchmarks: each compares with an anchor in the same run, prints `ratio NAME VALUE goal GOAL`, and fails when short.
$(BUILD)/tests/bench/edge_sign: $(BUILD)/obj/tests/bench/edge_sign.o $(BUILD)/lib/media.a $(BUILD)/lib/base.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(LIBS_base)

bench-edge: $(EDGE_MODULE) $(BUILD)/tests/bench/edge_sign ## signed hits of the edge against plain proxy_cache and njs
	$(Q)BUILD="$(BUILD)" tests/bench/edge.sh
.PHONY: bench-edge

bench-search: $(BUILD)/bin/safelightctl ## search at a million items of one owner, on a stack of its own or SAFELIGHT_CONFIG's
	$(Q)BUILD="$(BUILD)" tests/bench/search.sh
.PHONY: bench-search

bench-migrate: $(BUILD)/bin/safelightctl ## how long the migrations of search take at a million items
	$(Q)BUILD="$(BUILD)" tests/bench/migrate.sh
.PHONY: bench-migrate

$(BUILD)/tests/bench/ingest_sql: $(BUILD)/obj/tests/bench/ingest_sql.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(LIBS)

bench-ingest: build $(BUILD)/tests/bench/ingest_sql ## begins of uploads against pgbench doing the same transaction, on a stack of its own
	$(Q)BUILD="$(BUILD)" tests/bench/ingest.sh
.PHONY: bench-ingest

$(BUILD)/tests/bench/api_keys: $(BUILD)/obj/tests/bench/api/keys.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ $(LIBS)
$(BUILD)/obj/tests/bench/api/bare.o: CFLAGS += $(CFLAGS_db)
$(BUILD)/tests/bench/api_bare: $(BUILD)/obj/tests/bench/api/bare.o
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) $(LDFLAGS_BIN) -o $@ $^ -lmicrohttpd -lpq

bench-api: $(BUILD)/bin/safelight-api $(BUILD)/bin/safelightctl $(BUILD)/tests/bench/api_keys $(BUILD)/tests/bench/api_bare ## metadata-api against pgbench and bare libmicrohttpd, on a stack of its own or SAFELIGHT_CONFIG's
	$(Q)BUILD="$(BUILD)" tests/bench/api.sh
.PHONY: bench-api

bench-tus: build ## CPU of a stream by tus against nginx proxying the same bytes to the store, on a stack of its own
	$(Q)BUILD="$(BUILD)" tests/bench/tus.sh
.PHONY: bench-tus

bench-long: build ## one upload of 5 GiB in parts, byte for byte, on a stack of its own
	$(Q)BUILD="$(BUILD)" tests/bench/long.sh
.PHONY: bench-long
