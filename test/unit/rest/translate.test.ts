import assert from "node:assert/strict";
import fc from "fast-check";
import { elapsedInWords } from "../../../src/base/elapsed.ts";
import type { Config } from "../../../src/gen/skep/Config.ts";
import type { ServiceSpec, ServiceSpecInput } from "../../../src/gen/skep/ServiceSpec.ts";
import type { TaskSpecInput } from "../../../src/gen/skep/TaskSpec.ts";
import { clusterSpecJson, readClusterSpec } from "../../../src/rest/translate/cluster.ts";
import { configJson, readConfigSpec } from "../../../src/rest/translate/config.ts";
import { JsonObject } from "../../../src/rest/translate/json-object.ts";
import { networkJson, readNetworkSpec } from "../../../src/rest/translate/network.ts";
import { nodeSpecJson, readNodeSpec } from "../../../src/rest/translate/node.ts";
import { readServiceSpec, serviceSpecJson } from "../../../src/rest/translate/service-spec.ts";
import { taskJson } from "../../../src/rest/translate/task.ts";
import { timestampJson } from "../../../src/rest/translate/time.ts";
import { aNetwork, aServiceSpec, aTask } from "../../support/builders.ts";

const text = fc.string({ maxLength: 6 });
const texts = fc.array(text, { maxLength: 3 });
const textMap = fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), text, { maxKeys: 3 });
const count = fc.nat();
const flag = fc.boolean();
const word = <T extends string>(...words: T[]) => fc.constantFrom(...words);
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

