# Efferent: everyday commands. The build itself is described in CMakeLists.txt.

PREFIX ?= /usr/local
DESTDIR ?=
# Where the program is built. Everything else that is built lies below build/ too.
BUILD = build

.DEFAULT_GOAL := all
.PHONY: all setup configure demo star test test-integration quick sim sim-mutants kill long coverage bench figures lint format fuzz parts release reproduce install clean distclean help

all: setup configure ## build build/efferent
	@if [ -f src/cli/main.c ]; then cmake --build $(BUILD) --target efferent; else cmake --build $(BUILD); fi

setup:
	@sh tools/setup build

configure:
	@test -f $(BUILD)/build.ninja || cmake --preset dev > $(BUILD)/configure.log || \
	    { cat $(BUILD)/configure.log; rm -f $(BUILD)/CMakeCache.txt; exit 1; }

demo: all ## a first sync, offline, from a local database into a local stand-in
	@sh tools/demo

test: ## everything that must hold: tests, sanitizers, lints, a clang build
	@sh tools/test

test-integration: ## beside the real software of others: dbt on DuckDB and on PostgreSQL, ADBC drivers, an emulator of BigQuery
	@sh tools/test-integration

star: all ## dbt, a warehouse in the middle, and twelve tools around it: all syncs, with their stand-ins
	@sh tools/setup integration duckdb
	@sh tools/star

quick: all ## unit and scenario tests of build/ only
	@cmake --build $(BUILD)
	@ctest --test-dir $(BUILD) --output-on-failure -j $$(nproc)

# Seeds that `make sim` runs, and the first of them; SEED=123 alone replays that one, made smaller when it is broken.
SEEDS = 20000
FROM = 1

sim: configure ## the engine in a simulated world, on all cores: SEEDS=20000, or SEED=123 for one, and its trace in a file
	@cmake --build $(BUILD) --target sim
	@if [ -n "$(SEED)" ]; then $(BUILD)/test/sim/sim --seed $(SEED); \
	    else sh tools/sim $(BUILD)/test/sim/sim $(SEEDS) $(FROM); fi

sim-mutants: configure ## does the simulator find planted bugs, each within 1,000 seeds?
	@sh test/sim/mutants.sh $(BUILD)

# Runs that `make kill` kills, and how many seconds it may take at most.
KILLS = 1000
KILL_SECONDS = 86400

long: all ## what takes hours: long fuzzing, 10,000 kills, 2,000,000 seeds, each effect failed, planted bugs from ten starts
	@sh tools/long

kill: configure ## runs of the program are killed -9 at random: KILLS=1000, KILL_SECONDS=540 at most
	@sh tools/kill $(KILLS) $(KILL_SECONDS)

coverage: ## which lines of src/ the tests reach, room by room (build/coverage/index.html)
	@sh tools/setup build test
	@sh tools/coverage

bench: all ## measure (build/bench holds the results)
	@if [ -f tools/bench ]; then sh tools/bench; else echo "tools/bench is not there yet"; exit 1; fi

figures: all ## requests of a sync beside the least that each API allows, counted by the stand-ins
	@sh tools/figures

lint: ## layers, formatting, clang-tidy, house rules
	@sh tools/setup test
	@sh tools/lint

format: ## put all C files into the house style
	@sh tools/lint-format --fix

fuzz: ## every fuzzer for SECONDS (default 60) each
	@sh tools/setup test
	@sh tools/fuzz $(SECONDS)

parts: all ## what the program is made of and loads, as an SBOM (build/efferent.cdx.json)
	@sh tools/parts

release: parts ## the tag of this commit as a signed tarball (build/release): SIGNING_KEY=FILE
	@sh tools/release "$(SIGNING_KEY)"

reproduce: ## build the commit twice, in two places: the same program byte for byte
	@sh tools/reproduce

install: all ## copy the program to PREFIX (default /usr/local)
	@DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(PREFIX)"

clean: ## remove what was compiled, keep what was fetched
	@for dir in $(BUILD) $(BUILD)/asan $(BUILD)/clang $(BUILD)/fuzz $(BUILD)/crash $(BUILD)/coverage; do \
	    if [ -f $$dir/build.ninja ]; then cmake --build $$dir --target clean || exit 1; fi; \
	done

distclean: ## remove everything that is not in git
	rm -rf build test/peers/node_modules

help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18
