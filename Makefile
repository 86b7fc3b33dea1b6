# Each target installs what it needs first; a bare Debian 12 with Node 20 and root is enough.
.PHONY: demo test bench deps build

# `make demo KEEP=1` leaves the cluster up.
demo: build
	@node dist/demo/demo.js $(if $(KEEP),--keep)

test: build
	@node scripts/run-tests.mjs

bench: build
	@node dist/bench/peer-swarm.js

build: deps
	@npm run --silent build

deps:
	@scripts/install-deps
