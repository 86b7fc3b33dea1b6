import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { errnoCode } from "../base/errors.ts";
import { damagedMember, decodeMember, encodeMember, missingMember } from "./member-file.ts";

/** Why one manager goes on alone: it was told to forget the others, or starts from a backup. */
export type TakingOver = "force-new-cluster" | "restore";

/** What a member of a cluster must know of itself to come back after a restart. */
export interface MemberState {
  readonly formatVersion: 1;
  readonly nodeId: string;
  readonly clusterId: string;
  /** host:port the manager's server listens on. */
  readonly listenAddress: string;
  /** host:port other nodes reach this one at. */
  readonly advertiseAddress: string;
  /** IP that VXLAN traffic to this node goes to. */
  readonly dataPathAddress: string;
  /** 0 = never was a manager. */
  readonly raftId: number;
  /** host:port of the managers last known. */
  readonly managers: readonly string[];
  /** Set until this manager has made the cluster its own, alone: a start in between goes on with that. */
  readonly takingOver?: TakingOver | undefined;
}

/** The folders of one daemon. */
export class StateDir {
  readonly root: string;

  constructor(dataRoot: string) {
    this.root = dataRoot;
  }

  get swarm(): string {
    return join(this.root, "swarm");
  }

  get certificates(): string {
    return join(this.swarm, "certificates");
  }

  get raft(): string {
    return join(this.swarm, "raft");
  }

  /** The raft log's part of it. */
  get raftLog(): string {
    return join(this.raft, "log");
  }

  get worker(): string {
    return join(this.swarm, "worker");
  }

  get images(): string {
    return join(this.root, "image");
  }

  get containers(): string {
    return join(this.root, "containers");
  }

  /** Records of the containers that people make. */
  get handMade(): string {
    return join(this.root, "hand-made");
  }

  get volumes(): string {
    return join(this.root, "volumes");
  }

  /** Networks of this node alone. */
  get networks(): string {
    return join(this.root, "networks");
  }

  async prepare(): Promise<void> {
    for (const folder of [this.root, this.swarm, this.certificates, this.worker]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
  }

  /** Undefined when this node is in no cluster. DATA_LOSS when the file is damaged or lost; FAILED_PRECONDITION when it is of a later version. */
  async readMember(): Promise<MemberState | undefined> {
    const path = join(this.swarm, "member.json");
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if (errnoCode(error) !== "ENOENT") throw damagedMember(path, error);
      // Else a new membership would be written over what is left of the old.
      if (existsSync(join(this.certificates, "swarm-node.crt"))) throw missingMember(path);
      return undefined;
    }
    return decodeMember(text, path);
  }

  async writeMember(state: MemberState): Promise<void> {
    await writeFileAtomic(join(this.swarm, "member.json"), encodeMember(state), 0o600);
  }

  /** Forgets the cluster: certificates, raft log, tasks. */
  async clearMember(): Promise<void> {
    await rm(this.swarm, { recursive: true, force: true });
    await this.prepare();
  }

  /** Forgets the raft log, for a manager that became a worker. */
  async clearRaft(): Promise<void> {
    await rm(this.raft, { recursive: true, force: true });
  }

  /** A name for this daemon that stays over restarts; it makes names of links and tables unique on the host. */
  async engineId(create: () => string): Promise<string> {
    const path = join(this.root, "engine-id");
    try {
      return (await readFile(path, "utf8")).trim();
    } catch (error) {
      if (errnoCode(error) !== "ENOENT") throw error;
      const id = create();
      await writeFileAtomic(path, `${id}\n`);
      return id;
    }
  }
}
