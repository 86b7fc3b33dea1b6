"""Nodes: list with filters, inspect, update, refusals."""

from common import manager, refused, until, worker

client = manager()
nodes = client.nodes.list()
assert len(nodes) == 2, nodes
leader = client.nodes.list(filters={"role": "manager"})[0]
assert leader.attrs["ManagerStatus"]["Leader"] is True
assert leader.attrs["ManagerStatus"]["Reachability"] == "reachable"
other = client.nodes.list(filters={"role": "worker"})[0]
assert other.id == worker().info()["Swarm"]["NodeID"]
assert client.nodes.get(other.attrs["Description"]["Hostname"]).id == other.id
assert client.nodes.get(other.id[:8]).id == other.id
for part in ("Platform", "Resources", "Engine", "TLSInfo"):
    assert other.attrs["Description"][part], part
assert other.attrs["Description"]["Resources"]["NanoCPUs"] >= 10**9
assert other.attrs["Status"]["Addr"]

spec = dict(other.attrs["Spec"], Labels={"disk": "ssd"}, Availability="pause")
assert other.update(spec) is True
refused(500, "update out of sequence", other.update, spec)
other.reload()
assert other.attrs["Spec"]["Labels"] == {"disk": "ssd"}
assert other.attrs["Spec"]["Availability"] == "pause"
assert [node.id for node in client.nodes.list(filters={"node.label": "disk=ssd"})] == [other.id]
assert client.nodes.list(filters={"node.label": "disk=tape"}) == []
assert other.update({"Availability": "active", "Role": "worker", "Labels": {}}) is True
refused(404, "not found", client.nodes.get, "nosuch")
refused(400, "Invalid filter".lower(), client.nodes.list, filters={"nonsense": "1"})
refused(400, "is not down", client.api.remove_node, other.id)
until("the worker is ready", lambda: client.nodes.get(other.id).attrs["Status"]["State"] == "ready")
