# haul: hauld, the download daemon, and haul, its client. `make help` lists the targets.

.DEFAULT_GOAL := all
SHELL = /bin/sh

BUILD ?= build

# V=1 shows the commands
Q = $(if $(V),,@)
say = $(if $(V),,@echo '  $(1) $@')
CC ?= cc
# A warning is an error in a checkout and in every test; not for a packager, whose compiler may know warnings that ours does not.
WERROR ?= $(if $(wildcard .git),1)
test test-long asan asan-run valgrind torture lint unit: export WERROR = 1
PKGS = libuv jansson openssl sqlite3 libidn2 zlib libsystemd expat libpsl
WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wundef -Wvla $(if $(WERROR),-Werror)
OPT = -O2 -g -D_FORTIFY_SOURCE=2
SAN =
HARDEN = -fstack-protector-strong -fPIE
LLHTTP_DIR ?= /usr/share/llhttp

VERSION = 0.1.0
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE $(WARN) $(OPT) $(HARDEN) $(SAN) -DHAUL_VERSION='"$(VERSION)"' -Duthash_malloc=xmalloc -I. -Idaemon -MMD -MP \
	$(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now $(SAN) $(LDFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lwslay -lpthread -lm

# llhttp: the packaged library where there is one, else Debian 12's packaged sources.
ifeq ($(shell pkg-config --exists libllhttp 2>/dev/null && echo yes),yes)
LLHTTP_CFLAGS = $(shell pkg-config --cflags libllhttp)
LIBS += $(shell pkg-config --libs libllhttp)
LLHTTP_OBJ =
else
LLHTTP_CFLAGS = -I/usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1
LLHTTP_OBJ = $(patsubst %,$(BUILD)/llhttp/%.o,api http llhttp)
endif

LIB_SRC = $(filter-out daemon/main.c,$(wildcard daemon/*/*.c rpc/*.c))
LIB_OBJ = $(LIB_SRC:%.c=$(BUILD)/%.o) $(LLHTTP_OBJ)
# What the client may include (tests/lint/layers.py) is all that it links.
BASE_OBJ = $(filter $(BUILD)/daemon/base/%,$(LIB_OBJ))
CLIENT_SRC = $(wildcard client/*.c)
CLIENT_OBJ = $(CLIENT_SRC:%.c=$(BUILD)/%.o)
UNIT_SRC = $(wildcard tests/unit/*/test_*.c)
UNIT_BIN = $(UNIT_SRC:%.c=$(BUILD)/%)

# ---- Debian packages, installed by `make deps` (to build) and `make test` (to test) ----
DEPS = gcc make pkg-config libc6-dev libuv1-dev node-llhttp libjansson-dev libssl-dev libsqlite3-dev libwslay-dev uthash-dev \
	libidn2-dev libpsl-dev zlib1g-dev libsystemd-dev libexpat1-dev ca-certificates
TEST_DEPS = libcmocka-dev nginx faketime iproute2 aria2 python3 python3-pytest openssl curl cppcheck valgrind
# For the tests in a browser, 150 MB to fetch: only when none is here, and they are skipped when it can't be had.
BROWSER_DEPS = $(if $(shell command -v chromium || command -v google-chrome),,chromium-headless-shell)
BENCH_DEPS = nginx python3 aria2 curl axel wget2 lftp openssl iproute2

# $(call install,PACKAGES): what is missing, by the system's package manager, saying so. A web server that comes as a package is
# not started by that: a policy file keeps it quiet while the packages are set up.
define install
	@missing=$$(for p in $(1); do dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
	[ -z "$$missing" ] && exit 0; \
	command -v apt-get >/dev/null || { echo "make: please install: $$missing" >&2; exit 1; }; \
	if [ "$$(id -u)" = 0 ]; then as=; elif command -v sudo >/dev/null; then as=sudo; else \
		echo "make: not root and no sudo; please install: $$missing" >&2; exit 1; fi; \
	echo "installing by apt-get:" $$missing; \
	policy=/usr/sbin/policy-rc.d; \
	[ -e $$policy ] || { printf '#!/bin/sh\nexit 101\n' | $$as tee $$policy >/dev/null; $$as chmod +x $$policy; made=1; }; \
	{ $$as apt-get update -qq; DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq --no-install-recommends $$missing; } >/tmp/haul-apt.$$$$ 2>&1; rc=$$?; \
	[ -z "$$made" ] || $$as rm -f $$policy; \
	[ $$rc = 0 ] || { tail -5 /tmp/haul-apt.$$$$ >&2; echo "make: installing failed; please install: $$missing" >&2; }; \
	rm -f /tmp/haul-apt.$$$$; exit $$rc
endef

# What the programs print of themselves, for install.
PRINTED = $(BUILD)/man/hauld.1 $(BUILD)/man/haul.1 $(BUILD)/haul.bash

.DELETE_ON_ERROR:

all: $(BUILD)/hauld $(BUILD)/haul $(PRINTED) ## build hauld and haul into build/

$(BUILD)/man/%.1: $(BUILD)/%
	@mkdir -p $(@D)
	@$< --print=man >$@

$(BUILD)/haul.bash: $(BUILD)/hauld
	@$< --print=bash >$@

$(BUILD)/libhauld.a: $(LIB_OBJ)
	@rm -f $@ && ar rcs $@ $^

$(BUILD)/libbase.a: $(BASE_OBJ)
	@rm -f $@ && ar rcs $@ $^

$(BUILD)/hauld: $(BUILD)/daemon/main.o $(BUILD)/libhauld.a
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/haul: $(CLIENT_OBJ) $(BUILD)/rpc/plain_json.o $(BUILD)/libbase.a
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS_ALL) $(LLHTTP_CFLAGS) -c -o $@ $<

$(BUILD)/llhttp/%.o: $(LLHTTP_DIR)/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -O2 -g -fPIE $(SAN) $(LLHTTP_CFLAGS) -c -o $@ $<

# A unit test is one program; it may include the .c file that it tests.
$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/libhauld.a
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS_ALL) $(LLHTTP_CFLAGS) -Itests $(LDFLAGS_ALL) -MF $@.d -o $@ $< $(BUILD)/libhauld.a $(LIBS) -lcmocka

# A fuzz target as a plain program that reads files, for tests/fuzz/replay.sh; and the flags for tests/fuzz/run.sh. Where libcurl
# is, what it says of a URI is compared with what we say.
FUZZ_CURL = $(shell pkg-config --exists libcurl 2>/dev/null && echo -DFUZZ_CURL $$(pkg-config --cflags libcurl))
FUZZ_LIBS = $(LIBS) $(if $(FUZZ_CURL),$(shell pkg-config --libs libcurl))
$(BUILD)/tests/fuzz/%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $(BUILD)/libhauld.a
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS_ALL) $(LLHTTP_CFLAGS) $(FUZZ_CURL) -Wno-unused-function -Itests $(LDFLAGS_ALL) -MF $@.d -o $@ $< tests/fuzz/replay.c \
		$(BUILD)/libhauld.a $(FUZZ_LIBS)

$(BUILD)/fuzz.flags: Makefile
	@mkdir -p $(@D)
	@echo '$(filter-out -MMD -MP -DHAUL_VERSION=%,$(CFLAGS_ALL)) -DHAUL_VERSION=\"$(VERSION)\" $(LLHTTP_CFLAGS) $(FUZZ_CURL) -Itests' >$@
	@echo '$(FUZZ_LIBS)' >$(@D)/fuzz.libs

# ---- for people ----

deps: ## install what the build needs
	$(call install,$(DEPS))

test-deps: deps
	$(call install,$(TEST_DEPS))

browser-deps: deps
	-$(call install,$(BROWSER_DEPS))

# The packages may bring pkg-config files that were not there when this file was read: build in a second make.
run: deps ## build, start hauld in the foreground, state and files under ./run/; URL=... also downloads that and follows it
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) URL='$(URL)' tests/run.sh

