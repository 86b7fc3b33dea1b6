import type { Logger } from "../base/log.ts";
import type { AttachOptions, StdioSession } from "../rest/backend/containers.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import { connectInput, openAttachOutput } from "../worker/containers/attach-session.ts";
import type { HandMadeContainers } from "../worker/containers/hand-made-containers.ts";

export interface AttachDeps {
  readonly runtime: ContainerRuntime;
  readonly handMade: HandMadeContainers;
  readonly log: Logger;
}

/** Joins a client with a container of a person or of a task. NOT_FOUND. */
export async function attachTo(
  id: string,
  options: AttachOptions,
  deps: AttachDeps,
): Promise<StdioSession> {
  const { runtime, handMade } = deps;
  const { stdout, stderr, wait } = await (handMade.find(id) === undefined
    ? attachToTask(id, options, deps)
    : handMade.attach(id, options));
  return {
    pid: 0,
    stdout,
    stderr,
    wait,
    resize: (height, width) => runtime.resize(id, height, width),
    close() {
      stdout.destroy();
      stderr.destroy();
    },
  };
}

// A task's container runs once: its end is the end of what can be read.
async function attachToTask(id: string, options: AttachOptions, { runtime, log }: AttachDeps) {
  const ended = runtime.wait(id);
  const { stdout, stderr } = await openAttachOutput(id, options, ended, { runtime, log });
  const { stdin } = options;
  if (stdin !== undefined && runtime.spec(id).openStdin) {
    connectInput(stdin, () => runtime.attachInput(id));
  }
  return { stdout, stderr, wait: async () => (await ended).exitCode };
}
