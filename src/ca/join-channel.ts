import { createSecureContext } from "node:tls";
import { ChannelCredentials, Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { must } from "../base/assert.ts";
import { transportOptions } from "../rpc/limits.ts";
import { serviceDefinition } from "../rpc/load-proto.ts";
import { parsePeerSubject } from "../rpc/roles.ts";
import { fromGrpcError } from "../rpc/status.ts";

/** How far a joiner, which has no certificate yet, trusts the manager it calls. */
export type Trust =
  /** Nothing is verified; what comes back must prove itself (the root, by the token's digest). */
  | { readonly kind: "nobody" }
  /** The server must be a manager certified by this root. */
  | { readonly kind: "root"; readonly rootPem: string };

/** One NodeCa call of a joiner. ClusterErrors as the server's, or of the transport. */
export async function callNodeCa<Request, Response>(
  address: string,
  trust: Trust,
  method: "GetRootCaCertificate" | "IssueNodeCertificate",
  request: Request,
  deadlineMs: number,
): Promise<Response> {
  const definition = must(serviceDefinition("NodeCa")[method], `NodeCa.${method}`);
  const client = new Client(address, credentialsOf(trust), {
    ...transportOptions,
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.ssl_target_name_override": "swarm-manager",
  });
  try {
    return await new Promise<Response>((resolve, reject) => {
      client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize as (value: Request) => Buffer,
        definition.responseDeserialize as (bytes: Buffer) => Response,
        request,
        new Metadata(),
        { deadline: deadlineMs },
        (error: ServiceError | null, response?: Response) => {
          if (error !== null) reject(fromGrpcError(error, address));
          else resolve(response as Response);
        },
      );
    });
  } finally {
    client.close();
  }
}

function credentialsOf(trust: Trust): ChannelCredentials {
  if (trust.kind === "nobody") {
    const context = createSecureContext({ minVersion: "TLSv1.2" });
    return ChannelCredentials.createFromSecureContext(context, { rejectUnauthorized: false });
  }
  const context = createSecureContext({ ca: trust.rootPem, minVersion: "TLSv1.2" });
  return ChannelCredentials.createFromSecureContext(context, {
    checkServerIdentity(_host, { subject }) {
      // The root is of one cluster, so whatever cluster id the server has is the right one.
      const clusterId = typeof subject.O === "string" ? subject.O : "";
      const peer = parsePeerSubject(subject, clusterId);
      if (peer instanceof Error) return peer;
      return peer.role === "manager" ? undefined : new Error(`${peer.nodeId} is not a manager`);
    },
  });
}
