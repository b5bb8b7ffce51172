# Packages for Debian 12: `make deb` leaves them in $(BUILD)/deb.
.PHONY: deb
DEB_VERSION ?= 0.1~git$(shell git show -s --date=format:%Y%m%d --format=%cd.%h 2>/dev/null || echo 0)

deb: build ## build the Debian packages into $(BUILD)/deb
	$(Q)rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/tree
	$(Q)git ls-files -co --exclude-standard -z | tar --null -T - -cf - | tar -xf - -C $(BUILD)/deb/tree
	$(Q)cp -r deploy/debian $(BUILD)/deb/tree/debian
	$(Q)printf 'safelight (%s) bookworm; urgency=medium\n\n  * Built from the tree; its history is the change log.\n\n -- Safelight maintainers <maintainers@safelight.invalid>  %s\n' \
		"$(DEB_VERSION)" "$$(git show -s --date=rfc2822 --format=%cd)" >$(BUILD)/deb/tree/debian/changelog
	$(Q)cd $(BUILD)/deb/tree && SAFELIGHT_BUILD="$(abspath $(BUILD))" DEB_BUILD_OPTIONS="nocheck noautodbgsym" \
		dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >../build.log 2>&1 || { tail -n 40 ../build.log; exit 1; }
	$(Q)rm -rf $(BUILD)/deb/tree
	@ls $(BUILD)/deb/*.deb
