import { hostname } from "node:os";
import type { Clock } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Meter } from "../base/meter.ts";
import type { Random } from "../base/random.ts";
import { readCertificate } from "../ca/certificate.ts";
import { CertificateRenewer } from "../ca/renewer.ts";
import { issuerInfo, issuerOf } from "../ca/trust.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { NodeDescription } from "../gen/skep/NodeDescription.ts";
import type { SessionMessage } from "../gen/skep/SessionMessage.ts";
import type { NewCluster } from "../manager/cluster-init.ts";
import type { Manager } from "../manager/manager.ts";
import type { RaftNodeStatus } from "../raft/node/raft-node-options.ts";
import { ChannelPool } from "../rpc/channel-pool.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import { describeNode } from "../worker/node-description.ts";
import { Worker } from "../worker/worker.ts";
import type { DaemonConfig } from "./config.ts";
import type { HostParts } from "./host-parts.ts";
import { IdentityHolder } from "./identity-holder.ts";
import { IdentityKeeper } from "./identity-keeper.ts";
import type { KeyVault } from "./key-vault.ts";
import type { LocalEvents } from "./local-events.ts";
import { ManagerHost } from "./manager-host.ts";
import type { MemberState, StateDir } from "./state-dir.ts";

export interface MemberDeps {
  readonly config: DaemonConfig;
  readonly stateDir: StateDir;
  /** The node's secret keys. */
  readonly vault: KeyVault;
  readonly host: HostParts;
  readonly events: LocalEvents;
  /** This manager's log can no longer be written: the daemon must end. */
  readonly onRaftFailed: (error: unknown) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly meter: Meter;
}

/** This node as a running member of a cluster: a worker always, a manager when its certificate says so. */
export class Member {
  readonly #deps: MemberDeps;
  readonly #identity: IdentityHolder;
  readonly #channels: ChannelPool;
  readonly #keeper: IdentityKeeper;
  readonly #renewer: CertificateRenewer;
  #state: MemberState;
  #managerHost: ManagerHost | undefined;
  #worker: Worker | undefined;
  #session: SessionMessage | undefined;
  #roleChange: Promise<void> = Promise.resolve();
  #refusal = "";

