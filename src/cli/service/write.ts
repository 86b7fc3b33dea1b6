import { ClusterError } from "../../base/errors.ts";
import type { ConfigJson } from "../../rest/wire/config.ts";
import type { NetworkJson } from "../../rest/wire/network.ts";
import type { SecretJson } from "../../rest/wire/secret.ts";
import type {
  ServiceCreateResponseJson,
  ServiceJson,
  ServiceSpecJson,
  ServiceUpdateResponseJson,
} from "../../rest/wire/service.ts";
import { readFlagFile } from "../flag-file.ts";
import { registryAuthHeaders } from "../registry-auth.ts";
import type { Session } from "../session.ts";
import { invalid, parseCount } from "../values.ts";
import { specOfFlags } from "./create-spec.ts";
import {
  configReference,
  type FileReferences,
  parseFileRequest,
  secretReference,
} from "./file-references.ts";
import type { ServiceFlags } from "./flags.ts";
import { withClientValue } from "./items.ts";
import { setReplicas } from "./mode.ts";
import { isScheduled } from "./own-labels.ts";
import { pinImage } from "./pin-image.ts";
import { unusedRemovals } from "./removals.ts";
import { updatedSpec } from "./update-spec.ts";
import { waitForService } from "./wait.ts";

/** `service create` */
export async function createService(
  session: Session,
  image: string,
  args: readonly string[],
  flags: ServiceFlags,
): Promise<void> {
  const env = [...(await readEnvFiles(flags.envFile ?? [])), ...(flags.env ?? [])].map((text) =>
    withClientValue(text, process.env),
  );
  const complete = env.length === 0 ? flags : { ...flags, env };
  // Once without files, so that a wrong flag is told before the daemon is asked anything.
  specOfFlags(image, args, complete);
  const files = await resolveFiles(session, "", flags.secret, flags.config);
  const auth = await registryAuthHeaders(image);
  const spec = specOfFlags(image, args, complete, files);
  const { ID, Warnings } = await session.client.post<ServiceCreateResponseJson>(
    "/services/create",
    {
      body: flags.resolveImage === false ? spec : await pinImage(session, spec, auth),
      headers: flags.withRegistryAuth === true ? auth : {},
    },
  );
  for (const warning of Warnings ?? []) session.warn(warning);
  session.print(ID);
  const waits = flags.detach !== true && !isScheduled(spec.Labels);
  if (waits) await waitForService(session, ID, { quiet: flags.quiet ?? false });
}

/** `service update` */
export async function changeService(
  session: Session,
  name: string,
  flags: ServiceFlags,
): Promise<void> {
  checkUpdate(flags);
  const envAdd = flags.envAdd?.map((text) => withClientValue(text, process.env));
  const networkRm =
    flags.networkRm === undefined ? undefined : await networkIds(session, flags.networkRm);
  const complete = {
    ...flags,
    ...(envAdd === undefined ? {} : { envAdd }),
    ...(networkRm === undefined ? {} : { networkRm }),
  };
  const files = await resolveFiles(session, "-add", flags.secretAdd, flags.configAdd);
  const service = await putSpec(session, name, flags, (spec) => {
    for (const warning of unusedRemovals(spec, complete)) session.warn(warning);
    return updatedSpec(spec, complete, files);
  });
  session.print(name);
  if (flags.detach !== true) {
    await waitForService(session, service.ID, { quiet: flags.quiet ?? false });
  }
}

/** `service rollback`, `service update --rollback` */
export async function rollbackService(
  session: Session,
  name: string,
  flags: ServiceFlags,
): Promise<void> {
  checkRollback(flags);
  const service = await getService(session, name);
  await session.client.post(`/services/${service.ID}/update`, {
    query: { version: service.Version.Index, rollback: "previous" },
    body: service.Spec,
  });
  session.print(name);
  if (flags.detach !== true) {
    await waitForService(session, service.ID, { quiet: flags.quiet ?? false, rollback: true });
  }
}

const onByDefault = { resolveImage: true, healthcheck: true };

// The spec of before comes back as it was.
function checkRollback(flags: ServiceFlags): void {
  const alone = ["rollback", "detach", "quiet"];
  // What `--no-…` turns off is on without it.
  const given = Object.entries(flags).filter(
    ([key, value]) => !alone.includes(key) && !(value === true && key in onByDefault),
  );
  const [[key, value] = []] = given;
  if (key === undefined) return;
  const words = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const flag = value === false ? `--no-${words}` : `--${words}`;
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `other flags may not be combined with --rollback: leave ${flag} out`,
  );
}

