import type { CaConfig } from "../../gen/skep/CaConfig.ts";
import type { Cluster } from "../../gen/skep/Cluster.ts";
import type { ClusterSpec } from "../../gen/skep/ClusterSpec.ts";
import type { ExternalCa } from "../../gen/skep/ExternalCa.ts";
import { clusterSettingsOf } from "../../model/defaults.ts";
import type { TlsInfoJson } from "../wire/node.ts";
import type { ExternalCaJson, SwarmJson, SwarmSpecJson } from "../wire/swarm.ts";
import { annotationsJson, driverJson, objectJson, readAnnotations, readDriver } from "./common.ts";
import { JsonObject } from "./json-object.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { readDurationOrUnset } from "./time.ts";

/** Docker's swarm without its join tokens, as /info shows it. */
export function clusterInfoJson(
  cluster: Cluster,
  tlsInfo: TlsInfoJson,
): Omit<SwarmJson, "JoinTokens"> {
  const { networkDefaults, rootCa } = cluster;
  return {
    ...objectJson(cluster.id, cluster.meta),
    Spec: clusterSpecJson(cluster.spec),
    TLSInfo: {
      ...tlsInfo,
      ...omitEmpty({ TrustRoot: Buffer.from(rootCa?.caCert ?? []).toString("utf8") }),
    },
    RootRotationInProgress: (rootCa?.rotation ?? null) !== null,
    DefaultAddrPool: networkDefaults?.addressPools ?? [],
    SubnetSize: networkDefaults?.subnetSize ?? 0,
    DataPathPort: networkDefaults?.vxlanPort ?? 0,
  };
}

/** Docker's swarm. */
export function clusterJson(cluster: Cluster, tlsInfo: TlsInfoJson): SwarmJson {
  const tokens = cluster.rootCa?.joinTokens;
  return {
    ...clusterInfoJson(cluster, tlsInfo),
    JoinTokens: { Worker: tokens?.worker ?? "", Manager: tokens?.manager ?? "" },
  };
}

/** Docker's swarm Spec, with the values in force where nothing is set. Never the signing key. */
export function clusterSpecJson(spec: ClusterSpec | null): SwarmSpecJson {
  const annotations = annotationsJson(spec?.annotations ?? null);
  const settings = clusterSettingsOf({ spec });
  const raft = spec?.raft;
  return {
    Name: annotations.Name === "" ? "default" : annotations.Name,
    Labels: annotations.Labels,
    Orchestration: { TaskHistoryRetentionLimit: settings.taskHistoryLimit },
    Raft: {
      SnapshotInterval: raft?.snapshotInterval || raftDefaults.snapshotInterval,
      KeepOldSnapshots: raft?.keepOldSnapshots ?? 0,
      LogEntriesForSlowFollowers:
        raft?.logEntriesForSlowFollowers || raftDefaults.logEntriesForSlowFollowers,
      ElectionTick: raft?.electionTick || raftDefaults.electionTick,
      HeartbeatTick: raft?.heartbeatTick || raftDefaults.heartbeatTick,
    },
    Dispatcher: { HeartbeatPeriod: settings.heartbeatPeriodMs * 1e6 },
    CAConfig: {
      NodeCertExpiry: settings.nodeCertExpiryMs * 1e6,
      ...omitEmpty({
        SigningCACert: Buffer.from(spec?.ca?.signingCaCert ?? []).toString("utf8"),
        ForceRotate: spec?.ca?.forceRotate ?? 0,
        ExternalCAs: (spec?.ca?.externalCas ?? []).map(externalCaJson),
      }),
    },
    TaskDefaults: omitUndefined({ LogDriver: driverJson(spec?.taskDefaults?.logDriver ?? null) }),
    EncryptionConfig: { AutoLockManagers: spec?.encryption?.autoLockManagers ?? false },
  };
}

// As Docker shows them for a new swarm; the ticks are counted in units of raft's own clock.
const raftDefaults = {
  snapshotInterval: 10_000,
  logEntriesForSlowFollowers: 500,
  electionTick: 10,
  heartbeatTick: 1,
};

/** 400 naming the field that is wrong. Absent parts are null. */
export function readClusterSpec(body: unknown): ClusterSpec {
  const object = new JsonObject(body);
  const orchestration = object.object("Orchestration");
  const raft = object.object("Raft");
  const dispatcher = object.object("Dispatcher");
  const defaults = object.object("TaskDefaults");
  const encryption = object.object("EncryptionConfig");
  const limit = orchestration?.optionalInteger("TaskHistoryRetentionLimit", {
    min: Number.MIN_SAFE_INTEGER,
  });
  const { labels, name } = readAnnotations(object);
  return {
    annotations: { name: name === "" ? "default" : name, labels },
    orchestration: limit === undefined ? null : { taskHistoryRetentionLimit: limit },
    raft: raft === undefined ? null : readRaft(raft),
    dispatcher:
      dispatcher === undefined
        ? null
        : { heartbeatPeriod: readDurationOrUnset(dispatcher, "HeartbeatPeriod") },
    ca: readCa(object.object("CAConfig")),
    encryption:
      encryption === undefined ? null : { autoLockManagers: encryption.flag("AutoLockManagers") },
    taskDefaults: defaults === undefined ? null : { logDriver: readDriver(defaults, "LogDriver") },
  };
}

function readRaft(raft: JsonObject): NonNullable<ClusterSpec["raft"]> {
  const ticks = { max: 0xffffffff };
  return {
    snapshotInterval: raft.integer("SnapshotInterval"),
    keepOldSnapshots: raft.integer("KeepOldSnapshots"),
    logEntriesForSlowFollowers: raft.integer("LogEntriesForSlowFollowers"),
    heartbeatTick: raft.integer("HeartbeatTick", ticks),
    electionTick: raft.integer("ElectionTick", ticks),
  };
}

function readCa(object: JsonObject | undefined): CaConfig | null {
  if (object === undefined) return null;
  return {
    nodeCertExpiry: readDurationOrUnset(object, "NodeCertExpiry"),
    signingCaCert: Buffer.from(object.text("SigningCACert"), "utf8"),
    signingCaKey: Buffer.from(object.text("SigningCAKey"), "utf8"),
    forceRotate: object.integer("ForceRotate"),
    externalCas: object.list("ExternalCAs", readExternalCa),
  };
}

function readExternalCa(value: unknown): ExternalCa {
  const object = new JsonObject(value);
  return {
    protocol: object.text("Protocol"),
    url: object.text("URL"),
    options: object.textMap("Options"),
    caCert: Buffer.from(object.text("CACert"), "utf8"),
  };
}

function externalCaJson({ protocol, url, options, caCert }: ExternalCa): ExternalCaJson {
  return { Protocol: protocol, URL: url, Options: options, CACert: caCert.toString() };
}