test: test-deps browser-deps ## install what the tests need, build, run every test
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) MAKE='$(MAKE)' tests/all.sh

test-long: test-deps browser-deps ## every test with the long ones (hours); writes docs/robustness.md
	@$(MAKE) --no-print-directory all
	@rm -f $(BUILD)/matrix.jsonl
	@rc=0; HAUL_LONG=1 HAUL_MATRIX=$$(realpath $(BUILD))/matrix.jsonl BUILD=$(BUILD) MAKE='$(MAKE)' tests/all.sh || rc=$$?; \
		tests/matrix/table.py $(BUILD)/matrix.jsonl >docs/robustness.md; exit $$rc

unit: $(UNIT_BIN) ## run the unit tests only
	@tests/unit/run.sh $(UNIT_BIN)

lint: test-deps ## layers, sizes, names, symbols, style, cppcheck
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tests/lint/lint.sh

ASAN = BUILD=build-asan OPT='-O1 -g -fno-omit-frame-pointer' HARDEN=-fPIE SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
asan: test-deps browser-deps ## build with ASan and UBSan, run the whole suite under them
	@$(MAKE) --no-print-directory $(ASAN) all
	@$(MAKE) --no-print-directory $(ASAN) asan-run

asan-run:
	@ASAN_OPTIONS=quarantine_size_mb=16 BUILD=$(BUILD) MAKE='$(MAKE)' tests/all.sh

