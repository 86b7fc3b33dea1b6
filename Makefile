# Each target installs what it needs first; a bare Debian 12 with Node 20 and root is enough. `make build` is for a host that
# shall be a node: it installs only what skepd runs with.
.PHONY: demo test bench bench-startup bench-swarm bench-orchestrate bench-scheduler bench-failover bench-raft bench-large-state bench-growth compatibility deps host-deps build
.NOTPARALLEL:

# `make demo KEEP=1` leaves the cluster up.
demo: deps build
	@node dist/demo/demo.js $(if $(KEEP),--keep)

test: deps build
	@node scripts/run-tests.mjs

# All benches, one after another; about half an hour on two idle cores.
bench: bench-swarm bench-orchestrate bench-scheduler bench-raft bench-large-state bench-failover

# Joining, starting, failing and memory beside Docker Swarm.
bench-swarm: deps build
	@node dist/bench/peer-swarm.js

# A rolling update and scaling beside Docker Swarm.
bench-orchestrate: deps build
	@node dist/bench/orchestrate.js

# A million tasks onto 10,000 nodes, in process.
bench-scheduler: deps build
	@node dist/bench/scheduler.js

# Writes a second beside Debian's etcd.
bench-raft: deps build
	@node dist/bench/raft.js

# `skep --help` beside node alone.
bench-startup: deps build
	@node dist/bench/startup.js

# 100,000 tasks: memory, a new manager, a restart.
bench-large-state: deps build
	@node dist/bench/large-state.js

# A manager and a worker under churn for ten minutes: what they hold after a collection.
bench-growth: deps build
	@node dist/bench/growth.js

# Kills the leader of three managers fifty times.
bench-failover: deps build
	@node dist/bench/failover.js

# Compares with a real dockerd, command by command, and writes docs/compatibility.md.
compatibility: deps build
	@node dist/bench/docker-differences.js

build: host-deps
	@npm run --silent build

deps:
	@scripts/install-deps

host-deps:
	@scripts/install-deps host
