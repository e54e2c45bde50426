# haul: hauld, the download daemon, and haul, its client. `make help` lists the targets.

BUILD ?= build
CC ?= cc
PKGS = libuv jansson openssl sqlite3 libwslay libidn2 zlib libsystemd expat
WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wundef -Wvla -Werror
OPT = -O2 -g -D_FORTIFY_SOURCE=2
SAN =
HARDEN = -fstack-protector-strong -fPIE
LLHTTP_DIR ?= /usr/share/llhttp

VERSION = 0.1.0
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE $(WARN) $(OPT) $(HARDEN) $(SAN) -DHAUL_VERSION='"$(VERSION)"' -I. -Idaemon -MMD -MP \
	$(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now $(SAN) $(LDFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread -lm

# llhttp: the packaged library where there is one, else Debian 12's packaged sources.
ifeq ($(shell pkg-config --exists libllhttp 2>/dev/null && echo yes),yes)
LLHTTP_CFLAGS = $(shell pkg-config --cflags libllhttp)
LIBS += $(shell pkg-config --libs libllhttp)
LLHTTP_OBJ =
else
LLHTTP_CFLAGS = -I/usr/share/include/llhttp
LLHTTP_OBJ = $(patsubst %,$(BUILD)/llhttp/%.o,api http llhttp)
endif

LIB_SRC = $(filter-out daemon/main.c,$(wildcard daemon/*/*.c rpc/*.c))
LIB_OBJ = $(LIB_SRC:%.c=$(BUILD)/%.o) $(LLHTTP_OBJ)
CLIENT_SRC = $(wildcard client/*.c)
CLIENT_OBJ = $(CLIENT_SRC:%.c=$(BUILD)/%.o)
UNIT_SRC = $(wildcard tests/unit/*/test_*.c)
UNIT_BIN = $(UNIT_SRC:%.c=$(BUILD)/%)

all: $(BUILD)/hauld $(BUILD)/haul

$(BUILD)/libhauld.a: $(LIB_OBJ)
	@rm -f $@ && ar rcs $@ $^

$(BUILD)/hauld: $(BUILD)/daemon/main.o $(BUILD)/libhauld.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/haul: $(CLIENT_OBJ) $(BUILD)/libhauld.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LLHTTP_CFLAGS) -c -o $@ $<

$(BUILD)/llhttp/%.o: $(LLHTTP_DIR)/%.c
	@mkdir -p $(@D)
	$(CC) -O2 -g -fPIE $(SAN) $(LLHTTP_CFLAGS) -c -o $@ $<

# A unit test is one program; it may include the .c file that it tests.
$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/libhauld.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LLHTTP_CFLAGS) -Itests $(LDFLAGS_ALL) -MF $@.d -o $@ $< $(BUILD)/libhauld.a $(LIBS) -lcmocka

clean:
	rm -rf build build-asan

.PHONY: all clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
