import type { ContainerSpec } from "../../gen/skep/ContainerSpec.ts";
import type { DnsConfig } from "../../gen/skep/DnsConfig.ts";
import type { HealthConfig } from "../../gen/skep/HealthConfig.ts";
import { notImplemented } from "../http/http-error.ts";
import type { ContainerSpecJson, HealthcheckJson } from "../wire/service.ts";
import {
  configReferenceJson,
  readConfigReference,
  readSecretReference,
  secretReferenceJson,
} from "./file-reference.ts";
import type { JsonObject } from "./json-object.ts";
import { mountJson, readMount } from "./mount.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { durationJson, readDuration, readDurationOrUnset } from "./time.ts";

/** Docker's form of a container spec. Without the registry credentials, which nobody may read. */
export function containerSpecJson(spec: ContainerSpec): ContainerSpecJson {
  return {
    ...omitEmpty<ContainerSpecJson>({
      Image: spec.image,
      Labels: spec.labels,
      Command: spec.command,
      Args: spec.args,
      Hostname: spec.hostname,
      Env: spec.env,
      Dir: spec.dir,
      User: spec.user,
      Groups: spec.groups,
      StopSignal: spec.stopSignal,
      TTY: spec.tty,
      OpenStdin: spec.openStdin,
      ReadOnly: spec.readOnly,
      Mounts: spec.mounts.map(mountJson),
      Hosts: spec.hosts,
      Secrets: spec.secrets.map(secretReferenceJson),
      Configs: spec.configs.map(configReferenceJson),
      Isolation: spec.isolation,
      Sysctls: spec.sysctls,
      CapabilityAdd: spec.capabilityAdd,
      CapabilityDrop: spec.capabilityDrop,
      Ulimits: spec.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      OomScoreAdj: spec.oomScoreAdj,
    }),
    ...omitUndefined({
      Init: spec.init === "" ? undefined : spec.init === "true",
      StopGracePeriod: durationJson(spec.stopGracePeriod),
      Healthcheck: spec.healthcheck === null ? undefined : healthcheckJson(spec.healthcheck),
      DNSConfig: spec.dns === null ? undefined : dnsJson(spec.dns),
    }),
  };
}

/** 400 for wrong types; 501 for what this daemon has not. Registry credentials come separately. */
export function readContainerSpec(object: JsonObject): ContainerSpec {
  refusePrivileges(object.object("Privileges"));
  const init = object.optionalFlag("Init");
  return {
    image: object.text("Image"),
    labels: object.textMap("Labels"),
    command: object.texts("Command"),
    args: object.texts("Args"),
    hostname: object.text("Hostname"),
    env: object.texts("Env"),
    dir: object.text("Dir"),
    user: object.text("User"),
    groups: object.texts("Groups"),
    tty: object.flag("TTY"),
    openStdin: object.flag("OpenStdin"),
    readOnly: object.flag("ReadOnly"),
    stopSignal: object.text("StopSignal"),
    stopGracePeriod: readDuration(object, "StopGracePeriod"),
    healthcheck: readHealthcheck(object.object("Healthcheck")),
    mounts: object.objects("Mounts", readMount),
    secrets: object.objects("Secrets", readSecretReference),
    configs: object.objects("Configs", readConfigReference),
    hosts: object.texts("Hosts"),
    dns: readDns(object.object("DNSConfig")),
    init: init === undefined ? "" : String(init),
    sysctls: object.textMap("Sysctls"),
    capabilityAdd: object.texts("CapabilityAdd"),
    capabilityDrop: object.texts("CapabilityDrop"),
    ulimits: object.objects("Ulimits", (ulimit) => ({
      name: ulimit.text("Name"),
      soft: ulimit.integer("Soft", { min: -1 }),
      hard: ulimit.integer("Hard", { min: -1 }),
    })),
    oomScoreAdj: object.integer("OomScoreAdj", { min: -1000, max: 1000 }),
    registryAuth: "",
    isolation: object.text("Isolation"),
  };
}

function healthcheckJson(health: HealthConfig): HealthcheckJson {
  return omitEmpty<HealthcheckJson>({
    Test: health.test,
    Interval: durationJson(health.interval) ?? 0,
    Timeout: durationJson(health.timeout) ?? 0,
    Retries: health.retries,
    StartPeriod: durationJson(health.startPeriod) ?? 0,
    StartInterval: durationJson(health.startInterval) ?? 0,
  });
}

function readHealthcheck(object: JsonObject | undefined): HealthConfig | null {
  if (object === undefined) return null;
  return {
    test: object.texts("Test"),
    interval: readDurationOrUnset(object, "Interval"),
    timeout: readDurationOrUnset(object, "Timeout"),
    retries: object.integer("Retries", { max: 0xffffffff }),
    startPeriod: readDurationOrUnset(object, "StartPeriod"),
    startInterval: readDurationOrUnset(object, "StartInterval"),
  };
}

function dnsJson(dns: DnsConfig): NonNullable<ContainerSpecJson["DNSConfig"]> {
  return omitEmpty<NonNullable<ContainerSpecJson["DNSConfig"]>>({
    Nameservers: dns.nameservers,
    Search: dns.search,
    Options: dns.options,
  });
}

function readDns(object: JsonObject | undefined): DnsConfig | null {
  if (object === undefined) return null;
  return {
    nameservers: object.texts("Nameservers"),
    search: object.texts("Search"),
    options: object.texts("Options"),
  };
}

function refusePrivileges(privileges: JsonObject | undefined): void {
  if (privileges === undefined) return;
  for (const name of ["CredentialSpec", "SELinuxContext", "Seccomp", "AppArmor"]) {
    if (privileges.has(name)) throw notImplemented(`Privileges.${name} of a service`);
  }
  if (privileges.flag("NoNewPrivileges")) {
    throw notImplemented("Privileges.NoNewPrivileges of a service");
  }
}
