# SPDX-License-Identifier: GPL-2.0-or-later
# Tests, fuzzers, rigs and benchmarks; included by the Makefile. TEST=name picks one case.

TEST ?=
T    ?= 20
SEED ?= 0
LONG ?=
DPKG := $(shell command -v dpkg-buildpackage)
UNIT_SRC := $(sort $(wildcard tests/unit/test-*.c))
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SRC))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz-*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(FUZZ_SRC))
SUPPORT  := $(sort $(wildcard tests/support/*.c))
SUPPORT_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(SUPPORT))

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(SUPPORT_OBJ) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALLLD) -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(call libs,$(PKGS))
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(SUPPORT_OBJ) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALLLD) -fsanitize=fuzzer -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(call libs,$(PKGS))

.PHONY: unit-programs fuzz-programs
unit-programs: all $(UNIT)
fuzz-programs: $(FUZZERS)

# --- simulated hardware ------------------------------------------------------------------------
SIMMON     := $(BUILD)/tests/sim/simmon
I2CSHIM    := $(BUILD)/tests/sim/i2cshim.so
SIMMON_SRC := $(sort $(wildcard tests/sim/monitor/*.c))
# the model without its sockets and pictures, for its unit test
SIM_MODEL  := $(patsubst %,$(BUILD)/tests/sim/monitor/%.o,monitor edid control)

$(SIMMON): $(patsubst %.c,$(BUILD)/%.o,$(SIMMON_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(ALLLD) -o $@ $^ -lpng
# loaded into programs of any build, so never with a sanitizer of its own
$(I2CSHIM): tests/sim/shim/i2cshim.c common/base/cleanup.h
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLCPP) -std=gnu17 $(OPT) $(WARN) -fPIC -shared \
		-ffile-prefix-map=$(ROOT)=. $(CFLAGS) -o $@ $< -ldl
EVDEVSHIM := $(BUILD)/tests/sim/evdevshim.so
$(EVDEVSHIM): tests/sim/shim/evdevshim.c
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLCPP) -std=gnu17 $(OPT) $(WARN) -fPIC -shared \
		-ffile-prefix-map=$(ROOT)=. $(CFLAGS) -o $@ $< -ldl
$(BUILD)/tests/unit/test-sim-monitor: $(SIM_MODEL)

# process 1 of a test machine: static, as there is nothing else in there
RIGINIT := $(BUILD)/tests/rig/rig-init
$(RIGINIT): $(sort $(wildcard tests/rig/guest/*.[ch])) common/base/cleanup.h
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLCPP) -std=gnu17 $(OPT) $(WARN) -static \
		-ffile-prefix-map=$(ROOT)=. $(CFLAGS) -o $@ $(filter %.c,$^)

# a machine with graphics cards, drivers and services: its kernel's and its commands' ends
SYSFSSHIM := $(BUILD)/tests/sim/sysfs-shim.so
MODELTOOL := $(BUILD)/tests/sim/model-tool
$(SYSFSSHIM): tests/sim/machine/sysfs-shim.c tests/sim/machine/ask.h common/base/cleanup.h
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLCPP) -std=gnu17 $(OPT) $(WARN) -fPIC -shared \
		-ffile-prefix-map=$(ROOT)=. $(CFLAGS) -o $@ $< -ldl
$(MODELTOOL): tests/sim/machine/tool.c tests/sim/machine/ask.h common/base/cleanup.h
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLCPP) -std=gnu17 $(OPT) $(WARN) \
		-ffile-prefix-map=$(ROOT)=. $(CFLAGS) -o $@ $<

.PHONY: sim rig
sim: $(SIMMON) $(I2CSHIM) $(EVDEVSHIM) $(SYSFSSHIM) $(MODELTOOL)
rig: sim $(RIGINIT) $(BUILD)/tests/unit/test-share-kernel

# the programs of the benchmark
LINKBENCH := $(BUILD)/tests/bench/manyguests $(BUILD)/tests/bench/handshakes
BENCH := $(LINKBENCH) $(BUILD)/tests/bench/pingpong $(BUILD)/tests/bench/plan
$(BUILD)/tests/bench/plan: $(BUILD)/tests/bench/plan.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALLLD) -o $@ $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(call libs,$(PKGS))
$(LINKBENCH): %: %.o $(BUILD)/common-link.a $(BUILD)/common-base.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALLLD) -o $@ $^ $(call libs,libsodium libprotobuf-c)
# static: it runs in a guest that has nothing else
$(BUILD)/tests/bench/pingpong: tests/bench/pingpong.c common/base/cleanup.h
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLCPP) -std=gnu17 $(OPT) $(WARN) -static \
		-ffile-prefix-map=$(ROOT)=. $(CFLAGS) -o $@ $<

bench:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory all rig $(BENCH)
	$(Q)$(BUILD)/tests/bench/plan
	$(Q)python3 tests/bench/bench.py --build $(BUILD) $(if $(TEST),--test $(TEST))

# real libraries in made-up machines, and real kernels under QEMU
check-rig-a:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory all rig
	$(Q)python3 tests/rig/run.py a --build $(BUILD) $(if $(TEST),--test $(TEST))
# what the guests and hosts of the rigs run, without its pages of output
define quiet_deb
$(if $(DPKG),$(Q)$(MAKE) --no-print-directory deb >$(BUILD)/deb.log 2>&1 || { \
		tail -n 40 $(BUILD)/deb.log; exit 1; })
endef
# where Debian packages can be built, the guests run the files of ours
check-rig-b:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory all rig
	$(quiet_deb)
	$(Q)$(if $(DPKG),VA_DEBS=$(abspath $(BUILD))/deb) python3 tests/rig/run.py b --build $(BUILD) \
		$(if $(TEST),--test $(TEST))
# a whole host as a machine, with guests inside; LONG=1: a guest boots in there, too. Needs root.
check-rig-c:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory all rig
	$(quiet_deb)
	$(Q)$(if $(DPKG),VA_DEBS=$(abspath $(BUILD))/deb) VA_LONG=$(LONG) python3 tests/rig/run.py c \
		--build $(BUILD) --limit 1800 $(if $(TEST),--test $(TEST))

# the story, on a machine without a spare GPU and without a guest
demo:
	$(Q)sh tests/deps.sh demo
	$(Q)$(MAKE) --no-print-directory -s all rig
	$(Q)VA_BUILD=$(abspath $(BUILD)) python3 tests/demo.py

# every unit test runs under ASan and UBSan
check-unit:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory SAN=1 BUILD=$(BUILD)/san unit-programs
	$(Q)python3 tests/run.py unit --build $(BUILD)/san --also tests/vectors/check.py \
		$(if $(TEST),--test $(TEST))

# every small world, of which check-unit takes a part: without sanitizers half an hour of one core
WORLDS := $(patsubst %,$(BUILD)/tests/unit/test-%,plan-symmetry plan-worlds execute-worlds)
.PHONY: check-worlds
check-worlds:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory all $(WORLDS)
	$(Q)set -e; for test in $(WORLDS); do VA_LONG=1 $$test; done

# T seconds for each fuzzer
fuzz:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory CC=clang SAN=fuzz BUILD=$(BUILD)/fuzz fuzz-programs
	$(Q)python3 tests/fuzz/run.py --build $(BUILD)/fuzz --seconds $(T) --seed $(SEED) $(if $(TEST),--test $(TEST))

# what the protocol may do, by exhaustion
check-spin:
	$(Q)sh tests/deps.sh check
	$(Q)sh tests/spin.sh

check:
	$(Q)sh tests/deps.sh check
	$(Q)MAKE="$(MAKE)" python3 tests/check.py check-unit check-spin check-rig-a check-rig-b fuzz,T=3,SEED=1

-include $(patsubst %.c,$(BUILD)/%.d,$(UNIT_SRC) $(FUZZ_SRC) $(SUPPORT) $(SIMMON_SRC) tests/bench/manyguests.c \
	tests/bench/handshakes.c tests/bench/plan.c)

# format, static analysis, scripts, portability
lint:
	$(Q)sh tests/deps.sh lint
	$(Q)sh tests/lint.sh
