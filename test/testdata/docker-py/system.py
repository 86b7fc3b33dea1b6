"""What every client asks first: ping, version, info, disk usage; and the oldest API version that is spoken."""

import docker
from common import manager, refused

client = manager()
assert client.ping() is True
version = client.version()
assert version["ApiVersion"] == client.api._version, version
assert version["Os"] == "linux" and version["Version"], version
info = client.info()
assert info["Swarm"]["LocalNodeState"] == "active", info["Swarm"]
assert info["Swarm"]["ControlAvailable"] is True
assert info["Swarm"]["Nodes"] == 2 and info["Swarm"]["Managers"] == 1
assert info["Driver"] and info["NCPU"] > 0 and info["MemTotal"] > 0
usage = client.df()
assert {"Images", "Containers", "Volumes", "LayersSize"} <= set(usage), usage

old = manager(version=version["MinAPIVersion"])
assert old.ping() and old.version()["Version"] == version["Version"]
assert [node.attrs["Spec"]["Role"] for node in old.nodes.list(filters={"role": "manager"})] == ["manager"]
refused(400, "client version 1.99 is too new", manager(version="1.99").version)
refused(404, "page not found", client.api._result, client.api._get(client.api._url("/nonsense")))
assert isinstance(docker.from_env().swarm.attrs["ID"], str)
