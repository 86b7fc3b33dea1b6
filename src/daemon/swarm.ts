import { networkInterfaces } from "node:os";
import { sleep } from "../base/clock.ts";
import { ClusterError, errorMessage } from "../base/errors.ts";
import { splitHostPort } from "../base/ip.ts";
import { KeyFile } from "../ca/key-file.ts";
import { readBackup } from "../manager/backup.ts";
import { makeCluster } from "../manager/cluster-init.ts";
import { newRaftId } from "../manager/raft-membership.ts";
import { validateAddressPools, validateClusterSpec } from "../model/validate/cluster.ts";
import type { SwarmStateData } from "../rest/backend/node-info.ts";
import type { RestoredSwarm, RestoreSwarmOptions } from "../rest/backend/swarm-backup.ts";
import type { InitSwarmOptions, JoinSwarmOptions } from "../rest/backend.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import { chooseAddresses, defaultSwarmPort } from "./addresses.ts";
import { isTokenOfOwnCluster } from "./follow-managers.ts";
import { addressesAlone, checkWasManager } from "./force-new-cluster.ts";
import { lockedError, lockedLeaveError, lockedState, notStartedError } from "./locked.ts";
import { Member, type MemberDeps } from "./member.ts";
import { checkJoinToken, requestMembership, withSwarmPort } from "./request-membership.ts";
import { newMember, seedRaft } from "./restore.ts";
import type { MemberState } from "./state-dir.ts";

const joinWaitMs = 20_000;
const pollMs = 20;

/** Docker's words for a node that is in a swarm already. */
const alreadyMember =
  'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.';

/** Whether and how this daemon belongs to a cluster. One change at a time. */
export class Swarm {
  readonly #deps: MemberDeps;
  #member: Member | undefined;
  #error = "";
  #pending = false;
  /** Set while the member is being started. */
  #joining: MemberState | undefined;
  #busy = false;

  constructor(deps: MemberDeps) {
    this.#deps = deps;
  }

  /** Goes on as the member that the state folder says this node is. An error there leaves the daemon up, in state "error". */
  async resume(): Promise<void> {
    const { stateDir, log } = this.#deps;
    try {
      const state = await stateDir.readMember();
      if (state === undefined) return;
      this.#joining = state;
      await this.#deps.vault.open(state);
      this.#member = await Member.start(state, await this.#loadIdentity(), this.#deps);
    } catch (error) {
      this.#error = errorMessage(error);
      log.error({ err: error }, "this node cannot go on as a member of its swarm");
    }
  }

  member(): Member | undefined {
    return this.#member;
  }

  /** Where other nodes send this node's VXLAN traffic; "" while in no cluster. */
  dataPathAddress(): string {
    return this.#member?.state.dataPathAddress ?? this.#joining?.dataPathAddress ?? "";
  }

  state(): SwarmStateData {
    const member = this.#member;
    if (member === undefined) {
      const state = this.#error !== "" ? "error" : this.#pending ? "pending" : "inactive";
      return {
        state,
        manager: false,
        nodeId: "",
        nodeAddress: "",
        error: this.#error,
        remoteManagers: [],
      };
    }
    if (member.isLocked) return lockedState(member.state);
    const manager = member.manager() !== undefined;
    const active = manager || member.registered || !this.#pending;
    return {
      state: member.refusal !== "" ? "error" : active ? "active" : "pending",
      manager,
      nodeId: member.state.nodeId,
      nodeAddress: splitHostPort(member.state.advertiseAddress, defaultSwarmPort).host,
      error: member.refusal,
      remoteManagers: member.peers(),
    };
  }

