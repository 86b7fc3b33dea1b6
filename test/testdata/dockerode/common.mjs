// What the scripts beside this one share: clients of the test cluster, and waiting.
import assert from "node:assert/strict";
import Docker from "dockerode";

const environment = process.env;

/** A client of the first manager, which dockerode finds by DOCKER_HOST as every program does. */
export const docker = new Docker({ version: "v1.41" });

export const managerAddress = environment["MANAGER_ADDRESS"];
export const spareAddress = environment["SPARE_ADDRESS"];

/** A client of the daemon that DOCKER_HOST-like text names, in the newest version of the API. */
export function clientOf(name) {
  return new Docker({ socketPath: environment[name].replace("unix://", "") });
}

/** The first truthy answer of `check`. */
export async function until(what, check, timeoutMs = 30_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The call must fail with this status and these words. */
export async function refused(statusCode, text, promise) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.statusCode, statusCode, error.message);
    assert.ok(error.message.includes(text), error.message);
    return true;
  });
}

/** Waits until exactly `count` tasks of the service run, and gives them. */
export async function running(service, count) {
  return await until(`${count} tasks of ${service}`, async () => {
    const filters = { service: [service], "desired-state": ["running"] };
    const tasks = await docker.listTasks({ filters: JSON.stringify(filters) });
    const up = tasks.filter(({ Status }) => Status.State === "running");
    return tasks.length === count && up.length === count && tasks;
  });
}

/** Everything a stream brings until its end. */
export async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
