"""Events of cluster objects as they happen, and of a time that is over."""

import time

from common import manager

client = manager()
start = int(time.time())
stream = client.events(decode=True, filters={"type": ["service", "secret", "network"]})
secret = client.secrets.create(name="py-event", data=b"x")
network = client.networks.create("py-event", driver="overlay")
service = client.services.create("skep-web:1", name="py-event", mode={"Replicated": {"Replicas": 0}})
service.update(labels={"a": "b"}, name="py-event", fetch_current_spec=True)
service.remove()
network.remove()
client.secrets.get(secret.id).remove()
seen = []
for event in stream:
    assert event["scope"] == "swarm" and event["timeNano"] > start * 10**9, event
    seen.append((event["Type"], event["Action"], event["Actor"]["Attributes"]["name"]))
    if event["Type"] == "secret" and event["Action"] == "remove":
        assert event["Actor"]["ID"] == secret.id
        break
stream.close()
wanted = [
    ("secret", "create", "py-event"),
    ("network", "create", "py-event"),
    ("service", "create", "py-event"),
    ("service", "update", "py-event"),
    ("service", "remove", "py-event"),
    ("network", "remove", "py-event"),
    ("secret", "remove", "py-event"),
]
# Managers write to a new object as well (addresses, for instance), which is an update too.
rest = iter(seen)
assert all(one in rest for one in wanted), seen

# Of what is over, without waiting.
client.volumes.create("py-past").remove()
past = client.events(since=start, until=int(time.time()) + 1, decode=True, filters={"volume": "py-past"})
actions = [event["Action"] for event in past]
assert actions == ["create", "destroy"], actions
