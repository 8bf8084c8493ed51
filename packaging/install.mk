# SPDX-License-Identifier: GPL-2.0-or-later
# Installing and packaging; included by the Makefile. Files only: nothing is enabled, started or
# edited. A configuration file that is there already stays; uninstall leaves one that was changed.

DESTDIR        ?=
SYSCONFDIR     ?= /etc
SBINDIR        ?= $(PREFIX)/sbin
BINDIR         ?= $(PREFIX)/bin
DATADIR        ?= $(PREFIX)/share
MANDIR         ?= $(DATADIR)/man
UNITDIR        ?= $(PREFIX)/lib/systemd/system
UDEVDIR        ?= $(PREFIX)/lib/udev
SYSUSERSDIR    ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR    ?= $(PREFIX)/lib/tmpfiles.d
POLKITDIR      ?= $(DATADIR)/polkit-1/rules.d
COMPLETIONSDIR ?= $(DATADIR)/bash-completion/completions

# source:destination:mode; a source is searched in the build directory and in packaging/
FILES_common = \
	va-ddc:$(LIBEXECDIR)/va-ddc:755 \
	va-input:$(LIBEXECDIR)/va-input:755 \
	man/virt-aid.7:$(MANDIR)/man7/virt-aid.7:644 \
	man/va-policy.5:$(MANDIR)/man5/va-policy.5:644 \
	man/va-ddc.8:$(MANDIR)/man8/va-ddc.8:644 \
	man/va-input.8:$(MANDIR)/man8/va-input.8:644 \
	udev/59-virt-aid-i2c.rules:$(UDEVDIR)/rules.d/59-virt-aid-i2c.rules:644 \
	sysusers/virt-aid-common.conf:$(SYSUSERSDIR)/virt-aid-common.conf:644
FILES_host = \
	va-host:$(BINDIR)/va-host:755 \
	va-hostd:$(SBINDIR)/va-hostd:755 \
	va-gpu:$(SBINDIR)/va-gpu:755 \
	va-link:$(LIBEXECDIR)/va-link:755 \
	va-virt:$(LIBEXECDIR)/va-virt:755 \
	libvirt-hook/50-virt-aid:$(LIBEXECDIR)/libvirt-hook:755 \
	man/va-host.1:$(MANDIR)/man1/va-host.1:644 \
	man/va-host.conf.5:$(MANDIR)/man5/va-host.conf.5:644 \
	man/va-hostd.8:$(MANDIR)/man8/va-hostd.8:644 \
	man/va-link.8:$(MANDIR)/man8/va-link.8:644 \
	man/va-virt.8:$(MANDIR)/man8/va-virt.8:644 \
	man/va-gpu.8:$(MANDIR)/man8/va-gpu.8:644 \
	completions/va-host:$(COMPLETIONSDIR)/va-host:644 \
	udev/65-virt-aid-host.rules:$(UDEVDIR)/rules.d/65-virt-aid-host.rules:644 \
	systemd/va-hostd.service:$(UNITDIR)/va-hostd.service:644 \
	systemd/va-gpu-recover.service:$(UNITDIR)/va-gpu-recover.service:644 \
	sysusers/virt-aid-host.conf:$(SYSUSERSDIR)/virt-aid-host.conf:644 \
	tmpfiles/virt-aid-host.conf:$(TMPFILESDIR)/virt-aid-host.conf:644
FILES_guest = \
	va-guest:$(BINDIR)/va-guest:755 \
	va-guestd:$(SBINDIR)/va-guestd:755 \
	man/va-guest.1:$(MANDIR)/man1/va-guest.1:644 \
	man/va-guest.conf.5:$(MANDIR)/man5/va-guest.conf.5:644 \
	man/va-guestd.8:$(MANDIR)/man8/va-guestd.8:644 \
	completions/va-guest:$(COMPLETIONSDIR)/va-guest:644 \
	systemd/va-guestd.service:$(UNITDIR)/va-guestd.service:644 \
	udev/65-virt-aid-guest.rules:$(UDEVDIR)/rules.d/65-virt-aid-guest.rules:644 \
	polkit/50-virt-aid-guest.rules:$(POLKITDIR)/50-virt-aid-guest.rules:644 \
	sysusers/virt-aid-guest.conf:$(SYSUSERSDIR)/virt-aid-guest.conf:644 \
	tmpfiles/virt-aid-guest.conf:$(TMPFILESDIR)/virt-aid-guest.conf:644
CONF_host = \
	config/host.conf:$(SYSCONFDIR)/virt-aid/host.conf \
	config/policy.d/50-default.policy:$(SYSCONFDIR)/virt-aid/policy.d/50-default.policy
CONF_guest = \
	config/guest.conf:$(SYSCONFDIR)/virt-aid/guest.conf \
	config/guest-policy.d/50-default.policy:$(SYSCONFDIR)/virt-aid/guest-policy.d/50-default.policy
# emptied by uninstall, and removed where nothing of anybody else is in them
DIRS = $(LIBEXECDIR) $(SYSCONFDIR)/virt-aid/guests.d $(SYSCONFDIR)/virt-aid/policy.d \
	$(SYSCONFDIR)/virt-aid/guest-policy.d $(SYSCONFDIR)/virt-aid