valgrind: test-deps $(UNIT_BIN) ## run the unit tests and some downloads under valgrind's memcheck
	$(call install,valgrind libc6-dbg)
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tests/valgrind.sh $(UNIT_BIN)

torture: test-deps ## fail each call of each kind once, in every scenario (an hour or more)
	@$(MAKE) --no-print-directory all
	@HAUL_LONG=1 HAUL_BUILD=$$(realpath $(BUILD)) /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/e2e/test_matrix_torture.py

fuzz: test-deps ## run the fuzzers, 60 s each (needs clang)
	$(call install,clang libcurl4-openssl-dev)
	@tests/fuzz/run.sh

bench: ## compare with other downloaders on this machine
	$(call install,$(DEPS) $(BENCH_DEPS))
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tests/bench/run.sh

bench-check: test-deps ## what a unit of work costs in instructions, against tests/bench/bounds.tsv
	@$(MAKE) --no-print-directory all
	@/usr/bin/python3 tests/bench/check.py --build $(BUILD)

docs: all ## write docs/options.md and docs/aria2.md from the tables
	@$(BUILD)/hauld --print=md >docs/options.md
	@$(BUILD)/hauld --print=aria2 >docs/aria2.md

PREFIX ?= /usr/local
DESTDIR ?=
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc
install: all ## install to DESTDIR/PREFIX: programs, man pages, systemd units, completion
	install -D -m 755 $(BUILD)/hauld $(DESTDIR)$(PREFIX)/bin/hauld
	install -D -m 755 $(BUILD)/haul $(DESTDIR)$(PREFIX)/bin/haul
	install -D -m 644 $(BUILD)/man/hauld.1 $(DESTDIR)$(PREFIX)/share/man/man1/hauld.1
	install -D -m 644 $(BUILD)/man/haul.1 $(DESTDIR)$(PREFIX)/share/man/man1/haul.1
	mkdir -p $(DESTDIR)$(UNITDIR) $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	sed 's|@PREFIX@|$(PREFIX)|g' systemd/hauld.service >$(DESTDIR)$(UNITDIR)/hauld.service
	[ -e $(DESTDIR)$(SYSCONFDIR)/haul/hauld.conf ] || install -D -m 644 systemd/hauld.conf $(DESTDIR)$(SYSCONFDIR)/haul/hauld.conf
	install -m 644 systemd/hauld.socket $(DESTDIR)$(UNITDIR)/hauld.socket
	install -D -m 644 systemd/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/hauld.conf
	install -m 644 $(BUILD)/haul.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/haul

clean: ## remove what was built
	rm -rf build build-asan build-fuzz build-fuzz-cov

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | sort | awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'

.PHONY: all deps test-deps browser-deps run test test-long unit lint asan asan-run valgrind torture fuzz bench bench-check docs install clean help
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