// Up to 100 days: nanoseconds are exact in a double.
const duration = fc.record({
  seconds: fc.nat(8_640_000),
  nanos: fc.nat(999_999_999),
});
// Where 0 means "not set".
const setDuration = duration.map((d) => ({ ...d, seconds: d.seconds + 1 }));
const driver = fc.record({ name: text, options: textMap });
const file = fc.record({ name: text, uid: text, gid: text, mode: fc.nat(0o7777) });
const resources = fc.record({
  nanoCpus: count,
  memoryBytes: fc.maxSafeNat(),
  pids: count,
  generic: fc.array(
    fc.oneof(
      fc.record({ named: fc.record({ kind: text, value: text }) }),
      fc.record({ discrete: fc.record({ kind: text, value: count }) }),
    ),
    { maxLength: 2 },
  ),
});
const mount = fc.record({
  type: word("BIND", "VOLUME", "TMPFS", "CLUSTER_VOLUME", "NPIPE", "IMAGE_MOUNT"),
  source: text,
  target: text,
  readOnly: flag,
  consistency: text,
  bind: orNull(fc.record({ propagation: text, nonRecursive: flag, createMountpoint: flag })),
  volume: orNull(
    fc.record({
      noCopy: flag,
      labels: textMap,
      driver: text,
      driverOptions: textMap,
      subpath: text,
    }),
  ),
  tmpfs: orNull(fc.record({ sizeBytes: count, mode: count })),
});
const health = fc.record({
  test: texts,
  interval: orNull(setDuration),
  timeout: orNull(setDuration),
  retries: count,
  startPeriod: orNull(setDuration),
  startInterval: orNull(setDuration),
});
const container = fc.record({
  image: text,
  labels: textMap,
  command: texts,
  args: texts,
  hostname: text,
  env: texts,
  dir: text,
  user: text,
  groups: texts,
  tty: flag,
  openStdin: flag,
  readOnly: flag,
  stopSignal: text,
  stopGracePeriod: orNull(duration),
  healthcheck: orNull(health),
  mounts: fc.array(mount, { maxLength: 2 }),
  secrets: fc.array(fc.record({ secretId: text, secretName: text, file: orNull(file) }), {
    maxLength: 2,
  }),
  configs: fc.array(
    fc.record({ configId: text, configName: text, file: orNull(file), runtime: flag }),
    { maxLength: 2 },
  ),
  hosts: texts,
  dns: orNull(fc.record({ nameservers: texts, search: texts, options: texts })),
  init: word("", "true", "false"),
  sysctls: textMap,
  capabilityAdd: texts,
  capabilityDrop: texts,
  ulimits: fc.array(fc.record({ name: text, soft: fc.integer({ min: -1 }), hard: count }), {
    maxLength: 2,
  }),
  oomScoreAdj: fc.integer({ min: -1000, max: 1000 }),
  isolation: text,
});
const task: fc.Arbitrary<TaskSpecInput> = fc.record({
  container: orNull(container),
  resources: orNull(fc.record({ limits: orNull(resources), reservations: orNull(resources) })),
  restart: orNull(
    fc.record({
      condition: word("RESTART_ANY", "RESTART_NONE", "RESTART_ON_FAILURE"),
      delay: orNull(duration),
      maxAttempts: count,
      window: orNull(duration),
    }),
  ),
  placement: orNull(
    fc.record({
      constraints: texts,
      preferences: fc.array(fc.record({ spread: fc.record({ descriptor: text }) }), {
        maxLength: 2,
      }),
      platforms: fc.array(fc.record({ architecture: text, os: text }), { maxLength: 2 }),
      maxReplicasPerNode: count,
    }),
  ),
  logDriver: orNull(driver),
  networks: fc.array(fc.record({ target: text, aliases: texts, driverOptions: textMap }), {
    maxLength: 2,
  }),
  forceUpdate: count,
});
const update = fc.record({
  parallelism: count,
  delay: orNull(duration),
  failureAction: word("PAUSE_UPDATE", "CONTINUE_UPDATE", "ROLLBACK_UPDATE"),
  monitor: orNull(setDuration),
  maxFailureRatio: fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs),
  order: word("STOP_FIRST", "START_FIRST"),
});
const port = fc.record({
  name: text,
  protocol: word("TCP", "UDP", "SCTP"),
  targetPort: fc.nat(65535),
  publishedPort: fc.nat(65535),
  publishMode: word("INGRESS", "HOST"),
});
const mode: fc.Arbitrary<ServiceSpecInput> = fc.oneof(
  fc.record({ replicated: fc.record({ replicas: count }) }),
  fc.constant({ global: {} }),
  fc.record({ replicatedJob: fc.record({ maxConcurrent: count, totalCompletions: count }) }),
  fc.constant({ globalJob: {} }),
);
const serviceSpec: fc.Arbitrary<ServiceSpec> = fc
  .tuple(
    fc.record({
      annotations: fc.record({ name: text, labels: textMap }),
      task,
      update: orNull(update),
      rollback: orNull(update),
      endpoint: orNull(
        fc.record({ mode: word("VIP", "DNSRR"), ports: fc.array(port, { maxLength: 2 }) }),
      ),
    }),
    mode,
  )
  .map(([spec, chosen]) => aServiceSpec({ ...spec, ...chosen }));

/** As it comes back over HTTP. */
function sent(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json));
}

// Maps decoded from the wire have no prototype of interest: compare plain values.
function plain(value: unknown): unknown {
  return structuredClone(value);
}

