import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RaftMember } from "../src/raft/storage/snapshot-store.ts";
import type { TlsIdentity } from "../src/rpc/credentials.ts";
import type { TestHost } from "../test/support/test-hosts.ts";
import { until } from "../test/support/until.ts";
import { end } from "./etcd.ts";
import type { MemberOptions, MemberReply, MemberRequest } from "./member.ts";

const port = 2377;
const here = dirname(fileURLToPath(import.meta.url));

/** Where a program of this folder lies, compiled. */
export function programPath(name: string): string {
  return join(here, `${name}.js`);
}

/** How a member is started. */
export interface MemberProgram {
  readonly program: string;
  readonly nodeFlags?: readonly string[];
}

/** Flags separated by blanks, and those that profile into a folder. */
export function nodeFlags(text: string, profile: string | undefined): string[] {
  const flags = text.split(" ").filter((flag) => flag !== "");
  return profile === undefined ? flags : [...flags, "--cpu-prof", "--cpu-prof-dir", profile];
}

/** Who a member on that host is. */
export function memberOf(host: TestHost, { nodeId }: TlsIdentity, raftId: number): RaftMember {
  return { raftId, nodeId, address: `${host.ip}:${port}` };
}

/** A member's process, seen from the parent. */
export class MemberProcess {
  readonly self: RaftMember;
  readonly host: TestHost;
  readonly #start: () => ChildProcess;
  readonly #replies: MemberReply[] = [];
  #child: ChildProcess;
  /** As the member told last. */
  voters = 1;

  /** `number` is its raft id; `peers` are empty for the first one. */
  constructor(
    { program, nodeFlags = [] }: MemberProgram,
    host: TestHost,
    identity: TlsIdentity,
    number: number,
    peers: readonly RaftMember[],
  ) {
    this.host = host;
    this.self = memberOf(host, identity, number);
    const folder = join(host.stateDir, "raft");
    const identityFile = join(host.stateDir, "identity.json");
    writeFileSync(identityFile, JSON.stringify(identity), { mode: 0o600 });
    const options: MemberOptions = { self: this.self, peers, folder, identityFile };
    const args = [...nodeFlags, programPath(program), JSON.stringify(options)];
    this.#start = () => {
      const child = host.spawn(process.execPath, args, {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      child.on("message", (reply: MemberReply) => {
        if (reply.kind === "voters") this.voters = reply.count;
        else this.#replies.push(reply);
      });
      return child;
    };
    this.#child = this.#start();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when it serves. */
  async ready(timeoutMs = 15_000): Promise<void> {
    await this.#reply("ready", timeoutMs);
  }

  /** Has the group take another member in; this one leads. */
  async add(member: RaftMember): Promise<void> {
    await this.ask({ kind: "add", member }, "added");
  }

  /** Sends what has no answer. */
  send(request: MemberRequest): void {
    this.#child.send(request);
  }

  /** Sends a request and waits for the answer of this kind. */
  async ask<K extends MemberReply["kind"]>(
    request: MemberRequest,
    kind: K,
    timeoutMs = 15_000,
  ): Promise<Extract<MemberReply, { kind: K }>> {
    this.send(request);
    return await this.#reply(kind, timeoutMs);
  }

  /** SIGKILL, and the same again. */
  async restart(): Promise<void> {
    await end(this.#child, "SIGKILL");
    this.#child = this.#start();
  }

  async stop(): Promise<void> {
    await end(this.#child);
  }

  async #reply<K extends MemberReply["kind"]>(
    kind: K,
    timeoutMs: number,
  ): Promise<Extract<MemberReply, { kind: K }>> {
    return await until(
      `member ${this.self.raftId}: ${kind}`,
      timeoutMs,
      () => {
        const at = this.#replies.findIndex((reply) => reply.kind === kind);
        if (at < 0) return undefined;
        return this.#replies.splice(at, 1)[0] as Extract<MemberReply, { kind: K }>;
      },
      5,
    );
  }
}
