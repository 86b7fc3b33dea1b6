import type { PortBindingData } from "../backend/container-create.ts";
import { badRequest } from "../http/http-error.ts";
import { JsonObject } from "./json-object.ts";

/** Ports of a new container: those to publish, and all that are named. 400 for what is no port; 501 for SCTP on the host. */
export function readPortBindings(
  config: JsonObject,
  host: JsonObject,
): { portBindings: PortBindingData[]; exposedPorts: string[] } {
  const bindings = host.object("PortBindings") ?? new JsonObject({});
  const portBindings = host.keys("PortBindings").flatMap((key) => {
    const { port, protocol } = readPort(key);
    const given = bindings.objects(key, (binding) => ({
      containerPort: port,
      protocol: publishable(protocol, key),
      hostPort: hostPort(binding.text("HostPort"), key),
      hostIp: binding.text("HostIp"),
    }));
    // "80/tcp": [] and null publish it anywhere.
    const anywhere = { containerPort: port, protocol: publishable(protocol, key) };
    return given.length > 0 ? given : [{ ...anywhere, hostPort: 0, hostIp: "" }];
  });
  const exposedPorts = config.keys("ExposedPorts").map((key) => {
    const { port, protocol } = readPort(key);
    return `${port}/${protocol}`;
  });
  return { portBindings, exposedPorts };
}

function readPort(key: string): { port: number; protocol: string } {
  const [text = "", protocol = "tcp"] = key.split("/");
  if (!["tcp", "udp", "sctp"].includes(protocol)) {
    throw badRequest(`invalid port "${key}": protocol ${protocol} is not tcp, udp or sctp`);
  }
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535) {
    throw badRequest(`invalid port "${key}": "${text}" is not a port`);
  }
  return { port, protocol };
}

function publishable(protocol: string, key: string): "tcp" | "udp" {
  if (protocol === "tcp" || protocol === "udp") return protocol;
  throw badRequest(
    `invalid port "${key}": ${protocol} ports cannot be published, only tcp and udp`,
  );
}

function hostPort(text: string, key: string): number {
  if (text === "") return 0;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65535) return port;
  if (/^\d+-\d+$/.test(text)) {
    throw badRequest(
      `invalid port "${key}": a range (${text}) cannot be chosen from; name one port, or none`,
    );
  }
  throw badRequest(`invalid port "${key}": "${text}" is not a port`);
}
