"""Swarm init, inspect, update, join and leave, on the spare daemon."""

from common import MANAGER_ADDRESS, SPARE_ADDRESS, manager, refused, spare

client = spare()
refused(503, "not a swarm manager", client.swarm.reload)
assert client.swarm.attrs is None or not client.swarm.attrs

# A swarm of its own, with everything that init takes.
node_id = client.swarm.init(
    advertise_addr=SPARE_ADDRESS,
    listen_addr="0.0.0.0:2377",
    default_addr_pool=["10.88.0.0/16"],
    subnet_size=24,
    task_history_retention_limit=3,
    snapshot_interval=5000,
    keep_old_snapshots=1,
    dispatcher_heartbeat_period=7000000000,
    labels={"made": "by docker-py"},
    name="default",
)
assert client.info()["Swarm"]["NodeID"] == node_id
attrs = client.swarm.attrs
assert attrs["Spec"]["Labels"] == {"made": "by docker-py"}, attrs["Spec"]
assert attrs["Spec"]["Orchestration"]["TaskHistoryRetentionLimit"] == 3
assert attrs["Spec"]["Dispatcher"]["HeartbeatPeriod"] == 7000000000
assert attrs["DefaultAddrPool"] == ["10.88.0.0/16"] and attrs["SubnetSize"] == 24
refused(503, "already part of a swarm", client.swarm.init, advertise_addr=SPARE_ADDRESS)

# Updates: settings, tokens, autolock.
tokens = attrs["JoinTokens"]
assert client.swarm.update(task_history_retention_limit=9, name="default") is True
client.swarm.reload()
assert client.swarm.attrs["Spec"]["Orchestration"]["TaskHistoryRetentionLimit"] == 9
assert client.swarm.update(rotate_worker_token=True, rotate_manager_token=True) is True
client.swarm.reload()
rotated = client.swarm.attrs["JoinTokens"]
assert rotated["Worker"] != tokens["Worker"] and rotated["Manager"] != tokens["Manager"]
assert client.swarm.update(autolock_managers=True) is True
assert client.swarm.get_unlock_key()["UnlockKey"].startswith("SWMKEY-1-")
client.swarm.reload()
assert client.swarm.update(autolock_managers=False) is True

refused(503, "Use `--force`", client.swarm.leave)
assert client.swarm.leave(force=True) is True
assert client.info()["Swarm"]["LocalNodeState"] == "inactive"

# Joins the test cluster as a worker, and leaves it; the manager forgets it.
leader = manager()
worker_token = leader.swarm.attrs["JoinTokens"]["Worker"]
refused(500, "invalid join token", client.swarm.join, [MANAGER_ADDRESS], "SWMTKN-1-bad", advertise_addr=SPARE_ADDRESS)
assert client.swarm.join(
    remote_addrs=[MANAGER_ADDRESS],
    join_token=worker_token,
    listen_addr="0.0.0.0:2377",
    advertise_addr=SPARE_ADDRESS,
)
info = client.info()["Swarm"]
assert info["LocalNodeState"] == "active" and info["ControlAvailable"] is False, info
joined = leader.nodes.get(info["NodeID"])
assert joined.attrs["Spec"]["Role"] == "worker"
refused(503, "not a swarm manager", client.services.list)
assert client.swarm.leave() is True
assert leader.api.remove_node(info["NodeID"], force=True) is True
refused(404, "not found", leader.nodes.get, info["NodeID"])