describe("rest translation", () => {
  it("brings every service spec back as it was", () => {
    fc.assert(
      fc.property(serviceSpec, (spec) => {
        const back = readServiceSpec(sent(serviceSpecJson(spec)));
        assert.deepEqual(plain(back), plain(spec));
      }),
      { numRuns: 150 },
    );
  });

  it("refuses or reads any JSON, and never fails otherwise", () => {
    const key = fc.constantFrom("TaskTemplate", "ContainerSpec", "Mode", "Mounts", "Name", "Env");
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        fc.oneof(text, fc.integer(), flag, fc.constant(null)),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (body) => {
        try {
          const spec = readServiceSpec(body);
          assert.deepEqual(plain(readServiceSpec(sent(serviceSpecJson(spec)))), plain(spec));
        } catch (error) {
          assert.ok(error instanceof Error && error.name === "HttpError", String(error));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("brings node, config and network specs back", () => {
    const annotations = fc.record({ name: text, labels: textMap });
    const node = fc.record({
      annotations,
      desiredRole: word("WORKER", "MANAGER"),
      availability: word("ACTIVE", "PAUSE", "DRAIN"),
    });
    fc.assert(
      fc.property(node, (spec) => {
        assert.deepEqual(plain(readNodeSpec(sent(nodeSpecJson(spec)))), plain(spec));
      }),
    );
    const configSpec = fc.record({
      annotations,
      data: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      templating: orNull(driver),
    });
    fc.assert(
      fc.property(configSpec, (spec) => {
        const config: Config = { id: "x", meta: null, spec };
        const back = readConfigSpec(sent(configJson(config).Spec));
        assert.deepEqual(plain(back), plain(spec));
      }),
    );
    const network = aNetwork({
      spec: { annotations: { name: "n", labels: { a: "b" } }, internal: true },
    });
    const back = readNetworkSpec(new JsonObject(sent(networkJson({ ...network, vni: 0 }))));
    assert.equal(back.annotations?.name, "n");
    assert.equal(back.internal, true);
    assert.deepEqual(back.ipam?.configs[0]?.subnet, "10.0.1.0/24");
  });

  it("is stable for cluster specs", () => {
    const body = { Raft: { SnapshotInterval: 5 }, CAConfig: { NodeCertExpiry: 3.6e12 } };
    const once = clusterSpecJson(readClusterSpec(body));
    assert.equal(once.CAConfig.NodeCertExpiry, 3.6e12);
    assert.equal(once.Raft.SnapshotInterval, 5);
    assert.deepEqual(clusterSpecJson(readClusterSpec(sent(once))), once);
    const ca = { Protocol: "cfssl", URL: "https://ca/sign", Options: { a: "b" }, CACert: "PEM" };
    const external = readClusterSpec({ CAConfig: { ExternalCAs: [ca] } });
    assert.deepEqual(clusterSpecJson(external).CAConfig.ExternalCAs, [ca]);
  });

  it("gives tasks their networks and states", () => {
    const network = aNetwork();
    const task = aTask({ networks: [{ networkId: "network1", addresses: ["10.0.1.5/24"] }] });
    const json = taskJson(task, new Map([[network.id, network]]));
    assert.equal(json.Status.State, "running");
    assert.equal(json.DesiredState, "running");
    assert.deepEqual(json.NetworksAttachments?.[0]?.Addresses, ["10.0.1.5/24"]);
    assert.equal(json.NetworksAttachments?.[0]?.Network.Spec.Name, "backend");
    assert.equal(taskJson(task, new Map()).NetworksAttachments, undefined);
  });

  it("takes field names in any case, ignores unknown ones and null", () => {
    const spec = readServiceSpec({ name: "a", tasktemplate: null, Nonsense: [1], Labels: null });
    assert.equal(spec.annotations?.name, "a");
    assert.deepEqual(spec.replicated, { replicas: 1 });
  });

  const times = [
    { given: null, want: "0001-01-01T00:00:00Z" },
    { given: { seconds: 1_700_000_000, nanos: 0 }, want: "2023-11-14T22:13:20Z" },
    { given: { seconds: 1_700_000_000, nanos: 5 }, want: "2023-11-14T22:13:20.000000005Z" },
    { given: { seconds: 1_700_000_000, nanos: 120_000_000 }, want: "2023-11-14T22:13:20.12Z" },
  ];
  for (const { given, want } of times) {
    it(`writes ${want}`, () => assert.equal(timestampJson(given), want));
  }

  const lengths: [number, string][] = [
    [0, "Less than a second"],
    [1500, "1 second"],
    [59_000, "59 seconds"],
    [65_000, "About a minute"],
    [600_000, "10 minutes"],
    [3_600_000, "About an hour"],
    [7_200_000, "2 hours"],
    [3 * 86_400_000, "3 days"],
    [21 * 86_400_000, "3 weeks"],
    [120 * 86_400_000, "4 months"],
    [1000 * 86_400_000, "2 years"],
  ];
  for (const [ms, want] of lengths) {
    it(`says ${want}`, () => assert.equal(elapsedInWords(ms), want));
  }
});
