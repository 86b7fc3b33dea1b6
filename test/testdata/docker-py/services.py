"""Services: create, list, inspect, scale, update, force update, logs, tasks, remove."""

import docker.types as types
from common import manager, refused, running, until, worker

client = manager()
service = client.services.create(
    "skep-web:1",
    name="py-web",
    labels={"tier": "front"},
    mode=types.ServiceMode("replicated", replicas=2),
    env=["COLOR=green"],
    endpoint_spec=types.EndpointSpec(mode="vip", ports={8085: 80}),
    update_config=types.UpdateConfig(parallelism=2, delay=0, order="start-first", monitor=500000000),
    restart_policy=types.RestartPolicy(condition="any", delay=1),
    resources=types.Resources(mem_limit=64 * 1024 * 1024, cpu_reservation=10000000),
    stop_grace_period=2 * 10**9,
)
assert service.name == "py-web"
refused(409, "already exists", client.services.create, "skep-web:1", name="py-web")
tasks = running(service, 2)
assert {task["Slot"] for task in tasks} == {1, 2}
assert all(task["Spec"]["ContainerSpec"]["Env"] == ["COLOR=green"] for task in tasks)
status = tasks[0]["Status"]["ContainerStatus"]
assert len(status["ContainerID"]) == 64 and status["PID"] > 0, status

assert [one.id for one in client.services.list(filters={"name": "py-web"})] == [service.id]
assert [one.id for one in client.services.list(filters={"label": "tier=front"})] == [service.id]
assert client.services.list(filters={"label": "tier=back"}) == []
assert client.services.get("py-web", insert_defaults=True).id == service.id
service.reload()
assert service.attrs["Endpoint"]["VirtualIPs"], service.attrs["Endpoint"]
port = service.attrs["Endpoint"]["Ports"][0]
assert (port["TargetPort"], port["PublishedPort"], port["PublishMode"]) == (80, 8085, "ingress")

# Logs, of the service and of one task, as docker-py splits the stream.
until("logs of both tasks", lambda: b"".join(service.logs(stdout=True)).count(b"serving 1") == 2)
stamped = b"".join(service.logs(stdout=True, timestamps=True, tail=1))
assert stamped.count(b"Z serving 1") >= 1, stamped
details = b"".join(service.logs(stdout=True, details=True))
assert b"com.docker.swarm.task.id=" in details, details

assert service.scale(3) == {"Warnings": None}
running(service, 3)
service.reload()
assert service.attrs["Spec"]["Mode"] == {"Replicated": {"Replicas": 3}}
assert service.attrs["Spec"]["Labels"] == {"tier": "front"}

# An update that keeps all it does not name.
assert service.update(image="skep-web:2", name="py-web", labels={"tier": "back"}, fetch_current_spec=True)


def updated():
    service.reload()
    return service.attrs.get("UpdateStatus", {}).get("State") == "completed"


until("the update is complete", updated, 60)
assert service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "skep-web:2"
assert service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] == ["COLOR=green"]
assert service.attrs["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "skep-web:1"
assert {task["Spec"]["ContainerSpec"]["Image"] for task in running(service, 3)} == {"skep-web:2"}

stale = client.services.get(service.id)
service.reload()
before = service.attrs["Spec"]["TaskTemplate"].get("ForceUpdate", 0)
assert service.force_update()
refused(500, "out of sequence", stale.scale, 1)
service.reload()
assert service.attrs["Spec"]["TaskTemplate"]["ForceUpdate"] == before + 1
until("the forced update is complete", updated, 60)

# The API itself.
task = client.api.tasks(filters={"service": "py-web", "desired-state": "running"})[0]
assert client.api.inspect_task(task["ID"])["ServiceID"] == service.id
refused(404, "not found", client.api.inspect_task, "nosuch")
refused(503, "not a swarm manager", worker().services.list)
assert service.remove() is True
refused(404, "not found", client.services.get, service.id)
until("its containers are gone", lambda: client.containers.list(filters={"label": "com.docker.swarm.service.name=py-web"}) == [])