UNITS := $(patsubst packaging/%.in,$(BUILD)/%,$(wildcard packaging/systemd/*.in))
comma_words = $(subst :, ,$(1))
from = $(firstword $(wildcard $(BUILD)/$(1)) $(wildcard packaging/$(1)) $(BUILD)/$(1))

$(BUILD)/systemd/%: packaging/systemd/%.in
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && sed 's|@SBINDIR@|$(SBINDIR)|g' $< > $@

define install_file
install -D -m $(word 3,$(2)) $(call from,$(word 1,$(2))) $(DESTDIR)$(word 2,$(2))

endef
# a file of the user's stays as it is
define install_conf
test -e $(DESTDIR)$(word 2,$(2)) || install -D -m 644 packaging/$(word 1,$(2)) $(DESTDIR)$(word 2,$(2))

endef
define uninstall_conf
! test -e $(DESTDIR)$(word 2,$(2)) || { cmp -s packaging/$(word 1,$(2)) $(DESTDIR)$(word 2,$(2)) && \
	rm -f $(DESTDIR)$(word 2,$(2)); } || echo "kept, for it was changed: $(DESTDIR)$(word 2,$(2))"

endef

.PHONY: install install-common install-host install-guest uninstall deb rpm check-packaging \
	check-units FORCE-units
# SBINDIR may differ from that of the last time
$(UNITS): FORCE-units
FORCE-units: ;

# the programs carry the path of their helpers
define check_prefix
@grep -qF '$(LIBEXECDIR)/' $(BUILD)/$(1) || grep -qF '$(LIBEXECDIR)' $(BUILD)/$(1) || \
	{ echo "$(BUILD)/$(1) was built for another PREFIX; run: make clean && make PREFIX=$(PREFIX)" >&2; \
	exit 1; }
endef

install-common: all
	$(foreach f,$(FILES_common),$(call install_file,,$(call comma_words,$(f))))
install-host: all $(BUILD)/systemd/va-hostd.service $(BUILD)/systemd/va-gpu-recover.service
	$(call check_prefix,va-hostd)
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/virt-aid/guests.d
	$(foreach f,$(FILES_host),$(call install_file,,$(call comma_words,$(f))))
	$(foreach f,$(CONF_host),$(call install_conf,,$(call comma_words,$(f))))
install-guest: all $(BUILD)/systemd/va-guestd.service
	$(call check_prefix,va-guestd)
	$(foreach f,$(FILES_guest),$(call install_file,,$(call comma_words,$(f))))
	$(foreach f,$(CONF_guest),$(call install_conf,,$(call comma_words,$(f))))
install: install-common install-host install-guest
	@test -n "$(DESTDIR)" || { echo "Next, as root: systemd-sysusers && systemd-tmpfiles --create;"; \
	echo "on a host: systemctl daemon-reload && systemctl enable --now va-hostd;"; \
	echo "in a guest: systemctl daemon-reload && udevadm control --reload && udevadm trigger"; }

uninstall:
	rm -f $(foreach f,$(FILES_common) $(FILES_host) $(FILES_guest),$(DESTDIR)$(word 2,$(call comma_words,$(f))))
	@$(foreach f,$(CONF_host) $(CONF_guest),$(call uninstall_conf,,$(call comma_words,$(f))))
	@for d in $(DIRS); do rmdir $(DESTDIR)$$d 2>/dev/null || true; done

# --- packages ------------------------------------------------------------------------------------
DEBDIR := $(BUILD)/deb
SOURCE  = virt-aid-$(VERSION)

# the tree without what was built
$(DEBDIR)/tree $(BUILD)/rpm/tree: FORCE-units
	$(Q)rm -rf $@ && mkdir -p $@/$(SOURCE)
	$(Q)tar -c --exclude=./build --exclude=./.git --exclude=__pycache__ \
		--exclude='$(patsubst $(ROOT)/%,./%,$(abspath $(BUILD)))' . | tar -x -C $@/$(SOURCE)

deb: $(DEBDIR)/tree
	@command -v dpkg-buildpackage dh >/dev/null || { echo "deb: these build packages: \
apt-get install dpkg-dev debhelper" >&2; exit 1; }
	$(Q)cp -r packaging/debian $</$(SOURCE)/debian
	$(Q)cd $</$(SOURCE) && env -u MAKEFLAGS -u MFLAGS dpkg-buildpackage -b -us -uc -rfakeroot
	$(Q)rm -f $(DEBDIR)/*.deb && mv $</*.deb $</*.changes $</*.buildinfo $(DEBDIR) && rm -rf $<
	@ls $(DEBDIR)/*.deb

rpm: $(BUILD)/rpm/tree
	@command -v rpmbuild >/dev/null || { echo "rpm: rpmbuild is not here: dnf install rpm-build \
(or apt-get install rpm)" >&2; exit 1; }
	$(Q)mkdir -p $(BUILD)/rpm/SOURCES && tar -czf $(BUILD)/rpm/SOURCES/$(SOURCE).tar.gz -C $< $(SOURCE)
	$(Q)rpmbuild -bb --define '_topdir $(abspath $(BUILD)/rpm)' --define 'version_ $(VERSION)' \
		packaging/rpm/virt-aid.spec
	$(Q)rm -rf $<
	@find $(BUILD)/rpm/RPMS -name '*.rpm'

check-packaging: all
	$(Q)python3 tests/packaging.py --build $(BUILD)
# the packages, installed in a machine with systemd that has this one's root; needs root, minutes
check-units: rig deb
	$(Q)VA_BUILD=$(abspath $(BUILD)) VA_DEBS=$(abspath $(DEBDIR)) python3 tests/rig/rig_units.py $(TEST)
