import type {
  ContainerCreateOptions,
  ContainerMountData,
  ContainerPortData,
} from "../backend/containers.ts";
import { badRequest, notImplemented } from "../http/http-error.ts";
import { JsonObject } from "./json-object.ts";

/** Body of POST /containers/create. 400 for wrong types; 501 for settings this daemon has not. */
export function readContainerCreate(body: unknown, name: string): ContainerCreateOptions {
  if (name !== "" && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw badRequest(
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  const config = new JsonObject(body);
  const host = config.object("HostConfig") ?? new JsonObject({});
  refuseHostConfig(host);
  const image = config.text("Image");
  if (image === "") throw badRequest("no image is named: set Image");
  const networkMode = host.text("NetworkMode");
  const stopTimeout = config.optionalInteger("StopTimeout", { min: -1 });
  return {
    name,
    image,
    entrypoint: config.has("Entrypoint") ? textOrTexts(config, "Entrypoint") : undefined,
    cmd: config.has("Cmd") ? textOrTexts(config, "Cmd") : undefined,
    env: config.texts("Env"),
    labels: config.textMap("Labels"),
    workingDir: config.text("WorkingDir"),
    user: config.text("User"),
    hostname: config.text("Hostname"),
    tty: config.flag("Tty"),
    openStdin: config.flag("OpenStdin"),
    stdinOnce: config.flag("StdinOnce"),
    readOnly: host.flag("ReadonlyRootfs"),
    init: host.optionalFlag("Init"),
    autoRemove: host.flag("AutoRemove"),
    stopSignal: config.text("StopSignal"),
    stopTimeoutMs: stopTimeout === undefined ? undefined : stopTimeout * 1000,
    mounts: readMounts(host),
    ports: readPorts(config, host),
    network: networkMode === "default" ? "" : networkMode,
    aliases: readAliases(config),
    memoryBytes: host.integer("Memory"),
    nanoCpus: host.integer("NanoCpus"),
    pidsLimit: Math.max(0, host.integer("PidsLimit", { min: -1 })),
    capabilityAdd: host.texts("CapAdd"),
    capabilityDrop: host.texts("CapDrop"),
  };
}

function refuseHostConfig(host: JsonObject): void {
  if (host.flag("Privileged")) throw notImplemented("HostConfig.Privileged");
  const restart = host.object("RestartPolicy")?.text("Name") ?? "";
  if (restart !== "" && restart !== "no") throw notImplemented(`restart policy ${restart}`);
  for (const name of ["Devices", "DeviceRequests", "VolumesFrom", "Links"]) {
    if (host.list(name, (value) => value).length > 0) throw notImplemented(`HostConfig.${name}`);
  }
}

function textOrTexts(config: JsonObject, name: string): string[] {
  try {
    return config.texts(name);
  } catch (error) {
    // Docker also takes one string.
    const text = config.text(name);
    if (text === "") throw error;
    return [text];
  }
}

function readMounts(host: JsonObject): ContainerMountData[] {
  const binds = host.texts("Binds").map(readBind);
  const mounts = host.objects("Mounts", (mount): ContainerMountData => {
    const type = mount.word(
      "Type",
      { bind: "bind", volume: "volume", tmpfs: "tmpfs" } as const,
      "volume",
    );
    const source = mount.text("Source");
    return {
      type,
      name: type === "volume" ? source : "",
      source: type === "bind" ? source : "",
      target: mount.text("Target"),
      readOnly: mount.flag("ReadOnly"),
      propagation: mount.object("BindOptions")?.text("Propagation") ?? "",
    };
  });
  const tmpfs = Object.keys(host.textMap("Tmpfs")).map(
    (target): ContainerMountData => ({
      type: "tmpfs",
      name: "",
      source: "",
      target,
      readOnly: false,
      propagation: "",
    }),
  );
  return [...binds, ...mounts, ...tmpfs];
}

// "source:target[:ro]", where the source is a path or a volume's name.
function readBind(bind: string): ContainerMountData {
  const [source = "", target = "", options = ""] = bind.split(":");
  if (source === "" || !target.startsWith("/")) {
    throw badRequest(`invalid bind "${bind}": source:/target[:ro] is needed`);
  }
  const isPath = source.startsWith("/");
  return {
    type: isPath ? "bind" : "volume",
    name: isPath ? "" : source,
    source: isPath ? source : "",
    target,
    readOnly: options.split(",").includes("ro"),
    propagation: "",
  };
}

function readPorts(config: JsonObject, host: JsonObject): ContainerPortData[] {
  const bindings = host.object("PortBindings");
  const published = host.keys("PortBindings").flatMap((key) =>
    (bindings ?? new JsonObject({})).objects(key, (binding) => ({
      ...readPort(key),
      publishedPort: portNumber(binding.text("HostPort", "0"), key),
      hostAddress: binding.text("HostIp"),
    })),
  );
  const exposed = config
    .keys("ExposedPorts")
    .filter((key) => !published.some((port) => `${port.targetPort}/${port.protocol}` === key))
    .map((key) => ({ ...readPort(key), publishedPort: 0, hostAddress: "" }));
  return [...published, ...exposed];
}

function readPort(key: string): Pick<ContainerPortData, "targetPort" | "protocol"> {
  const [port = "", protocol = "tcp"] = key.split("/");
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp") {
    throw badRequest(`invalid port "${key}": protocol ${protocol} is not tcp, udp or sctp`);
  }
  return { targetPort: portNumber(port, key), protocol };
}

function portNumber(text: string, key: string): number {
  const port = text === "" ? 0 : Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw badRequest(`invalid port "${key}": "${text}" is not a port`);
  }
  return port;
}

function readAliases(config: JsonObject): string[] {
  const endpoints = config.object("NetworkingConfig")?.object("EndpointsConfig");
  const names = config.object("NetworkingConfig")?.keys("EndpointsConfig") ?? [];
  return names.flatMap((name) => endpoints?.object(name)?.texts("Aliases") ?? []);
}
