# SPDX-License-Identifier: GPL-2.0-or-later
# Tests, fuzzers, rigs and benchmarks; included by the Makefile. TEST=name picks one case.

TEST ?=
T    ?= 20
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

# every unit test runs under ASan and UBSan
check-unit:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory SAN=1 BUILD=$(BUILD)/san unit-programs
	$(Q)python3 tests/run.py unit --build $(BUILD)/san $(if $(TEST),--test $(TEST))

-include $(patsubst %.c,$(BUILD)/%.d,$(UNIT_SRC) $(FUZZ_SRC) $(SUPPORT))
