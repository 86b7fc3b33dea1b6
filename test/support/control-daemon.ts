import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../src/base/log.ts";
import { ApiClient } from "../../src/cli/client.ts";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { makeProgram } from "../../src/cli/program.ts";
import { problemText, type Session } from "../../src/cli/session.ts";
import { createControlApi } from "../../src/manager/control/control-api.ts";
import { createControl } from "../../src/manager/control/local-control.ts";
import { RestApp } from "../../src/rest/app.ts";
import { RestServer } from "../../src/rest/server.ts";
import { aCluster, aNode } from "./builders.ts";
import { FakeBackend } from "./fake-backend.ts";
import { FakeClock } from "./fake-clock.ts";
import { createMemoryStore, type MemoryStore } from "./memory-proposer.ts";
import { seededRandom } from "./seeded-random.ts";

/** What a command line came to. */
export interface CommandOutcome {
  readonly exitCode: number;
  readonly output: string;
  /** Calls of the daemon that could have changed something. */
  readonly writes: readonly string[];
}

/**
 * REST over the real control API on a store in memory, all in this process: what a manager refuses is refused here too. The node
 * itself (images, joining) is the fake backend's.
 */
export class ControlDaemon {
  readonly memory: MemoryStore;
  readonly backend: FakeBackend;
  readonly #folder = mkdtempSync(join(tmpdir(), "skep-control-"));
  readonly #server: RestServer;

  private constructor(clock: FakeClock) {
    const random = seededRandom(1);
    const deps = { clock, random, log: silentLogger };
    this.memory = createMemoryStore(clock);
    this.backend = new FakeBackend(deps);
    const { store } = this.memory;
    const methods = createControl({ store, readBarrier: async () => {}, clock, random });
    const cluster = createControlApi({
      local: () => methods,
      leaderAddress: () => undefined,
      store,
      history: { since: () => [] },
      channels: {
        unary: async () => {
          throw new Error("there is no other manager");
        },
      },
      clock,
      random,
    });
    const backend = { cluster, node: this.backend.node };
    this.#server = new RestServer({ app: new RestApp({ backend, ...deps }), ...deps });
  }

  /** A manager alone in its cluster. */
  static async start(): Promise<ControlDaemon> {
    const daemon = new ControlDaemon(new FakeClock());
    daemon.memory.seed("cluster", aCluster({}));
    daemon.memory.seed("node", aNode({ id: "nodeabcdefghijklmnopqrstu" }));
    await daemon.#server.listen({ kind: "unix", path: join(daemon.#folder, "s") });
    return daemon;
  }

  async stop(): Promise<void> {
    await this.#server.stop(0);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Runs skep in this process. */
  async skep(...argv: readonly string[]): Promise<CommandOutcome> {
    const printed: string[] = [];
    const print = (text: string): void => void printed.push(text);
    const writes: string[] = [];
    const program = await makeProgram(argv, () => this.#session(print, writes));
    silence(program, print);
    try {
      await program.parseAsync([...argv], { from: "user" });
      return { exitCode: 0, output: printed.join("\n"), writes };
    } catch (error) {
      print(problemText(error));
      return { exitCode: exitCodeOf(error), output: printed.join("\n"), writes };
    }
  }

  #session(print: (text: string) => void, writes: string[]): Session {
    return {
      client: new ListeningClient(`unix://${join(this.#folder, "s")}`, writes),
      print,
      warn: (text) => print(`WARNING: ${text}`),
      terminal: false,
      columns: 80,
      interrupted: new AbortController().signal,
      now: () => this.memory.clock.now(),
    };
  }
}

class ListeningClient extends ApiClient {
  readonly #writes: string[];

  constructor(host: string, writes: string[]) {
    super(host);
    this.#writes = writes;
  }

  override async post<T>(...args: Parameters<ApiClient["post"]>): Promise<T> {
    this.#writes.push(args[0]);
    return await super.post<T>(...args);
  }
}

type Program = Awaited<ReturnType<typeof makeProgram>>;

function silence(command: Program, print: (text: string) => void): void {
  command.configureOutput({ writeErr: print, writeOut: print });
  for (const inner of command.commands) silence(inner, print);
}