  /** Makes a cluster with this node as its first manager; resolves with the node id. */
  async init(options: InitSwarmOptions): Promise<string> {
    return await this.#exclusively(async () => {
      if (options.forceNewCluster && this.#member?.isLocked === true) throw lockedError();
      if (options.forceNewCluster && (this.#member !== undefined || this.#error !== "")) {
        return await this.#goOnAlone(options);
      }
      this.#refuseMember();
      const addresses = this.#addresses(
        options.advertiseAddress,
        options.listenAddress,
        options.dataPathAddress,
      );
      validateAddressPools(options.addressPools, options.subnetSize);
      validateClusterSpec(options.spec);
      const { stateDir, clock, random } = this.#deps;
      const bootstrap = makeCluster(
        {
          address: addresses.advertiseAddress,
          availability: options.availability,
          spec: options.spec,
          addressPools: options.addressPools,
          subnetSize: options.subnetSize,
          vxlanPort: options.dataPathPort,
        },
        { random, nowMs: clock.now() },
      );
      const { identity, raftId } = bootstrap;
      const state: MemberState = {
        formatVersion: 1,
        nodeId: identity.nodeId,
        clusterId: identity.clusterId,
        ...addresses,
        raftId,
        managers: [addresses.advertiseAddress],
      };
      await this.#begin(
        state,
        () => new KeyFile(stateDir.certificates).save(identity),
        () => Member.start(state, identity, this.#deps, bootstrap),
      );
      return identity.nodeId;
    });
  }

  /** This manager forgets the others and goes on with what its log holds. */
  async #goOnAlone(options: InitSwarmOptions): Promise<string> {
    const { stateDir, random } = this.#deps;
    const state = this.#member?.state ?? (await stateDir.readMember());
    if (state === undefined) throw new ClusterError("UNAVAILABLE", alreadyMember);
    await this.#deps.vault.open(state);
    const identity = this.#member?.identity() ?? (await this.#loadIdentity());
    checkWasManager(state, identity);
    const { advertise, listen, dataPath } = addressesAlone(state, options);
    const alone: MemberState = {
      ...state,
      ...this.#addresses(advertise, listen, dataPath),
      // What the others send to the old id is refused from the first moment on.
      raftId: newRaftId(new Set([state.raftId]), random),
      takingOver: "force-new-cluster",
    };
    await this.#member?.stop();
    this.#member = undefined;
    try {
      await stateDir.writeMember({ ...alone, managers: [alone.advertiseAddress] });
      this.#joining = alone;
      this.#member = await Member.start(alone, identity, this.#deps);
      this.#error = "";
    } catch (error) {
      this.#error = errorMessage(error);
      throw error;
    }
    return state.nodeId;
  }

  /** Makes this node the one manager of the cluster that `file` is a backup of. Nothing is left of it when the file turns out to be damaged. */
  async restore(
    options: RestoreSwarmOptions,
    file: AsyncIterable<Uint8Array>,
  ): Promise<RestoredSwarm> {
    return await this.#exclusively(async () => {
      this.#refuseMember();
      const { advertiseAddress, listenAddress, dataPathAddress } = options;
      const addresses = this.#addresses(advertiseAddress, listenAddress, dataPathAddress);
      const backup = await readBackup(file, options.key);
      const { stateDir, vault } = this.#deps;
      const member = await newMember(backup, addresses, this.#deps);
      const { state, identity } = member;
      await stateDir.clearMember(); // what a restore left that ended half way
      vault.close();
      await this.#begin(
        state,
        async () => {
          await vault.open(state);
          await vault.saveIdentity(identity);
          await seedRaft(stateDir.raft, member, backup, this.#deps);
        },
        () => Member.start(state, identity, this.#deps),
      );
      const { clusterId, createdAt } = backup.metadata;
      this.#deps.log.warn({ clusterId, createdAt }, "restored a cluster from its backup");
      return { nodeId: state.nodeId, clusterId, backupCreatedAt: createdAt };
    });
  }

  async #loadIdentity(): Promise<TlsIdentity> {
    return await this.#deps.vault.loadIdentity();
  }

  /** Joins the cluster of one of the managers named. DEADLINE_EXCEEDED after 20 s: it goes on in the background. */
  async join(options: JoinSwarmOptions, signal: AbortSignal): Promise<void> {
    await this.#exclusively(async () => {
      const { joinToken, remoteAddresses } = options;
      const present = this.#member;
      if (present?.isCutOff && isTokenOfOwnCluster(present.identity(), joinToken)) {
        return await present.follow(remoteAddresses.map(withSwarmPort));
      }
      this.#refuseMember();
      checkJoinToken(joinToken);
      const addresses = this.#addresses(
        options.advertiseAddress,
        options.listenAddress,
        options.dataPathAddress,
      );
      const { stateDir, clock } = this.#deps;
      const identity = await requestMembership(options, clock, signal);
      const state: MemberState = {
        formatVersion: 1,
        nodeId: identity.nodeId,
        clusterId: identity.clusterId,
        ...addresses,
        raftId: 0,
        managers: remoteAddresses.map(withSwarmPort),
      };
      this.#pending = true;
      try {
        await this.#begin(
          state,
          () => new KeyFile(stateDir.certificates).save(identity),
          () => Member.start(state, identity, this.#deps),
        );
        const until = clock.monotonic() + joinWaitMs;
        while (this.#member?.registered !== true) {
          if (clock.monotonic() > until) {
            throw new ClusterError(
              "DEADLINE_EXCEEDED",
              'Timeout was reached before node joined. The attempt to join the swarm will continue in the background. Use the "docker info" command to see the current swarm status of your node.',
            );
          }
          await sleep(clock, pollMs);
        }
      } finally {
        this.#pending = false;
      }
    });
  }

  /** Leaves and forgets the cluster. FAILED_PRECONDITION on a manager without `force`. */
  async leave(force: boolean): Promise<void> {
    await this.#exclusively(async () => {
      const member = this.#member;
      if (member === undefined && this.#error === "") {
        throw new ClusterError("UNAVAILABLE", "This node is not part of a swarm");
      }
      if (member?.isLocked === true && !force) throw lockedLeaveError();
      const manager = member?.manager();
      if (manager !== undefined && !force) {
        throw new ClusterError("FAILED_PRECONDITION", leaveWarning(manager.peers().length));
      }
      // The others notice sooner when they are told; they must do without when they cannot be reached.
      await manager?.leaveRaft().catch((error: unknown) => {
        this.#deps.log.warn(
          { err: errorMessage(error) },
          "left without telling the other managers",
        );
      });
      await member?.leave();
      this.#member = undefined;
      this.#error = "";
      await this.#deps.stateDir.clearMember();
      this.#deps.vault.close();
    });
  }

  /**
   * Opens this manager's keys and goes on as the member it is. FAILED_PRECONDITION unless it is locked; INVALID_ARGUMENT and UNAUTHENTICATED
   * for a wrong key, with Docker's texts; INTERNAL when it cannot go on, which leaves it in state "error".
   */
  async unlock(unlockKey: string): Promise<void> {
    await this.#exclusively(async () => {
      const member = this.#member;
      if (member?.isLocked !== true) {
        throw new ClusterError("FAILED_PRECONDITION", "swarm is not locked");
      }
      try {
        await member.unlock(unlockKey);
      } catch (error) {
        if (member.isLocked) throw error;
        await member.stop();
        this.#member = undefined;
        this.#error = errorMessage(error);
        throw notStartedError(error);
      }
    });
  }

  async stop(): Promise<void> {
    await this.#member?.stop();
  }

  async #begin(
    state: MemberState,
    save: () => Promise<void>,
    start: () => Promise<Member>,
  ): Promise<void> {
    const { stateDir } = this.#deps;
    try {
      await save();
      await stateDir.writeMember(state);
      this.#joining = state;
      this.#member = await start();
    } catch (error) {
      await stateDir.clearMember();
      this.#deps.vault.close();
      throw error;
    }
  }

  #addresses(advertise: string, listen: string, dataPath: string) {
    const wanted = advertise || this.#deps.config.defaultAdvertiseAddress;
    return chooseAddresses({ advertise: wanted, listen, dataPath }, networkInterfaces());
  }

  #refuseMember(): void {
    if (this.#member !== undefined || this.#error !== "") {
      throw new ClusterError("UNAVAILABLE", alreadyMember);
    }
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) {
      throw new ClusterError(
        "UNAVAILABLE",
        "another change of this node's swarm membership is under way; wait for it",
      );
    }
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }
}

function leaveWarning(managers: number): string {
  const start =
    "You are attempting to leave the swarm on a node that is participating as a manager. ";
  const end = "Use `--force` to suppress this message.";
  return managers <= 1
    ? `${start}Removing the last manager erases all current state of the swarm. ${end}`
    : `${start}The only way to restore a swarm that has lost consensus is to reinitialize it with \`--force-new-cluster\`. ${end}`;
}
