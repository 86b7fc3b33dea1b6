# Each target installs what it needs first; a bare Debian 12 with Node 20 and root is enough.
.PHONY: demo test bench bench-startup bench-swarm bench-orchestrate bench-scheduler bench-failover bench-raft bench-large-state bench-growth compatibility deps build
.NOTPARALLEL:

# `make demo KEEP=1` leaves the cluster up.
demo: build
	@node dist/demo/demo.js $(if $(KEEP),--keep)

test: build
	@node scripts/run-tests.mjs

# All benches, one after another; about half an hour on two idle cores.
bench: bench-swarm bench-orchestrate bench-scheduler bench-raft bench-large-state bench-failover

# Joining, starting, failing and memory beside Docker Swarm.
bench-swarm: build
	@node dist/bench/peer-swarm.js

# A rolling update and scaling beside Docker Swarm.
bench-orchestrate: build
	@node dist/bench/orchestrate.js

# A million tasks onto 10,000 nodes, in process.
bench-scheduler: build
	@node dist/bench/scheduler.js

# Writes a second beside Debian's etcd.
bench-raft: build
	@node dist/bench/raft.js

# `skep --help` beside node alone.
bench-startup: build
	@node dist/bench/startup.js

# 100,000 tasks: memory, a new manager, a restart.
bench-large-state: build
	@node dist/bench/large-state.js

# A manager and a worker under churn for ten minutes: what they hold after a collection.
bench-growth: build
	@node dist/bench/growth.js

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
