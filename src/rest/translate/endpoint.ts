import type { EndpointSpec } from "../../gen/skep/EndpointSpec.ts";
import type { PortConfig } from "../../gen/skep/PortConfig.ts";
import type { EndpointSpecJson, PortJson } from "../wire/service.ts";
import type { JsonObject } from "./json-object.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { endpointModeWords, protocolWords, publishModeWords, wordFor } from "./words.ts";

/** Docker's EndpointSpec. */
export function endpointSpecJson(spec: EndpointSpec): EndpointSpecJson {
  return omitUndefined({
    Mode: wordFor(endpointModeWords, spec.mode),
    Ports: spec.ports.length === 0 ? undefined : spec.ports.map(portJson),
  });
}

/** null when absent. */
export function readEndpointSpec(object: JsonObject | undefined): EndpointSpec | null {
  if (object === undefined) return null;
  return {
    mode: object.word("Mode", endpointModeWords, "VIP"),
    ports: object.objects("Ports", readPort),
  };
}

/** Docker's PortConfig. */
export function portJson(port: PortConfig): PortJson {
  return omitEmpty<PortJson>({
    Name: port.name,
    Protocol: wordFor(protocolWords, port.protocol),
    TargetPort: port.targetPort,
    PublishedPort: port.publishedPort,
    PublishMode: wordFor(publishModeWords, port.publishMode),
  });
}

function readPort(object: JsonObject): PortConfig {
  return {
    name: object.text("Name"),
    protocol: object.word("Protocol", protocolWords, "TCP"),
    targetPort: object.integer("TargetPort", { max: 65535 }),
    publishedPort: object.integer("PublishedPort", { max: 65535 }),
    publishMode: object.word("PublishMode", publishModeWords, "INGRESS"),
  };
}
