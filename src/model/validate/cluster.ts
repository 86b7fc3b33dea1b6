import { errorMessage } from "../../base/errors.ts";
import { parseSubnet, type Subnet, subnetsOverlap } from "../../base/ip.ts";
import type { ClusterSpec } from "../../gen/skep/ClusterSpec.ts";
import type { ExternalCa } from "../../gen/skep/ExternalCa.ts";
import { defaultAddressPools, defaultSubnetSize } from "../defaults.ts";
import { durationMs } from "../time.ts";
import { checkLabels } from "./annotations.ts";
import { checkInteger, invalid } from "./refuse.ts";

const heartbeatMinMs = 1_000;
const externalCasMax = 8;
const subnetSizeMax = 29;
const nodeCertExpiryMinMs = 3_600_000;

/** Checks the settings of the cluster; 0 and absent stand for the defaults. INVALID_ARGUMENT. */
export function validateClusterSpec(spec: ClusterSpec): void {
  checkLabels("cluster", spec.annotations);
  const heartbeatMs = durationMs(spec.dispatcher?.heartbeatPeriod, 0);
  if (heartbeatMs !== 0 && !(heartbeatMs >= heartbeatMinMs)) {
    throw invalid("dispatcher-heartbeat", "give at least 1s");
  }
  const expiryMs = durationMs(spec.ca?.nodeCertExpiry, 0);
  if (expiryMs !== 0 && !(expiryMs >= nodeCertExpiryMinMs)) {
    throw invalid("cert-expiry", "give at least 1h");
  }
  const hasCert = Buffer.byteLength(spec.ca?.signingCaCert ?? "") > 0;
  const hasKey = Buffer.byteLength(spec.ca?.signingCaKey ?? "") > 0;
  if (hasKey && !hasCert) throw invalid("ca-key", "a signing key needs its certificate (ca-cert)");
  checkExternalCas(spec.ca?.externalCas ?? []);
  const history = spec.orchestration?.taskHistoryRetentionLimit ?? 0;
  checkInteger("task-history-limit", history, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const raft = spec.raft;
  if (raft) {
    checkInteger("snapshot-interval", raft.snapshotInterval, 0, Number.MAX_SAFE_INTEGER);
    checkInteger("max-snapshots", raft.keepOldSnapshots, 0, Number.MAX_SAFE_INTEGER);
    if (raft.electionTick !== 0 && raft.electionTick <= raft.heartbeatTick) {
      throw invalid("raft election-tick", "it must be larger than heartbeat-tick");
    }
  }
}

/**
 * Checks the pools that networks are cut from and the size of each; no pool and 0 stand for the defaults. INVALID_ARGUMENT.
 * (Docker, swarm init: sizes up to /29, pools of at least that size that do not overlap.)
 */
export function validateAddressPools(pools: readonly string[], subnetSize: number): void {
  const flag = "default-addr-pool-mask-length";
  if (subnetSize !== 0) checkInteger(flag, subnetSize, 1, subnetSizeMax);
  const size = subnetSize || defaultSubnetSize;
  const read: Subnet[] = [];
  for (const text of pools.length === 0 ? defaultAddressPools : pools) {
    const pool = readPool(text);
    if (pool.prefix > size) {
      throw invalid(flag, `a subnet of /${size} does not fit into the pool ${text}: give more`);
    }
    if (read.some((other) => subnetsOverlap(other, pool))) {
      throw invalid(`default-addr-pool ${text}`, "it overlaps with another pool");
    }
    read.push(pool);
  }
}

function readPool(text: string): Subnet {
  try {
    return parseSubnet(text);
  } catch (error) {
    throw invalid("default-addr-pool", errorMessage(error), error);
  }
}

function checkExternalCas(list: readonly ExternalCa[]): void {
  if (list.length > externalCasMax) {
    throw invalid("external-ca", `at most ${externalCasMax} can be given`);
  }
  for (const { protocol, url } of list) {
    if (protocol !== "cfssl") {
      throw invalid("external-ca", `protocol "${protocol}" is not known; give cfssl`);
    }
    let parsed: URL;
    try {
      parsed = new URL(url);
    } catch (error) {
      throw invalid("external-ca", `"${url}" is no URL; give https://…`, error);
    }
    if (parsed.protocol !== "https:") {
      throw invalid("external-ca", `${url} is not https; certificates are asked for over TLS only`);
    }
  }
}
