# The edge's nginx module: our sources, lib/media, and the signing code of lib/store, in one shared object for the packaged
# nginx. Only nginx's configure script is run (once, in a copy under $(BUILD)), for the header that says which build of
# nginx the module fits; the compiler is then called with our own flags.
NGINX_SOURCE := /usr/share/nginx/src
NGINX_BUILD := $(BUILD)/nginx
NGINX_CONFIGURED := $(NGINX_BUILD)/objs/ngx_auto_config.h
NGINX_FOLDERS := src/core src/event src/event/modules src/os/unix src/http src/http/modules src/http/v2 objs
NGINX_INCLUDES := $(foreach folder,$(NGINX_FOLDERS),-isystem $(NGINX_BUILD)/$(folder))

EDGE_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard cdn-config/module/*.c))
EDGE_STORE_OBJECTS := $(patsubst %,$(BUILD)/obj/lib/store/%.o,sigv4 sigv4_canonical span)

$(NGINX_CONFIGURED):
	@echo "  NGINX $(NGINX_BUILD)"
	$(Q)test -x $(NGINX_SOURCE)/configure || { echo "nginx-dev is missing: apt-get install nginx-dev" >&2; exit 1; }
	$(Q)rm -rf $(NGINX_BUILD) && mkdir -p $(NGINX_BUILD) && cp -r $(NGINX_SOURCE)/. $(NGINX_BUILD)
	$(Q)cd $(NGINX_BUILD) && . ./conf_flags && ./configure "$${NGX_CONF_FLAGS[@]}" >configure.log 2>&1 || \
		{ tail -20 configure.log >&2; exit 1; }

# nginx's headers are system headers to the compiler: our warnings are for our own files.
$(BUILD)/obj/cdn-config/module/%.o: cdn-config/module/%.c $(NGINX_CONFIGURED)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(NGINX_INCLUDES) -fPIC -c $< -o $@

# Our symbols stay inside (exports.map); nginx's are found in the program that loads the module.
EDGE_EXPORTS := cdn-config/module/exports.map
$(EDGE_MODULE): $(EDGE_OBJECTS) $(EDGE_STORE_OBJECTS) $(BUILD)/lib/media.a $(BUILD)/lib/base.a $(EDGE_EXPORTS)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) -shared $(LDFLAGS) -Wl,--version-script=$(EDGE_EXPORTS) -o $@ $(filter-out %.map,$^) -lsodium -lcrypto

# The module's own tests with the sanitizers in it, in the packaged nginx (which has none: hence the preload). A report, or a
# worker that died, fails the tests' teardown. nginx frees nothing at its end, so leaks are not looked for.
ASAN_EDGE := test_edge test_edge_cors test_edge_on_demand test_edge_originals test_edge_cache test_edge_operation test_edge_gateway
.PHONY: asan-edge
asan-edge: ## the edge's module under AddressSanitizer and UndefinedBehaviorSanitizer
	$(Q)$(MAKE) -s BUILD=build/asan-edge SANITIZE=-fsanitize=address,undefined \
		build/asan-edge/lib/ngx_http_safelight_module.so $(ASAN_EDGE:%=build/asan-edge/tests/integration/%)
	$(Q)for test in $(ASAN_EDGE); do \
		LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
		ASAN_OPTIONS=detect_leaks=0 build/asan-edge/tests/integration/$$test || exit 1; done
