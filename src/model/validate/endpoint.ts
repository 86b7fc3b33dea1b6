import type { EndpointSpec } from "../../gen/skep/EndpointSpec.ts";
import type { PortConfig } from "../../gen/skep/PortConfig.ts";
import { checkInteger, firstDuplicate, invalid } from "./refuse.ts";

/** Checks the published ports, within the service; clashes with other services are found by the control API. */
export function checkEndpoint(endpoint: EndpointSpec | null): void {
  if (!endpoint) return;
  for (const port of endpoint.ports) {
    checkInteger("publish target", port.targetPort, 1, 65535);
    checkInteger("publish published", port.publishedPort, 0, 65535);
    if (endpoint.mode === "DNSRR" && port.publishMode === "INGRESS") {
      throw invalid(
        `publish ${describe(port)}`,
        "endpoint-mode dnsrr has no virtual IP for the routing mesh: publish with mode=host, or use endpoint-mode vip",
      );
    }
  }
  // One port of a node can be taken once, be it by the routing mesh or by a task.
  const published = endpoint.ports.filter((port) => port.publishedPort > 0).map(portKey);
  const twice = firstDuplicate(published);
  if (twice !== undefined) throw invalid(`publish ${twice}`, "this port is published twice");
  const mapped = endpoint.ports.filter((port) => port.publishedPort === 0).map(describe);
  const same = firstDuplicate(mapped);
  if (same !== undefined) throw invalid(`publish ${same}`, "this port is published twice");
}

function portKey(port: PortConfig): string {
  return `${port.publishedPort}/${port.protocol.toLowerCase()}`;
}

function describe(port: PortConfig): string {
  const published = port.publishedPort > 0 ? `${port.publishedPort}:` : "";
  return `${published}${port.targetPort}/${port.protocol.toLowerCase()}`;
}
