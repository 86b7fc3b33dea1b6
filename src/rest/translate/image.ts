import type { HealthcheckData, ImageData, ImageHistoryEntry } from "../backend/images.ts";
import type { ImageSummaryJson } from "../wire/image.ts";
import type { HealthcheckJson } from "../wire/service.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";

/** A row of GET /images/json. */
export function imageSummaryJson(image: ImageData, containers: number): ImageSummaryJson {
  return {
    Id: image.id,
    ParentId: "",
    RepoTags: [...image.repoTags],
    RepoDigests: [...image.repoDigests],
    Created: Math.floor((Date.parse(image.created) || 0) / 1000),
    Size: image.sizeBytes,
    SharedSize: -1,
    Labels: { ...image.config.labels },
    Containers: containers,
  };
}

/** GET /images/{name}/json */
export function imageInspectJson(image: ImageData): object {
  const { config } = image;
  const configJson = imageConfigJson(config);
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: "",
    Comment: "",
    Created: image.created,
    DockerVersion: "",
    Author: "",
    Architecture: image.architecture,
    Os: image.os,
    Size: image.sizeBytes,
    GraphDriver: { Name: "overlay2", Data: {} },
    RootFS: { Type: "layers", Layers: image.layers },
    Metadata: { LastTagTime: "0001-01-01T00:00:00Z" },
    Config: configJson,
    // Gone since API version 1.45, but docker-compose 1.29 cannot make a container anew without it.
    ContainerConfig: configJson,
  };
}

function imageConfigJson(config: ImageData["config"]): object {
  return {
    Hostname: "",
    Domainname: "",
    User: config.user,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...omitEmpty({ ExposedPorts: emptyObjects(config.exposedPorts) }),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: config.env,
    Cmd: orNull(config.cmd),
    ...omitUndefined({ Healthcheck: healthcheckJson(config.healthcheck) }),
    Image: "",
    Volumes: config.volumes.length === 0 ? null : emptyObjects(config.volumes),
    WorkingDir: config.workingDir,
    Entrypoint: orNull(config.entrypoint),
    OnBuild: null,
    Labels: config.labels,
    ...omitEmpty({ StopSignal: config.stopSignal }),
  };
}

/** A row of GET /images/{name}/history. */
export function historyJson(entry: ImageHistoryEntry): object {
  return {
    Id: entry.id,
    Created: Math.floor(entry.createdAtMs / 1000),
    CreatedBy: entry.createdBy,
    Tags: entry.tags.length === 0 ? null : entry.tags,
    Size: entry.sizeBytes,
    Comment: entry.comment,
  };
}

/** undefined when there is none. */
export function healthcheckJson(health: HealthcheckData | undefined): HealthcheckJson | undefined {
  if (health === undefined) return undefined;
  return omitEmpty<HealthcheckJson>({
    Test: [...health.test],
    Interval: health.intervalMs * 1e6,
    Timeout: health.timeoutMs * 1e6,
    Retries: health.retries,
    StartPeriod: health.startPeriodMs * 1e6,
    StartInterval: health.startIntervalMs * 1e6,
  });
}

/** `{"80/tcp":{}}`, Go's form of a set. */
export function emptyObjects(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** Docker shows an empty command as null. */
export function orNull(list: readonly string[]): readonly string[] | null {
  return list.length === 0 ? null : list;
}
