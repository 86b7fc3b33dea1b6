# Each target installs what it needs first; a bare Debian 12 with Node 20 and root is enough.
.PHONY: demo test bench bench-failover bench-raft bench-large-state compatibility deps build

# `make demo KEEP=1` leaves the cluster up.
demo: build
	@node dist/demo/demo.js $(if $(KEEP),--keep)

test: build
	@node scripts/run-tests.mjs

bench: build
	@node dist/bench/peer-swarm.js

# Writes a second beside Debian's etcd.
bench-raft: build
	@node dist/bench/raft.js

# 100,000 tasks: memory, a new manager, a restart.
bench-large-state: build
	@node dist/bench/large-state.js

# Kills the leader of three managers fifty times.
bench-failover: build
	@node dist/bench/failover.js

# Compares with a real dockerd, command by command, and writes docs/compatibility.md.
compatibility: build
	@node dist/bench/docker-differences.js

build: deps
	@npm run --silent build

deps:
	@scripts/install-deps
