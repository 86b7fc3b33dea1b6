import type {
  ContainerSpecJson,
  FileTargetJson,
  HealthcheckJson,
} from "../../rest/wire/service.ts";
import { parseDuration } from "../values.ts";
import type { FileReferenceFields, ServiceFields } from "./decode-service.ts";
import { byText, objectName, stackLabels } from "./names.ts";
import type { StackFile, StackModel, StackService } from "./stack-model.ts";
import { mountOf, tmpfsMount } from "./stack-mounts.ts";

/** What names of secrets and configs have for ids; "" for those that are not made yet. */
export interface FileIds {
  readonly secrets: ReadonlyMap<string, string>;
  readonly configs: ReadonlyMap<string, string>;
}

/** Pure: what runs in the tasks of a service. */
export function containerOf(
  stack: string,
  service: StackService,
  model: StackModel,
  ids: FileIds,
): ContainerSpecJson {
  const { fields } = service;
  const container: ContainerSpecJson = {
    Image: fields.image ?? "",
    Labels: stackLabels(stack, fields.labels),
  };
  setProcess(container, fields);
  setSurroundings(container, fields);
  const { environment } = fields;
  if (environment !== undefined) {
    container.Env = Object.entries(environment)
      .map(([name, value]) => (value === null ? name : `${name}=${value}`))
      .sort(byText);
  }
  const mounts = [
    ...(fields.volumes ?? []).map((volume) => mountOf(stack, volume, model)),
    ...(fields.tmpfs ?? []).map(tmpfsMount),
  ];
  if (mounts.length > 0) container.Mounts = mounts;
  if (fields.secrets !== undefined) {
    container.Secrets = references(stack, fields.secrets, model.secrets).map(({ File, name }) => ({
      File,
      SecretID: ids.secrets.get(name) ?? "",
      SecretName: name,
    }));
  }
  if (fields.configs !== undefined) {
    container.Configs = references(stack, fields.configs, model.configs).map(({ File, name }) => ({
      File,
      ConfigID: ids.configs.get(name) ?? "",
      ConfigName: name,
    }));
  }
  return container;
}

function setProcess(container: ContainerSpecJson, fields: StackService["fields"]): void {
  if (fields.entrypoint !== undefined) container.Command = fields.entrypoint;
  if (fields.command !== undefined) container.Args = fields.command;
  if (fields.working_dir !== undefined) container.Dir = fields.working_dir;
  if (fields.user !== undefined) container.User = fields.user;
  if (fields.group_add !== undefined) container.Groups = fields.group_add;
  if (fields.init !== undefined) container.Init = fields.init;
  if (fields.stop_signal !== undefined) container.StopSignal = fields.stop_signal;
  if (fields.stop_grace_period !== undefined) {
    container.StopGracePeriod = nanos(fields.stop_grace_period);
  }
  if (fields.tty !== undefined) container.TTY = fields.tty;
  if (fields.stdin_open !== undefined) container.OpenStdin = fields.stdin_open;
  if (fields.healthcheck !== undefined) container.Healthcheck = health(fields.healthcheck);
  if (fields.oom_score_adj !== undefined) container.OomScoreAdj = fields.oom_score_adj;
  if (fields.cap_add !== undefined) container.CapabilityAdd = fields.cap_add.map(capability);
  if (fields.cap_drop !== undefined) container.CapabilityDrop = fields.cap_drop.map(capability);
  if (fields.ulimits !== undefined) {
    container.Ulimits = Object.entries(fields.ulimits)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, limit]) => {
        if (typeof limit === "number") return { Name: name, Soft: limit, Hard: limit };
        return {
          Name: name,
          Soft: limit.soft ?? limit.hard ?? 0,
          Hard: limit.hard ?? limit.soft ?? 0,
        };
      });
  }
}

function setSurroundings(container: ContainerSpecJson, fields: StackService["fields"]): void {
  if (fields.hostname !== undefined) container.Hostname = fields.hostname;
  if (fields.read_only !== undefined) container.ReadOnly = fields.read_only;
  if (fields.isolation !== undefined) container.Isolation = fields.isolation;
  if (fields.sysctls !== undefined) container.Sysctls = fields.sysctls;
  if (fields.extra_hosts !== undefined) {
    container.Hosts = fields.extra_hosts.map((text) => {
      const at = text.indexOf(":");
      return `${text.slice(at + 1)} ${text.slice(0, at)}`;
    });
  }
  const { dns, dns_search, dns_opt } = fields;
  if (dns !== undefined || dns_search !== undefined || dns_opt !== undefined) {
    container.DNSConfig = {
      ...(dns === undefined ? {} : { Nameservers: dns }),
      ...(dns_search === undefined ? {} : { Search: dns_search }),
      ...(dns_opt === undefined ? {} : { Options: dns_opt }),
    };
  }
}

function references(
  stack: string,
  wanted: readonly FileReferenceFields[],
  objects: Readonly<Record<string, StackFile>>,
): { readonly File: FileTargetJson; readonly name: string }[] {
  return wanted
    .map(({ source = "", target = source, uid = "0", gid = "0", mode = 0o444 }) => ({
      File: { Name: target, UID: uid, GID: gid, Mode: mode },
      name: objectName(stack, source, objects[source] ?? {}),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

function health(fields: NonNullable<ServiceFields["healthcheck"]>): HealthcheckJson {
  if (fields.disable === true) return { Test: ["NONE"] };
  const json: HealthcheckJson = {};
  if (fields.test !== undefined) json.Test = fields.test;
  if (fields.interval !== undefined) json.Interval = nanos(fields.interval);
  if (fields.timeout !== undefined) json.Timeout = nanos(fields.timeout);
  if (fields.retries !== undefined) json.Retries = fields.retries;
  if (fields.start_period !== undefined) json.StartPeriod = nanos(fields.start_period);
  if (fields.start_interval !== undefined) json.StartInterval = nanos(fields.start_interval);
  return json;
}

function capability(text: string): string {
  const name = text.toUpperCase();
  return name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`;
}

function nanos(text: string): number {
  return parseDuration("duration", text);
}