/** `service scale web=3 api=2` */
export async function scaleServices(
  session: Session,
  pairs: readonly string[],
  flags: ServiceFlags,
): Promise<void> {
  const wanted = pairs.map((pair) => {
    const [name = "", count = ""] = pair.split("=");
    if (name === "" || count === "") throw invalid("scale", pair, "SERVICE=REPLICAS");
    return { name, replicas: parseCount("scale", count) };
  });
  const ids: string[] = [];
  for (const { name, replicas } of wanted) {
    const { ID } = await putSpec(session, name, flags, (spec) => {
      const changed = structuredClone(spec);
      setReplicas(changed, replicas);
      return changed;
    });
    session.print(`${name} scaled to ${replicas}`);
    ids.push(ID);
  }
  if (flags.detach === true) return;
  for (const id of ids) await waitForService(session, id, { quiet: false });
}

/** By id, name or unique prefix of the id. */
export async function getService(session: Session, name: string): Promise<ServiceJson> {
  return await session.client.get<ServiceJson>(`/services/${encodeURIComponent(name)}`);
}

async function putSpec(
  session: Session,
  name: string,
  flags: ServiceFlags,
  change: (spec: ServiceSpecJson) => ServiceSpecJson,
): Promise<ServiceJson> {
  const service = await getService(session, name);
  const changed = change(service.Spec);
  const image = changed.TaskTemplate.ContainerSpec?.Image ?? "";
  const auth = await registryAuthHeaders(image);
  const pins = flags.image !== undefined && flags.resolveImage !== false;
  const spec = pins ? await pinImage(session, changed, auth) : changed;
  const { Warnings } = await session.client.post<ServiceUpdateResponseJson>(
    `/services/${service.ID}/update`,
    {
      query: { version: service.Version.Index, registryAuthFrom: "spec" },
      body: spec,
      headers: flags.withRegistryAuth === true ? auth : {},
    },
  );
  for (const warning of Warnings ?? []) session.warn(warning);
  return service;
}

// Before the daemon is asked anything: what is wrong with a flag whatever the service is.
function checkUpdate(flags: ServiceFlags): void {
  const { replicas, maxConcurrent, ...others } = flags;
  if (replicas !== undefined) parseCount("--replicas", replicas);
  if (maxConcurrent !== undefined) parseCount("--max-concurrent", maxConcurrent);
  updatedSpec({ Name: "", Labels: {}, TaskTemplate: { ForceUpdate: 0 }, Mode: {} }, others);
  for (const text of flags.secretAdd ?? []) parseFileRequest("--secret-add", text);
  for (const text of flags.configAdd ?? []) parseFileRequest("--config-add", text);
}

async function resolveFiles(
  session: Session,
  suffix: "" | "-add",
  secretTexts: readonly string[] = [],
  configTexts: readonly string[] = [],
): Promise<FileReferences> {
  const secretFlag = `--secret${suffix}` as const;
  const configFlag = `--config${suffix}` as const;
  const secrets: FileReferences["secrets"][number][] = [];
  for (const text of secretTexts) {
    const request = parseFileRequest(secretFlag, text);
    const path = `/secrets/${encodeURIComponent(request.source)}`;
    const { ID, Spec } = await session.client.get<SecretJson>(path);
    secrets.push(secretReference({ ...request, source: Spec.Name }, ID));
  }
  const configs: FileReferences["configs"][number][] = [];
  for (const text of configTexts) {
    const request = parseFileRequest(configFlag, text);
    const path = `/configs/${encodeURIComponent(request.source)}`;
    const { ID, Spec } = await session.client.get<ConfigJson>(path);
    configs.push(configReference({ ...request, source: Spec.Name }, ID));
  }
  return { secrets, configs };
}

async function networkIds(session: Session, names: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const name of names) {
    const path = `/networks/${encodeURIComponent(name)}`;
    ids.push((await session.client.get<NetworkJson>(path)).Id);
  }
  return ids;
}

// Empty lines and those that begin with "#" say nothing.
async function readEnvFiles(files: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  for (const file of files) {
    const content = await readFlagFile("--env-file", file);
    for (const [at, text] of content.split(/\r?\n/).entries()) {
      const line = text.trimStart();
      if (line === "" || line.startsWith("#")) continue;
      if (!/^[^=\s]+(=|\s*$)/.test(line)) {
        throw invalid("--env-file", `${file}:${at + 1}: ${line}`, "a NAME or NAME=value");
      }
      lines.push(line);
    }
  }
  return lines;
}
