import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { must } from "../../src/base/assert.ts";
import type { NodeJson } from "../../src/rest/wire/node.ts";
import type { SwarmJson } from "../../src/rest/wire/swarm.ts";
import { wordsOf } from "../support/command-steps.ts";
import { docker, getJson, TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { webImage } from "../support/web-image.ts";

const hasDocker = spawnSync("docker", ["--version"]).status === 0;
const title = hasDocker ? "" : " (skipped: no docker binary on this machine)";

type Case = readonly [flags: string, want: RegExp];

/** What the stock CLI sends on without a look, one a field of the API; the daemon names the option and the way out. */
const serviceCases: readonly Case[] = [
  ["--name no/name", /service name "no\/name": use letters/],
  ["--label skep.rebalance=often", /rebalance "often" \(label .*\): use auto or manual/],
  ["--mode global --label skep.rebalance=auto", /only a replicated service can be rebalanced/],
  ["--limit-pids 99999999999", /limit-pids: 99999999999 is not a whole number from 0 to 4194304/],
  ["--user 'a b'", /user "a b": write it as user\[:group\]/],
  ["--group 'a b'", /group "a b": give a name or number/],
  ["--hostname 'a b'", /hostname "a b": use letters/],
  ["--hostname {{.Nope}}", /placeholders in.*use \.Service/],
  ["--workdir tmp", /workdir "tmp": it must be an absolute path/],
  ["--stop-signal SIGNOPE", /stop-signal "SIGNOPE": give a name or number/],
  ["--stop-grace-period -5s", /--stop-grace-period .*: -5s is negative/],
  [
    "--oom-score-adj 5000",
    /--oom-score-adj \(.*OomScoreAdj\): 5000 is not a whole number from -1000 to 1000/,
  ],
  ["--cap-add FLY", /capability "CAP_FLY": give the name of one/],
  ["--cap-drop FLY", /capability "CAP_FLY": give the name of one/],
  ["--sysctl vm.swappiness=1", /sysctl "vm\.swappiness": it is a setting of the whole node/],
  ["--sysctl swap", /sysctl "swap": write it as/],
  ["--dns-option 'two words'", /dns-option "two words": write one option/],
  ["--mount type=volume,dst=relative", /target must be an absolute path|invalid mount target/],
  ["--mount type=bind,src=/a,dst=/", /the target cannot be \//],
  ["--mount 'type=volume,src=a b,dst=/x'", /use letters, digits/],
  ["--mount type=volume,dst=/x --mount type=tmpfs,dst=/x", /two mounts have this target/],
  [
    "--health-cmd true --health-retries -1",
    /--health-retries \(.*\): -1 is not a whole number from 0/,
  ],
  ["--health-cmd true --health-timeout 5us", /health-timeout: it must be 0.*or at least 1 ms/],
  ["--limit-cpu 0.0001", /limit-cpu: 0\.0001 is too little: give at least 0\.001/],
  ["--limit-memory 1k", /limit-memory: 1024 bytes is too little: give at least 4 MiB/],
  ["--limit-pids -5", /limit-pids: -5 is not a whole number from 0/],
  ["--reserve-cpu 0.0001", /reserve-cpu: 0\.0001 is too little/],
  ["--reserve-memory 1k", /reserve-memory: 1024 bytes is too little/],
  ["--generic-resource gpu=0", /generic-resource "gpu": 0 is not a whole number from 1/],
  ["--restart-condition maybe", /--restart-condition .*: "maybe" is not one of .*on-failure/],
  ["--restart-delay -1s", /--restart-delay .*: -1s is negative/],
  ["--restart-window -1s", /--restart-window .*: -1s is negative/],
  ["--constraint node.role", /placement constraint "node\.role": write it as key==value/],
  ["--constraint node.nope==a", /node\.nope/],
  ["--placement-pref spread=zone", /placement-pref "zone": write it as spread=node\.labels/],
  ["--replicas 2000000", /replicas: 2000000 is not a whole number from 0 to 1000000/],
  ["--network nosuch", /network nosuch not found/],
  ["--network ingress", /cannot be explicitly attached to the ingress network/],
  ["--endpoint-mode magic", /--endpoint-mode .*: "magic" is not one of vip, dnsrr/],
  [
    "--endpoint-mode dnsrr -p 8081:80",
    /publish 8081:80\/tcp: endpoint-mode dnsrr has no virtual IP/,
  ],
  ["-p 8081:80 -p 8081:81", /publish 8081\/tcp: this port is published twice/],
  [
    "--update-order any",
    /--update-order \(UpdateConfig\.Order\): "any" is not one of stop-first, start-first/,
  ],
  ["--update-failure-action panic", /--update-failure-action .*: "panic" is not one of/],
  ["--update-max-failure-ratio 2", /update-max-failure-ratio: give a number from 0 to 1/],
  ["--update-delay -1s", /--update-delay .*: -1s is negative/],
  ["--update-monitor -1s", /--update-monitor .*: -1s is negative/],
  ["--rollback-order any", /--rollback-order .*: "any" is not one of/],
  ["--rollback-failure-action rollback", /rollback-failure-action: a rollback cannot be rolled/],
  ["--rollback-max-failure-ratio -1", /rollback-max-failure-ratio: give a number from 0 to 1/],
  ["--label skep.schedule=@daily", /label skep\.schedule\): only a replicated-job or global-job/],
];

/** Whole command lines; "@node@" stands for the manager's id. */
const otherCases: readonly Case[] = [
  ["service update -d --image UPPER::x web", /image "UPPER::x": a tag has up to 128/],
  ["service update -d --user a:b:c web", /user "a:b:c": write it as user/],
  ["service update -d --network-add nosuch web", /network nosuch not found/],
  ["service update -d --stop-signal 99 web", /stop-signal "99": give a name or number/],
  ["service update -d nosuch", /service nosuch not found/],
  ["service scale -d web=2000000", /replicas: 2000000 is not a whole number from 0 to 1000000/],
  ["swarm update --cert-expiry 1m", /cert-expiry: give at least 1h/],
  ["swarm update --dispatcher-heartbeat 1ms", /dispatcher-heartbeat: give at least 1s/],
  ["node update --role boss @node@", /--role .*: "boss" is not one of|[Ii]nvalid.*[Rr]ole/],
  ["node update --availability away @node@", /--availability .*: "away" is not one of/],
  ["network create -d overlay --subnet 10.0.0.0/31 n1", /subnet 10\.0\.0\.0\/31: it is too small/],
  ["network create -d magic n1", /driver .*magic.*(use|not)/],
  ["network create -d overlay --ipv6 n1", /network ipv6: overlay networks have IPv4 only/],
  ["network create -d overlay --opt encrypted n1", /opt encrypted: .*not encrypted: leave it out/],
  ["network create -d overlay no/name", /network name "no\/name": use letters/],
  ["secret create no/name /etc/hostname", /secret name "no\/name": use letters/],
  ["secret create --template-driver jinja s1 /etc/hostname", /"jinja": use golang/],
  ["config create no/name /etc/hostname", /config name "no\/name": use letters/],
  ["config create --template-driver jinja c1 /etc/hostname", /"jinja": use golang/],
  ["volume create no/name", /no\/name/],
  ["volume create -d magic v1", /magic/],
];

/** On a daemon in no swarm, which stays in none. */
const swarmCases: readonly Case[] = [
  ["swarm init --advertise-addr 300.1.1.1", /advertise/i],
  ["swarm init --advertise-addr nosuchlink0", /nosuchlink0/],
  ["swarm init --listen-addr nosuchlink0", /nosuchlink0/],
  ["swarm init --data-path-addr nosuchlink0", /nosuchlink0/],
  ["swarm init --data-path-port 80", /data path port 80 is out of range.*1024 and 49151/],
  ["swarm init --cert-expiry 1m", /cert-expiry: give at least 1h/],
  ["swarm init --dispatcher-heartbeat 1ms", /dispatcher-heartbeat: give at least 1s/],
  [
    "swarm init --default-addr-pool-mask-length 33",
    /--default-addr-pool-mask-length .*: 33 is not a whole number/,
  ],
  ["swarm init --default-addr-pool 10.0.0.0/16 --default-addr-pool-mask-length 8", /does not fit/],
  ["swarm init --external-ca protocol=cfssl,url=http://x", /external-ca: http:\/\/x is not https/],
  ["swarm join --token hello 10.0.0.1:2377", /invalid join token/],
  ["swarm unlock", /is not (part of a swarm|locked)/],
];

describe(`wrong values that only the daemon can refuse${title}`, function () {
  this.timeout(40_000);
  let cluster: TestCluster;
  let nodeId = "";

  before(async function () {
    if (!hasDocker) this.skip();
    cluster = await TestCluster.create({ managers: 1, spares: 1, images: [webImage("1")] });
    const create = "service create -d --name web --no-resolve-image --replicas 0 skep-web:1";
    await docker(cluster.first, ...create.split(" "));
    nodeId = (await getJson<{ Swarm: { NodeID: string } }>(cluster.first, "/info")).Swarm.NodeID;
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  // The command fails with these words, and all is as it was.
  async function refused(daemon: TestDaemon, line: string, want: RegExp): Promise<void> {
    const words = wordsOf(line.replaceAll("@node@", nodeId));
    const { exitCode, stdout, stderr } = await daemon.docker(...words);
    const said = `docker ${line}: ${exitCode}: ${stdout}${stderr}`;
    assert.equal(exitCode, 1, said);
    assert.match(stderr, want, said);
  }

  async function everything(): Promise<unknown> {
    const { first } = cluster;
    const lists = ["/services", "/networks", "/secrets", "/configs"].map(async (path) => {
      const found = await getJson<{ ID?: string; Id?: string; Version?: unknown }[]>(first, path);
      return found.map(({ ID, Id, Version }) => [ID ?? Id, Version]);
    });
    const nodes = await getJson<NodeJson[]>(first, "/nodes");
    const { Spec } = await getJson<SwarmJson>(first, "/swarm");
    const volumes = await getJson<{ Volumes: unknown }>(first, "/volumes");
    return [await Promise.all(lists), nodes.map((node) => node.Spec), Spec, volumes.Volumes];
  }

  for (const [flags, want] of serviceCases) {
    it(`service create ${flags}`, async () => {
      const before = await everything();
      const create = "service create -d --no-resolve-image --replicas 0";
      const jobs = /--mode|--replicas /.test(flags) ? create.replace(" --replicas 0", "") : create;
      await refused(cluster.first, `${jobs} ${flags} skep-web:1`, want);
      assert.deepEqual(await everything(), before);
    });
  }
  for (const [line, want] of otherCases) {
    it(line, async () => {
      const before = await everything();
      await refused(cluster.first, line, want);
      assert.deepEqual(await everything(), before);
    });
  }
  for (const [line, want] of swarmCases) {
    it(`${line}, in no swarm`, async () => {
      const spare = must(cluster.spares[0], "a spare");
      await refused(spare, line, want);
      assert.match(await docker(spare, "info"), /Swarm: inactive/);
    });
  }

  it("leaves the one service there was", async () => {
    assert.match(await docker(cluster.first, "service", "ls", "-q"), /^\w{12}\n$/);
  });
});
