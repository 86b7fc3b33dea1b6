import { newContainerId } from "../../base/ids.ts";
import type { ExecRecord } from "../exec-registry.ts";
import { readJson, readOptionalJson } from "../http/body.ts";
import { badRequest, HttpError, notFound } from "../http/http-error.ts";
import { created, empty, ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { orNull } from "../translate/image.ts";
import { JsonObject } from "../translate/json-object.ts";
import { outputType, terminalSize } from "./container-streams.ts";
import { findContainer } from "./find-container.ts";
import { serveStdio } from "./serve-stdio.ts";

/** /containers/{id}/exec, /exec and below */
export const execRoutes: readonly Route[] = [
  { method: "POST", pattern: "/containers/{id}/exec", handler: create },
  { method: "POST", pattern: "/exec/{id}/start", handler: start },
  { method: "POST", pattern: "/exec/{id}/resize", handler: resize },
  { method: "GET", pattern: "/exec/{id}/json", handler: inspect },
];

async function create(request: RestRequest, context: RestContext): Promise<Reply> {
  const object = new JsonObject(await readJson(request));
  const container = await findContainer(context, param(request, "id"));
  if (container.state === "paused") {
    const text = `container ${param(request, "id")} is paused, unpause the container before exec`;
    throw new HttpError(409, text);
  }
  if (container.state !== "running") {
    throw new HttpError(409, `container ${container.id} is not running`);
  }
  const args = object.texts("Cmd");
  if (args.length === 0) throw badRequest("No exec command specified");
  const record: ExecRecord = {
    id: newContainerId(context.random),
    containerId: container.id,
    options: {
      args,
      env: object.texts("Env"),
      workingDir: object.text("WorkingDir"),
      user: object.text("User"),
      tty: object.flag("Tty"),
      privileged: object.flag("Privileged"),
      consoleSize: readConsoleSize(object),
    },
    attachStdin: object.flag("AttachStdin"),
    attachStdout: object.flag("AttachStdout"),
    attachStderr: object.flag("AttachStderr"),
    started: false,
  };
  context.execs.add(record);
  return created({ Id: record.id });
}

async function start(request: RestRequest, context: RestContext): Promise<Reply> {
  const record = getExec(request, context);
  const object = new JsonObject((await readOptionalJson(request)) ?? {});
  if (record.started) throw new HttpError(409, `exec ${record.id} has been started already`);
  // A name that is gone by now must be an error, not an empty output.
  await findContainer(context, record.containerId);
  const options = {
    ...record.options,
    consoleSize: readConsoleSize(object) ?? record.options.consoleSize,
  };
  record.started = true;
  const { containers } = context.backend.node;
  if (object.flag("Detach")) {
    const session = await startOrForget(record, () => containers.exec(record.containerId, options));
    session.stdout.resume();
    session.stderr.resume();
    void session.wait().then(
      (exitCode) => {
        record.exitCode = exitCode;
      },
      () => {
        record.exitCode = 255;
      },
    );
    return empty(200);
  }
  const tty = record.options.tty;
  return serveStdio({
    contentType: outputType(request, tty),
    tty,
    stdin: record.attachStdin,
    stdout: record.attachStdout,
    stderr: record.attachStderr,
    open: (stdin) =>
      startOrForget(record, () => containers.exec(record.containerId, { ...options, stdin })),
    onExit: (exitCode) => {
      record.exitCode = exitCode;
    },
  });
}

async function resize(request: RestRequest, context: RestContext): Promise<Reply> {
  const record = getExec(request, context);
  const { height, width } = terminalSize(request);
  if (record.session === undefined) throw new HttpError(409, `exec ${record.id} is not running`);
  await record.session.resize(height, width);
  return empty(200);
}

async function inspect(request: RestRequest, context: RestContext): Promise<Reply> {
  const record = getExec(request, context);
  const [entrypoint = "", ...rest] = record.options.args;
  return ok({
    ID: record.id,
    Running: record.started && record.exitCode === undefined,
    ExitCode: record.exitCode ?? null,
    ProcessConfig: {
      tty: record.options.tty,
      entrypoint,
      arguments: orNull(rest) ?? [],
      privileged: record.options.privileged,
      user: record.options.user,
    },
    OpenStdin: record.attachStdin,
    OpenStderr: record.attachStderr,
    OpenStdout: record.attachStdout,
    CanRemove: record.exitCode !== undefined,
    ContainerID: record.containerId,
    DetachKeys: "",
    Pid: record.session?.pid ?? 0,
  });
}

// [height, width] (Docker API v1.42).
function readConsoleSize(object: JsonObject): { height: number; width: number } | undefined {
  const sizes = object.list("ConsoleSize", (value, path) => {
    if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65535) {
      return Number(value);
    }
    throw badRequest(`invalid ${path}: ${JSON.stringify(value)} is not a size from 0 to 65535`);
  });
  if (sizes.length === 0) return undefined;
  const [height = 0, width = 0] = sizes;
  if (sizes.length !== 2) throw badRequest("invalid ConsoleSize: give [height, width]");
  return height === 0 || width === 0 ? undefined : { height, width };
}

function getExec(request: RestRequest, { execs }: RestContext): ExecRecord {
  const id = param(request, "id");
  const record = execs.get(id);
  if (record === undefined) throw notFound(`No such exec instance: ${id}`);
  return record;
}

async function startOrForget(
  record: ExecRecord,
  open: () => ReturnType<RestContext["backend"]["node"]["containers"]["exec"]>,
) {
  try {
    const session = await open();
    record.session = session;
    return session;
  } catch (error) {
    // 126: the command could not be run (as shells say it).
    record.exitCode = 126;
    throw error;
  }
}
