import type { Node } from "../../gen/skep/Node.ts";
import type { NodeDescription } from "../../gen/skep/NodeDescription.ts";
import type { NodeSpec } from "../../gen/skep/NodeSpec.ts";
import type { NodeTlsInfo } from "../../gen/skep/NodeTlsInfo.ts";
import type { NodeJson, NodeSpecJson, TlsInfoJson } from "../wire/node.ts";
import { objectJson, readAnnotations } from "./common.ts";
import { JsonObject } from "./json-object.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { resourcesJson } from "./task-spec.ts";
import {
  availabilityWords,
  nodeStateWords,
  reachabilityWords,
  roleWords,
  wordFor,
} from "./words.ts";

/** Docker's node. */
export function nodeJson(node: Node): NodeJson {
  const { status, managerStatus } = node;
  return {
    ...objectJson(node.id, node.meta),
    Spec: nodeSpecJson(node.spec),
    Description: descriptionJson(node.description),
    Status: {
      State: wordFor(nodeStateWords, status?.state ?? "UNKNOWN"),
      ...omitEmpty({ Message: status?.message ?? "", Addr: status?.addr ?? "" }),
    },
    ...omitUndefined({
      ManagerStatus:
        managerStatus === null
          ? undefined
          : omitEmpty<NonNullable<NodeJson["ManagerStatus"]>>({
              Leader: managerStatus.leader,
              Reachability: wordFor(reachabilityWords, managerStatus.reachability),
              Addr: managerStatus.addr,
            }),
    }),
  };
}

/** Docker's NodeSpec. */
export function nodeSpecJson(spec: NodeSpec | null): NodeSpecJson {
  return {
    ...omitEmpty({ Name: spec?.annotations?.name ?? "" }),
    Labels: spec?.annotations?.labels ?? {},
    Role: wordFor(roleWords, spec?.desiredRole ?? "WORKER"),
    Availability: wordFor(availabilityWords, spec?.availability ?? "ACTIVE"),
  };
}

/** 400 naming the field that is wrong. */
export function readNodeSpec(body: unknown): NodeSpec {
  const object = new JsonObject(body);
  return {
    annotations: readAnnotations(object),
    desiredRole: object.word("Role", roleWords, "WORKER"),
    availability: object.word("Availability", availabilityWords, "ACTIVE"),
  };
}

/** Docker's TLSInfo. */
export function tlsInfoJson(info: NodeTlsInfo | null): TlsInfoJson {
  if (info === null) return {};
  return omitEmpty<TlsInfoJson>({
    TrustRoot: Buffer.from(info.trustRoot).toString("utf8"),
    CertIssuerSubject: Buffer.from(info.certIssuerSubject).toString("base64"),
    CertIssuerPublicKey: Buffer.from(info.certIssuerPublicKey).toString("base64"),
  });
}

function descriptionJson(description: NodeDescription | null): NodeJson["Description"] {
  const engine = description?.engine;
  return {
    ...omitEmpty({ Hostname: description?.hostname ?? "" }),
    Platform: omitEmpty({
      Architecture: description?.platform?.architecture ?? "",
      OS: description?.platform?.os ?? "",
    }),
    Resources: description?.resources ? resourcesJson(description.resources) : {},
    Engine: omitEmpty<NodeJson["Description"]["Engine"]>({
      EngineVersion: engine?.engineVersion ?? "",
      Labels: engine?.labels ?? {},
      Plugins: (engine?.plugins ?? []).map(({ type, name }) => ({ Type: type, Name: name })),
    }),
    TLSInfo: tlsInfoJson(description?.tlsInfo ?? null),
  };
}
