import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import { silentLogger } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { KeyFile } from "../../src/ca/key-file.ts";
import { newUnlockKey } from "../../src/ca/unlock-key.ts";
import { KeyVault } from "../../src/daemon/key-vault.ts";
import { openRaftDisk } from "../../src/daemon/raft-disk.ts";
import { StateDir } from "../../src/daemon/state-dir.ts";
import { boot } from "../../src/raft/node/boot.ts";
import type { TlsIdentity } from "../../src/rpc/credentials.ts";
import { AssignmentStore } from "../../src/worker/agent/assignment-store.ts";
import { CaFixture } from "./ca-fixtures.ts";

/** Of folders that are locked. */
export const unlockKeyOfFolder = newUnlockKey(systemRandom);

/** What a daemon finds in its folder. */
export interface Opened {
  readonly identity: object;
  readonly raftId: number;
  readonly entries: string[];
  readonly state: string;
  readonly tasks: number;
}

/** What was written into a folder. */
const written = new Map<string, Opened>();

export function wanted(root: string): Opened {
  return must(written.get(root), "a folder that was built");
}

/** As a daemon makes and leaves it: 40 entries, a snapshot of the first 20, the log compacted to 15. */
export async function buildStateFolder(
  root: string,
  nodeId: string,
  lockedBy: string,
): Promise<void> {
  const dir = new StateDir(root);
  await dir.prepare();
  const clusterId = "cluster1";
  const [listenAddress, advertiseAddress] = ["0.0.0.0:2377", "10.0.0.1:2377"];
  await dir.writeMember({
    ...{ formatVersion: 1, nodeId, clusterId, listenAddress, advertiseAddress },
    ...{ dataPathAddress: "10.0.0.1", raftId: 77, managers: ["10.0.0.1:2377"] },
  });
  const identity = new CaFixture(Date.now()).identity(nodeId, "manager");
  await new KeyFile(dir.certificates).save(identity);
  const vault = vaultOf(dir);
  await vault.open({ nodeId, clusterId });
  let { storage, snapshots } = await openRaftDisk(dir.raft, { vault, log: silentLogger });
  const data = (index: number): Buffer => Buffer.from(`${nodeId} entry ${index}`);
  for (let index = 1; index <= 40; index += 1) {
    if (index === 30) {
      // What is there by now goes from LevelDB's log to a table.
      await storage.close();
      ({ storage, snapshots } = await openRaftDisk(dir.raft, { vault, log: silentLogger }));
    }
    const hardState = { term: 2, vote: 77, commit: index };
    const entry = { index, term: 2, type: "normal" as const, data: data(index) };
    await storage.write({ entries: [entry], hardState, sync: true });
  }
  const confState = { voters: [77], learners: [], votersOutgoing: [], learnersNext: [] };
  const members = [{ raftId: 77, nodeId, address: advertiseAddress }];
  const info = { index: 20, term: 2, confState: { ...confState, autoLeave: false }, members };
  const state = `state of ${nodeId} `.repeat(50);
  await snapshots.save(
    info,
    (async function* () {
      yield Buffer.from(state);
    })(),
  );
  await storage.compact(15);
  await storage.close();
  if (lockedBy !== "") await vault.setUnlockKey(lockedBy, 3);
  const tasks = await AssignmentStore.open(join(dir.worker, "tasks"));
  await tasks.saveStatus("task1", { state: "RUNNING" } as never);
  await tasks.close();
  const entries = Array.from({ length: 25 }, (_, at) => data(16 + at).toString());
  written.set(root, { identity: plainOf(identity), raftId: 77, entries, state, tasks: 1 });
}

function vaultOf(dir: StateDir): KeyVault {
  return new KeyVault({ certificates: dir.certificates, raftLog: dir.raftLog }, systemRandom);
}

/** What a daemon reads when it starts, in its order; the error that it ends in state "error" with. */
export async function openStateFolder(root: string): Promise<Opened | Error> {
  const dir = new StateDir(root);
  try {
    const member = must(await dir.readMember(), "a member");
    const vault = vaultOf(dir);
    await vault.open(member);
    if (vault.isLocked) await vault.unlock(unlockKeyOfFolder);
    const identity = await vault.loadIdentity();
    const { storage, snapshots } = await openRaftDisk(dir.raft, { vault, log: silentLogger });
    let state = "";
    try {
      const stateMachine = {
        apply: () => undefined,
        snapshot: () => (async function* () {})(),
        async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
          for await (const chunk of chunks) state += Buffer.from(chunk).toString();
        },
      };
      const self = { raftId: 77, nodeId: "node1", address: "10.0.0.1:2377" };
      const { mirror } = await boot(
        { self, bootstrap: false, forceNewCluster: false },
        { storage, snapshots, stateMachine, log: silentLogger },
      );
      const found = mirror.entries(mirror.firstIndex(), mirror.lastIndex() + 1, 1e9) ?? [];
      const entries = found.map((entry) => Buffer.from(entry.data).toString());
      const tasks = await AssignmentStore.open(join(dir.worker, "tasks"));
      const { statuses } = await tasks.load();
      await tasks.close();
      return {
        identity: plainOf(identity),
        raftId: member.raftId,
        entries,
        state,
        tasks: statuses.size,
      };
    } finally {
      await storage.close();
    }
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** What its PEM texts say: white space in them does not matter. */
function plainOf({ certificatePem, rootCaPem, privateKeyPem, ...rest }: TlsIdentity): object {
  return {
    ...rest,
    certificate: new X509Certificate(certificatePem).fingerprint256,
    root: new X509Certificate(rootCaPem).fingerprint256,
    key: createPrivateKey(privateKeyPem).export({ type: "pkcs8", format: "pem" }),
  };
}
