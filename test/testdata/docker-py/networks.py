"""Overlay networks: create with addresses, list with filters, inspect, prune, remove; the ready-made local ones."""

import docker.types as types
from common import manager, refused

client = manager()
names = {network.name for network in client.networks.list()}
assert {"ingress", "bridge", "host", "none"} <= names, names
pool = types.IPAMPool(subnet="10.99.0.0/24", gateway="10.99.0.1")
network = client.networks.create(
    "py-net",
    driver="overlay",
    ipam=types.IPAMConfig(pool_configs=[pool]),
    labels={"of": "tests"},
    attachable=True,
    internal=False,
)
network.reload()
attrs = network.attrs
assert attrs["Driver"] == "overlay" and attrs["Scope"] == "swarm" and attrs["Attachable"] is True
assert attrs["IPAM"]["Config"] == [{"Subnet": "10.99.0.0/24", "Gateway": "10.99.0.1"}], attrs["IPAM"]
assert attrs["Labels"] == {"of": "tests"} and attrs["Internal"] is False and attrs["Ingress"] is False
assert [one.id for one in client.networks.list(names=["py-net"])] == [network.id]
assert [one.id for one in client.networks.list(ids=[network.id])] == [network.id]
assert [one.id for one in client.networks.list(filters={"label": "of=tests"}, greedy=True)] == [network.id]
assert network.id in {one.id for one in client.networks.list(filters={"driver": "overlay"})}
refused(409, "already exists", client.networks.create, "py-net", driver="overlay")
assert client.api.inspect_network(network.id, verbose=True, scope="swarm")["Id"] == network.id
network.remove()
refused(404, "not found", client.networks.get, network.id)
client.networks.create("py-unused", driver="overlay", labels={"prune": "me"})
assert client.networks.prune(filters={"label": "prune=me"})["NetworksDeleted"] == ["py-unused"]
