import type { Command } from "commander";
import type { NetworkJson } from "../../rest/wire/network.ts";
import type { TaskJson } from "../../rest/wire/task.ts";
import { ApiError } from "../client.ts";
import { servicesOf } from "../compose/deploy/stack-state.ts";
import { checkStackName, stackLabel } from "../compose/names.ts";
import { pause } from "../pause.ts";
import { filterQuery, type OpenSession, problemText, type Session } from "../session.ts";

const pollMs = 300;
const networkGoneMs = 30_000;

/** `skep stack rm` */
export function addStackRemoval(stack: Command, open: OpenSession): void {
  stack
    .command("rm")
    .alias("remove")
    .alias("down")
    .description("Remove stacks: services, secrets, configs and networks")
    .argument("<stack...>")
    .option("-d, --detach", "do not wait until the tasks have ended", true)
    .option("--no-detach", "wait (also: --detach=false)")
    .action(async (names: string[], options: { detach: boolean }) => {
      const session = open();
      const problems: string[] = [];
      for (const name of names) {
        checkStackName(name);
        problems.push(...(await removeStack(session, name, options.detach)));
      }
      if (problems.length > 0) throw new Error(problems.join("\n"));
    });
}

// Networks come last, and are asked for again while tasks that end still use them.
async function removeStack(session: Session, name: string, detach: boolean): Promise<string[]> {
  const filters = filterQuery([], { label: [`${stackLabel}=${name}`] });
  const services = await servicesOf(session, name);
  const secrets = await session.client.get<FileObject[]>("/secrets", { filters });
  const configs = await session.client.get<FileObject[]>("/configs", { filters });
  const networks = await session.client.get<NetworkJson[]>("/networks", { filters });
  if (services.length + secrets.length + configs.length + networks.length === 0) {
    session.print(`Nothing found in stack: ${name}`);
    return [];
  }
  const problems: string[] = [];
  const remove = async (noun: string, path: string, what: string): Promise<void> => {
    session.print(`Removing ${noun} ${what}`);
    try {
      await removeWhenFree(session, path);
    } catch (error) {
      problems.push(`failed to remove ${noun} ${what}: ${problemText(error)}`);
    }
  };
  for (const { ID, Spec } of services) await remove("service", `/services/${ID}`, Spec.Name);
  for (const { ID, Spec } of secrets) await remove("secret", `/secrets/${ID}`, Spec.Name);
  for (const { ID, Spec } of configs) await remove("config", `/configs/${ID}`, Spec.Name);
  for (const { Id, Name } of networks) await remove("network", `/networks/${Id}`, Name);
  if (!detach) await waitForEnd(session, name);
  return problems;
}

interface FileObject {
  readonly ID: string;
  readonly Spec: { readonly Name: string };
}

async function removeWhenFree(session: Session, path: string): Promise<void> {
  const until = session.now() + networkGoneMs;
  for (;;) {
    try {
      await session.client.delete(path);
      return;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return;
      const isInUse = error instanceof ApiError && /in use/.test(error.message);
      if (!isInUse || session.now() > until) throw error;
      if (!(await pause(session.interrupted, pollMs))) throw error;
    }
  }
}

async function waitForEnd(session: Session, name: string): Promise<void> {
  const filters = filterQuery([], { label: [`${stackLabel}=${name}`] });
  for (;;) {
    const tasks = await session.client.get<TaskJson[]>("/tasks", { filters });
    const ended = ["complete", "shutdown", "failed", "rejected", "remove", "orphaned"];
    if (tasks.every(({ Status }) => ended.includes(Status.State ?? "new"))) return;
    if (!(await pause(session.interrupted, pollMs))) return;
  }
}
