# SPDX-License-Identifier: GPL-2.0-or-later
#
# The whole build in one file. A room is a directory of sources: its main.c is a program, all
# else goes into the room's archive. Tests link against the archives. V=1 shows the commands.

VERSION := 0.1.0
PREFIX  ?= /usr
BUILD   ?= build
V       ?= 0
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
SAN     ?= 0
ROOT    := $(abspath .)

ifeq ($(origin CC),default)
CC      := gcc
endif
AR      := $(if $(findstring clang,$(CC)),llvm-ar,gcc-ar)
PKG_CONFIG ?= pkg-config
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2))

# all cores, unless the caller says how many; a make within this one shares them
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(JOBS)
endif
# objects of tests are wanted again
.SECONDARY:

LIBEXECDIR := $(PREFIX)/libexec/virt-aid

WARN    := -Wall -Wextra -Wvla -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	   -Wconversion -Wundef -Wwrite-strings
# clang before 16 has the zero only behind a second option
AUTOINIT := -ftrivial-auto-var-init=zero
AUTOINIT += $(if $(findstring clang,$(CC)),$(shell $(CC) $(AUTOINIT) -x c -c /dev/null -o /dev/null \
	    2>/dev/null || echo -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang))
HARDEN  := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE $(AUTOINIT)
OPT     ?= -O2 -g
ifeq ($(SAN),1)
HARDEN  += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDHARD  := -fsanitize=address,undefined -pie
else ifeq ($(SAN),fuzz)
HARDEN  += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LDHARD  := -fsanitize=address,undefined -pie
else
# a distribution's own _FORTIFY_SOURCE wins
HARDEN  += $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
LDHARD  := -pie -Wl,-z,relro,-z,now
endif
ALLCPP   = -D_GNU_SOURCE -DVA_VERSION='"$(VERSION)"' -DVA_LIBEXECDIR='"$(LIBEXECDIR)"' \
	   -I. -I$(BUILD) $(CPPFLAGS)
ALLC     = -std=gnu17 $(OPT) $(WARN) $(HARDEN) -ffile-prefix-map=$(ROOT)=. -MMD -MP $(CFLAGS)
ALLLD    = $(LDHARD) -Wl,--as-needed $(LDFLAGS)

# --- what is built ---------------------------------------------------------------------------
COMMON  := common/base common/link common/worker common/control common/policy common/pci common/ddc common/input
HOST    := host/daemon host/link host/virt host/gpu host/cli
GUEST   := guest/daemon guest/cli
ROOMS   := $(COMMON) $(HOST) $(GUEST)
PROGRAM_common/ddc   := va-ddc
PROGRAM_common/input := va-input
PROGRAM_host/daemon  := va-hostd
PROGRAM_host/link    := va-link
PROGRAM_host/virt    := va-virt
PROGRAM_host/gpu     := va-gpu
PROGRAM_host/cli     := va-host
PROGRAM_guest/daemon := va-guestd
PROGRAM_guest/cli    := va-guest
# libraries each program may use; nothing else is linked into it
USES_common/ddc      := common/ddc common/worker common/pci common/base
PKGS_common/ddc      := ddcutil libpci libsystemd
USES_common/input    := common/input common/worker common/base
PKGS_common/input    := libseccomp libsystemd inih
USES_host/daemon     := host/daemon host/link common/input common/ddc common/control common/policy common/worker common/pci common/link common/base
PKGS_host/daemon     := libsystemd json-c libsodium inih libpci
USES_host/link       := host/link common/link common/worker common/base
PKGS_host/link       := libsodium libprotobuf-c libseccomp libsystemd
USES_host/virt       := host/virt common/worker common/base
PKGS_host/virt       := libvirt libvirt-qemu libxml-2.0 libsystemd
# of host/virt the reader of definitions alone; PKGS keeps libvirt out
USES_host/gpu        := host/gpu host/virt common/control common/pci common/base
PKGS_host/gpu        := libxml-2.0 json-c inih libpci
USES_host/cli        := host/cli common/control common/policy common/base
PKGS_host/cli        := json-c libsystemd inih
# of common/pci what reads sysfs alone; PKGS keeps libpci out
USES_guest/daemon    := guest/daemon common/input common/ddc common/control common/policy common/worker common/pci common/link common/base
PKGS_guest/daemon    := libsystemd json-c libsodium libprotobuf-c inih
USES_guest/cli       := guest/cli common/control common/base
PKGS_guest/cli       := json-c libsystemd

PKGS    := $(sort $(foreach r,$(ROOMS),$(PKGS_$(r))))
HAVE    := $(shell $(PKG_CONFIG) --exists $(PKGS) 2>/dev/null && echo yes)
CPPPKG  := $(if $(HAVE),$(shell $(PKG_CONFIG) --cflags $(PKGS)))
# libpci has no .pc file everywhere; -lpci always works
libs     = $(shell $(PKG_CONFIG) --libs $(1))

PROGS   := $(foreach r,$(ROOMS),$(if $(PROGRAM_$(r)),$(if $(wildcard $(r)/main.c),$(BUILD)/$(PROGRAM_$(r)))))
PB      := $(BUILD)/proto/virtaid.pb-c
room_src = $(sort $(filter-out $(1)/main.c,$(wildcard $(1)/*.c)))
room_obj = $(patsubst %.c,$(BUILD)/%.o,$(call room_src,$(1)))
room_lib = $(BUILD)/$(subst /,-,$(1)).a
ARCHIVES := $(foreach r,$(ROOMS),$(call room_lib,$(r)))

.PHONY: all deps demo check check-unit check-rig-a check-rig-b check-rig-c check-spin fuzz bench \
	install uninstall deb rpm lint format clean distclean compile-commands
all: $(if $(HAVE),,need-deps) $(PROGS)

need-deps:
	@sh tests/deps.sh build

deps:
	$(Q)sh tests/deps.sh all

$(BUILD)/%.o: %.c $(PB).h | need-tools
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLCPP) $(CPPPKG) $(ALLC) -c -o $@ $<
$(PB).o: $(PB).c $(PB).h
	$(call say,CC,$<)
	$(Q)$(CC) $(ALLCPP) $(CPPPKG) $(ALLC) -Wno-conversion -c -o $@ $<
$(PB).h: proto/virtaid.proto | need-tools
	$(call say,PROTOC,$<)
	$(Q)mkdir -p $(@D) && protoc-c --c_out=$(@D) --proto_path=proto $<
$(PB).c: $(PB).h ;

.PHONY: need-tools
need-tools: $(if $(HAVE),,need-deps)

define room_rules
$(call room_lib,$(1)): $(call room_obj,$(1)) $(if $(filter common/link,$(1)),$(PB).o)
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && $$(AR) rcs $$@ $$^
endef
define program_rules
$(BUILD)/$(PROGRAM_$(1)): $(BUILD)/$(1)/main.o $(foreach u,$(USES_$(1)),$(call room_lib,$(u)))
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(ALLLD) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(call libs,$(PKGS_$(1)))
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))
$(foreach r,$(ROOMS),$(if $(PROGRAM_$(r)),$(eval $(call program_rules,$(r)))))

# --- tests -------------------------------------------------------------------------------------
include tests/tests.mk

# --- installing ----------------------------------------------------------------------------------
include packaging/install.mk

clean:
	rm -rf $(BUILD)
distclean:
	rm -rf build

-include $(foreach r,$(ROOMS),$(patsubst %.c,$(BUILD)/%.d,$(wildcard $(r)/*.c)))