  private constructor(state: MemberState, identity: TlsIdentity, deps: MemberDeps) {
    const { clock, random, log } = deps;
    this.#deps = deps;
    this.#state = state;
    this.#identity = new IdentityHolder(identity);
    this.#channels = new ChannelPool({ identity: this.#identity, log, clock });
    this.#keeper = new IdentityKeeper({
      holder: this.#identity,
      save: (changed) => deps.vault.saveIdentity(changed),
      managers: () => this.managers(),
      manager: () => this.manager(),
      channels: this.#channels,
      clock,
      log: log.child({ module: "identity" }),
    });
    this.#identity.onChange(() => this.#worker?.describeAgain());
    this.#renewer = new CertificateRenewer({
      identity: this.#identity,
      renew: () => this.#renew(),
      clock,
      random,
      log: log.child({ module: "renewer" }),
    });
  }

  /** Starts manager (where it is one) and worker. `bootstrap` makes this node the first of a new cluster. */
  static async start(
    state: MemberState,
    identity: TlsIdentity,
    deps: MemberDeps,
    bootstrap?: NewCluster,
  ): Promise<Member> {
    const member = new Member(state, identity, deps);
    try {
      await deps.vault.open(state);
      // Until somebody gives the key, tasks go on as this node knows them, and nobody is told.
      if (!member.isLocked) await member.#startManager(bootstrap);
      await member.#startWorker();
      if (!member.isLocked) member.#renewer.start();
    } catch (error) {
      await member.stop();
      throw error;
    }
    return member;
  }

  get state(): MemberState {
    return this.#state;
  }

  /** Whether its keys wait for the unlock key: then only the worker runs, by itself. */
  get isLocked(): boolean {
    return this.#deps.vault.isLocked;
  }

  /** Opens the keys and starts what had to wait. Errors of `KeyVault.unlock` leave it locked; after others it must be stopped. */
  async unlock(unlockKey: string): Promise<void> {
    const { vault } = this.#deps;
    await vault.unlock(unlockKey);
    const identity = await vault.loadIdentity();
    if (identity.role === "worker") await vault.becomeWorker();
    this.#identity.replace(identity);
    await this.#startManager();
    this.#renewer.start();
  }

  /** Undefined on a worker. */
  manager(): Manager | undefined {
    return this.#managerHost?.manager;
  }

  /** Where raft is on a manager, for metrics. */
  raftStatus(): RaftNodeStatus | undefined {
    return this.#managerHost?.raftStatus();
  }

  worker(): Worker | undefined {
    return this.#worker;
  }

  /** True once the leader has taken this node in. */
  get registered(): boolean {
    return this.#session !== undefined;
  }

  /** Why the cluster does not take this node any more; "" while it does. */
  get refusal(): string {
    return this.#refusal;
  }

  /** Whether it is a worker that finds no manager, though one may speak to it. */
  get isCutOff(): boolean {
    const { role } = this.#identity.current();
    const served = this.#worker?.hasSession ?? false;
    return role === "worker" && !served && !this.isLocked && this.#refusal === "";
  }

  /** Looks for the leader at these addresses from now on, host:port; tasks go on. */
  async follow(managers: readonly string[]): Promise<void> {
    await this.#remember({ managers });
  }

  identity(): TlsIdentity {
    return this.#identity.current();
  }

  /** Managers as last told, the most likely leader first. */
  managers(): readonly string[] {
    if (this.isLocked) return [];
    const leader = this.manager()?.leaderAddress();
    const known = this.#state.managers;
    return leader === undefined ? known : [leader, ...known.filter((other) => other !== leader)];
  }

  peers(): readonly { nodeId: string; address: string }[] {
    const told = this.#session?.managers.flatMap(({ peer }) => (peer === null ? [] : [peer]));
    return told ?? this.#state.managers.map((address) => ({ nodeId: "", address }));
  }

  /** The daemon stops: containers go on, leadership is handed over. */
  async stop(): Promise<void> {
    await this.#renewer.stop();
    await this.#worker?.stop();
    await this.#managerHost?.stop();
    this.#channels.stop();
  }

  /** The node leaves: its tasks end and nothing of them is left on the host. */
  async leave(): Promise<void> {
    await this.#renewer.stop();
    await this.#worker?.leave();
    await this.#managerHost?.stop();
    this.#channels.stop();
    await this.#deps.host.overlay.removeAll();
  }

  describe(): NodeDescription {
    const { rootCaPem, certificatePem } = this.#identity.current();
    const issuer = issuerOf(certificatePem, rootCaPem) ?? readCertificate(rootCaPem, "the root");
    return describeNode({
      hostname: hostname(),
      labels: this.#deps.config.labels,
      dataPathAddress: this.#state.dataPathAddress,
      genericResources: this.#deps.config.genericResources,
      trust: {
        rootPem: rootCaPem,
        ...issuerInfo(issuer),
      },
    });
  }

  // No-op on a worker.
  async #startManager(bootstrap?: NewCluster): Promise<void> {
    if (this.#identity.current().role === "worker") return;
    const { stateDir, vault, clock, random, log, meter } = this.#deps;
    const { takingOver } = this.#state;
    this.#managerHost = await ManagerHost.start(
      { state: this.#state, folder: stateDir.raft, bootstrap },
      {
        identity: this.#identity,
        channels: this.#channels,
        managers: () => this.managers(),
        vault,
        clock,
        random,
        log,
        meter,
        onRaftId: (raftId) => this.#remember({ raftId }),
        onRaftFailed: this.#deps.onRaftFailed,
        onRefused: (reason) => this.#onRefused(reason),
      },
    );
    if (this.#refusal !== "") await this.#stopManager();
    if (takingOver !== undefined) await this.#remember({ takingOver: undefined });
  }

  async #startWorker(): Promise<void> {
    const { host, events, stateDir, clock, random, log } = this.#deps;
    this.#worker = await Worker.start(
      { nodeId: this.#state.nodeId, stateDir: stateDir.worker },
      {
        channels: this.#channels,
        managers: () => this.managers(),
        describe: () => this.describe(),
        onSession: (message) => this.#onSession(message),
        onRefused: (reason) => this.#onRefused(reason),
        images: host.images,
        runtime: host.runtime,
        overlay: host.overlay,
        dns: host.dns,
        volumes: host.volumes,
        places: host.localNetworks.swarm,
        onContainer: (action, id, attributes) => events.emit("container", action, id, attributes),
        clock,
        random,
        log,
      },
    );
  }

  #onSession(message: SessionMessage): void {
    const before = this.#session;
    this.#session = message;
    // A cluster that was restored from a backup may know this node again.
    if (this.#identity.current().role === "worker") this.#refusal = "";
    const managers = message.managers.flatMap(({ peer }) => (peer === null ? [] : [peer.address]));
    if (managers.length > 0 && String(managers) !== String(this.#state.managers)) {
      this.#remember({ managers }).catch((error: unknown) => {
        this.#deps.log.warn({ err: errorMessage(error) }, "managers not written down");
      });
    }
    const wanted = message.node?.role === "MANAGER" ? "manager" : "worker";
    const isAsked = isAskedToRenew(before?.node ?? null, message.node);
    const hasRole = message.node === null || wanted === this.#identity.current().role;
    // A locked node has no key to change anything with.
    if (!this.isLocked && (isAsked || !hasRole)) this.#renewer.renewNow();
    if (!this.isLocked) {
      this.#keeper.trust(message.rootCa.toString()).catch((error: unknown) => {
        this.#deps.log.warn({ err: errorMessage(error) }, "roots told by the manager not taken");
      });
    }
  }

  // Going on could only harm: with others that were left behind it might decide what the cluster does not know of.
  #onRefused(reason: string): void {
    if (this.#refusal !== "") return;
    this.#refusal = reason;
    this.#deps.log.error({ reason }, "this node does not belong to its cluster any more");
    this.#roleChange = this.#roleChange.then(() => this.#stopManager());
  }

  async #stopManager(): Promise<void> {
    const host = this.#managerHost;
    this.#managerHost = undefined;
    await host?.stop();
  }

  async #renew(): Promise<void> {
    const before = this.#identity.current();
    await this.#keeper.renew();
    const identity = this.#identity.current();
    if (identity.role === before.role) return;
    this.#roleChange = this.#roleChange.then(() => this.#changeRole(identity.role));
    await this.#roleChange;
  }

  async #changeRole(role: TlsIdentity["role"]): Promise<void> {
    this.#deps.log.info({ role }, "role changed");
    if (role === "manager" && this.#managerHost === undefined) await this.#startManager();
    if (role === "worker" && this.#managerHost !== undefined) {
      await this.#managerHost.stop();
      this.#managerHost = undefined;
      await this.#deps.stateDir.clearRaft();
      await this.#deps.vault.becomeWorker();
      await this.#remember({ raftId: 0 });
    }
  }

  async #remember(change: Partial<MemberState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    await this.#deps.stateDir.writeMember(this.#state);
  }
}

// Once for each time that the manager says so; the renewer itself tries until it has worked.
function isAskedToRenew(before: Node | null, node: Node | null): boolean {
  const certificate = node?.certificate;
  if (certificate?.state !== "ISSUANCE_ROTATE") return false;
  const last = before?.certificate;
  return last?.state !== "ISSUANCE_ROTATE" || !last.certificate.equals(certificate.certificate);
}
