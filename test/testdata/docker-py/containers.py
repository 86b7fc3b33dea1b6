"""Containers of tasks on this node: list, inspect, exec, logs, top, stats, kill, wait; volumes."""

import json

import docker.types as types
from common import eventually, manager, refused, running, until

client = manager()
service = client.services.create(
    "skep-web:1",
    name="py-box",
    constraints=["node.role==manager"],
    mounts=["py-box-data:/data"],
    restart_policy=types.RestartPolicy(condition="any", delay=10**8),
)
task = running(service, 1)[0]
listed = client.containers.list(filters={"label": "com.docker.swarm.service.name=py-box"})
assert len(listed) == 1
box = client.containers.get(task["Status"]["ContainerStatus"]["ContainerID"])
assert box.id == listed[0].id and box.status == "running"
assert box.name.startswith("py-box.1.") and box.labels["com.docker.swarm.task.id"] == task["ID"]
assert box.attrs["State"]["Pid"] == task["Status"]["ContainerStatus"]["PID"]
assert "skep-web:1" in box.image.tags
assert box.attrs["Mounts"][0]["Name"] == "py-box-data", box.attrs["Mounts"]
assert client.containers.get(box.name).id == box.id and client.containers.get(box.short_id).id == box.id
assert [one.id for one in client.containers.list(filters={"name": "py-box"})] == [box.id]
assert box.id in {one.id for one in client.containers.list(sparse=True, all=True, limit=50)}

# exec: output, both streams, exit codes, environment, a stream, a socket.
assert box.exec_run("echo hello").output == b"hello\n"
code, (out, err) = box.exec_run(["sh", "-c", "echo a; echo b >&2; exit 7"], demux=True)
assert (code, out, err) == (7, b"a\n", b"b\n")
assert box.exec_run(["sh", "-c", "echo $X; pwd; id -u"], environment={"X": "y"}, workdir="/tmp", user="web").output == b"y\n/tmp\n1000\n"
assert b"".join(box.exec_run("seq 3", stream=True).output) == b"1\n2\n3\n"
assert box.exec_run("tty", tty=True).output == b"/dev/pts/0\r\n"
exec_id = client.api.exec_create(box.id, "cat", stdin=True)["Id"]
sock = client.api.exec_start(exec_id, socket=True)
assert client.api.exec_inspect(exec_id)["Running"] is True
sock._sock.sendall(b"through\n")
assert b"through\n" in sock._sock.recv(100)
sock._sock.close()
sock.close()

until("its log", lambda: b"serving 1\n" in box.logs())
assert box.logs(tail=1, timestamps=True).rstrip().endswith(b"Z serving 1")
follow = box.logs(stream=True, follow=True)
assert next(iter(follow)) == b"serving 1\n"
follow.close()
top = box.top()
assert any("httpd" in " ".join(row) for row in top["Processes"]), top
stats = box.stats(stream=False)
assert stats["memory_stats"]["usage"] > 0 and stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0, stats
assert "eth0" in stats.get("networks", {}) or "networks" in stats, json.dumps(stats)[:400]
two = box.stats(stream=True, decode=True)
assert next(two)["read"] and next(two)["read"]
two.close()
until("it is healthy", lambda: client.containers.get(box.id).attrs["State"]["Health"]["Status"] == "healthy")

# The task's container is killed by hand: the service makes another.
waiting = box.id
box.kill()
assert box.wait(timeout=20)["StatusCode"] == 137
until("a new task", lambda: running(service, 1)[0]["ID"] != task["ID"])
refused(404, "No such container", client.containers.get, "nosuch")
service.remove()
until("it is gone", lambda: not client.containers.list(filters={"label": "com.docker.swarm.service.name=py-box"}))

volume = client.volumes.create("py-volume", labels={"of": "tests"})
assert volume.attrs["Driver"] == "local" and volume.attrs["Mountpoint"]
assert [one.name for one in client.volumes.list(filters={"label": "of=tests"})] == ["py-volume"]
volume.remove()
refused(404, "py-volume", client.volumes.get, "py-volume")
eventually("the service's volume can go", client.volumes.get("py-box-data").remove)
