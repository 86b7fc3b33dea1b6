"""Everything that docker-py can say of a service comes back from inspect, and is seen in the container."""

import docker.types as types
from common import eventually, manager, refused, running, worker

client = manager()
network = client.networks.create("py-spec", driver="overlay", scope="swarm", attachable=True)
secret = client.secrets.create(name="py-spec-secret", data=b"hush")
config_id = client.configs.create(name="py-spec-config", data=b"site").id
service = client.services.create(
    "skep-web:1",
    command=["sh", "-c"],
    args=["sleep 1000"],
    name="py-spec",
    mode="global",
    constraints=["node.role == worker"],
    preferences=[("spread", "node.labels.zone")],
    platforms=[("x86_64", "linux")],
    container_labels={"inner": "yes"},
    hostname="inside",
    init=True,
    mounts=["py-data:/data:rw"],
    networks=[types.NetworkAttachmentConfig(target="py-spec", aliases=["alias"])],
    secrets=[types.SecretReference(secret.id, "py-spec-secret", filename="key", uid="0", gid="0", mode=0o400)],
    configs=[types.ConfigReference(config_id, "py-spec-config", filename="/etc/site.conf")],
    user="web",
    workdir="/tmp",
    groups=["2000"],
    read_only=True,
    stop_signal="SIGKILL",
    healthcheck=types.Healthcheck(test=["CMD", "true"], interval=10**9, retries=3),
    hosts={"elsewhere": "10.1.2.3"},
    dns_config=types.DNSConfig(nameservers=["10.9.9.9"], search=["example.test"], options=["ndots:2"]),
    cap_add=["CAP_NET_ADMIN"],
    cap_drop=["CAP_CHOWN"],
    log_driver="json-file",
    log_driver_options={"max-size": "1m"},
    resources=types.Resources(cpu_limit=5 * 10**8, mem_limit=32 * 2**20, mem_reservation=4 * 2**20),
    tty=False,
    open_stdin=False,
)
task = running(service, 1)[0]
template = client.services.get("py-spec").attrs["Spec"]["TaskTemplate"]
container = template["ContainerSpec"]
assert container["Command"] == ["sh", "-c"] and container["Args"] == ["sleep 1000"]
assert template["Placement"]["Constraints"] == ["node.role == worker"], template["Placement"]
assert template["Placement"]["Preferences"] == [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}]
assert template["Placement"]["Platforms"] == [{"Architecture": "x86_64", "OS": "linux"}]
assert container["Labels"] == {"inner": "yes"} and container["Init"] is True
assert container["Mounts"] == [{"Type": "volume", "Source": "py-data", "Target": "/data"}], container["Mounts"]
assert container["Hosts"] == ["10.1.2.3 elsewhere"]
assert container["DNSConfig"] == {"Nameservers": ["10.9.9.9"], "Search": ["example.test"], "Options": ["ndots:2"]}
assert container["CapabilityAdd"] == ["CAP_NET_ADMIN"] and container["CapabilityDrop"] == ["CAP_CHOWN"]
assert container["Healthcheck"] == {"Test": ["CMD", "true"], "Interval": 10**9, "Retries": 3}
assert container["Secrets"][0]["File"] == {"Name": "key", "UID": "0", "GID": "0", "Mode": 0o400}
assert container["Configs"][0]["File"]["Name"] == "/etc/site.conf"
assert template["LogDriver"] == {"Name": "json-file", "Options": {"max-size": "1m"}}
assert template["Resources"]["Limits"] == {"NanoCPUs": 5 * 10**8, "MemoryBytes": 32 * 2**20}
assert template["Networks"] == [{"Target": network.id, "Aliases": ["alias"]}], template["Networks"]

# In the container, by exec on the node where it runs.
inside = worker().containers.get(task["Status"]["ContainerStatus"]["ContainerID"])
script = "hostname; id -u; pwd; cat /etc/site.conf; echo; grep elsewhere /etc/hosts; touch /tmp/x; stat -c %a /run/secrets/key"
code, output = inside.exec_run(["sh", "-c", script], demux=True)
out, err = output
assert out.decode().split("\n")[:4] == ["inside", "1000", "/tmp", "site"], out
assert b"10.1.2.3" in out and b"\n400\n" in out, out
assert b"Read-only file system" in err, err

refused(400, "in use", client.secrets.get(secret.id).remove)
refused(400, "in use", client.configs.get(config_id).remove)
service.remove()
eventually("the network can go", network.remove)
assert client.secrets.get(secret.id).remove() is True
client.configs.get(config_id).remove()
