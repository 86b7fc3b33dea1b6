import type { ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CommandResult, tryCommand } from "../../src/base/command.ts";
import type { TestHost } from "./test-hosts.ts";
import { until } from "./until.ts";

export type DaemonKind = "skepd" | "dockerd";

/** Answer of the daemon's API; `body` is parsed when it is JSON. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

const projectRoot = findProjectRoot();

/** Where the built commands are. */
export const binaries = {
  skep: join(projectRoot, "bin/skep"),
  skepd: join(projectRoot, "bin/skepd"),
};

/** A daemon on a test host, ours or the peer's, driven the same way. */
export class TestDaemon {
  readonly host: TestHost;
  readonly kind: DaemonKind;
  readonly #extraArgs: readonly string[];
  #process: ChildProcess | undefined;

  constructor(host: TestHost, kind: DaemonKind = "skepd", extraArgs: readonly string[] = []) {
    this.host = host;
    this.kind = kind;
    this.#extraArgs = extraArgs;
  }

  get socket(): string {
    return join(this.host.stateDir, "s.sock");
  }

  get logFile(): string {
    return join(this.host.stateDir, "daemon.log");
  }

  /** Pid of the daemon; undefined while it is not running. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it and waits until its API answers. */
  async start(): Promise<void> {
    mkdirSync(this.host.stateDir, { recursive: true });
    const log = openSync(this.logFile, "a");
    const { file, args } = this.kind === "skepd" ? this.#skepd() : this.#dockerd();
    const child = this.host.spawn(file, args, {
      stdio: ["ignore", log, log],
      detached: true,
    });
    child.unref(); // it may outlive us
    closeSync(log);
    this.#process = child;
    child.on("exit", () => {
      if (this.#process === child) this.#process = undefined;
    });
    await until(`the API of ${this.host.name}`, 20_000, async () => {
      if (this.#process === undefined) {
        throw new Error(`${this.kind} on ${this.host.name} ended; see ${this.logFile}`);
      }
      return (await this.api("GET", "/_ping").catch(() => undefined))?.status === 200;
    });
  }

  /** Ends it with a signal and waits for its end. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.ref(); // what we wait for must keep us alive
    child.kill(signal);
    await ended;
  }

  /** Sends a signal such as SIGSTOP and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** One call of the Engine API, without version prefix. */
  api(method: string, path: string, body?: unknown, timeoutMs = 30_000): Promise<ApiAnswer> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const call = request(
        {
          socketPath: this.socket,
          method,
          path,
          timeout: timeoutMs,
          headers: text === undefined ? {} : { "content-type": "application/json" },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk: Buffer) => chunks.push(chunk));
          answer.on("end", () => {
            resolve({ status: answer.statusCode ?? 0, body: parsed(Buffer.concat(chunks)) });
          });
          answer.on("error", reject);
        },
      );
      call.on("timeout", () => call.destroy(new Error(`${method} ${path} took too long`)));
      call.on("error", reject);
      call.end(text);
    });
  }

  /** Runs our CLI against this daemon. */
  skep(...args: string[]): Promise<CommandResult> {
    return tryCommand(binaries.skep, ["-H", `unix://${this.socket}`, ...args], {
      timeoutMs: 120_000,
    });
  }

  /** Runs the stock docker CLI against this daemon. */
  docker(...args: string[]): Promise<CommandResult> {
    return tryCommand("docker", ["-H", `unix://${this.socket}`, ...args], {
      timeoutMs: 120_000,
      env: { ...process.env, DOCKER_CONFIG: join(this.host.stateDir, "docker-config") },
    });
  }

  #skepd(): { file: string; args: string[] } {
    const { stateDir, cgroup, name } = this.host;
    return {
      // A host name of its own, so that nodes can be told apart.
      file: "unshare",
      args: [
        "--uts",
        "sh",
        "-c",
        'hostname "$0"; exec "$@"',
        name.replace(/^.*-/, ""),
        process.execPath,
        binaries.skepd,
        "-H",
        `unix://${this.socket}`,
        ...["--data-root", join(stateDir, "d"), "--exec-root", join(stateDir, "x")],
        ...["--pidfile", join(stateDir, "pid"), "--cgroup-parent", cgroup],
        ...this.#extraArgs,
      ],
    };
  }

  // A real dockerd beside others: a mount namespace with its own /run, and a resolv.conf that leads nowhere slowly.
  #dockerd(): { file: string; args: string[] } {
    const { stateDir } = this.host;
    const script = [
      "mount --make-rprivate /",
      `echo 'nameserver 127.0.0.1' > ${stateDir}/resolv.conf`,
      `mount --bind ${stateDir}/resolv.conf /etc/resolv.conf`,
      "mount -t tmpfs tmpfs /run",
      `exec dockerd --data-root ${stateDir}/d --exec-root ${stateDir}/x --pidfile ${stateDir}/pid -H unix://${this.socket} --storage-driver overlay2 --cgroup-parent ${this.host.cgroup} ${this.#extraArgs.join(" ")}`,
    ].join(" && ");
    return { file: "unshare", args: ["-m", "sh", "-c", script] };
  }
}

function parsed(bytes: Buffer): unknown {
  const text = bytes.toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function findProjectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "bin", "skepd"))) {
    if (folder === dirname(folder)) throw new Error("no bin/skepd above this file");
    folder = dirname(folder);
  }
  return folder;
}
