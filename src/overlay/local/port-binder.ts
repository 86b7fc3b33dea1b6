import { isIPv4 } from "node:net";
import { ClusterError } from "../../base/errors.ts";
import { bindFailure } from "../port-check.ts";
import {
  bindFailureText,
  type PortRequest,
  portCandidates,
  portsClash,
  portTakenText,
} from "./choose-ports.ts";
import type { BoundPort, LocalSandbox } from "./local-network.ts";

export interface PortBinderDeps {
  /** Whether the swarm has published the port on this node. */
  readonly isPublished: (protocol: "tcp" | "udp", port: number) => boolean;
  readonly sandboxes: () => readonly LocalSandbox[];
  /** The errno name that keeps this node from using the port on that address. */
  readonly bindFailure?: typeof bindFailure;
}

/** Gives containers their published ports. Calls must come one after another, each result kept before the next. */
export class PortBinder {
  readonly #deps: PortBinderDeps;
  #lastGiven = 0;

  constructor(deps: PortBinderDeps) {
    this.#deps = deps;
  }

  /** Ports without an address are published on `hostAddress`. FAILED_PRECONDITION with Docker's text when one is taken. */
  async bind(requests: readonly PortRequest[], hostAddress: string): Promise<readonly BoundPort[]> {
    const bound: BoundPort[] = [];
    for (const request of requests) {
      const { protocol, containerPort, hostPort = 0 } = request;
      const hostIp = addressOf(request, hostAddress);
      const port = { protocol, containerPort, hostIp, hostPort };
      if (hostPort === 0) {
        bound.push(await this.#chosen(port, bound));
        continue;
      }
      if (this.#clashes(port, bound)) {
        throw new ClusterError("FAILED_PRECONDITION", portTakenText(port));
      }
      const failure = await this.#failure(port);
      if (failure === "EADDRINUSE" || failure === "EADDRNOTAVAIL") {
        throw new ClusterError("FAILED_PRECONDITION", bindFailureText(port, failure));
      }
      bound.push(port);
    }
    return bound;
  }

  async #chosen(port: BoundPort, bound: readonly BoundPort[]): Promise<BoundPort> {
    for (const hostPort of portCandidates(this.#lastGiven)) {
      const candidate = { ...port, hostPort };
      if (this.#clashes(candidate, bound) || (await this.#failure(candidate)) === "EADDRINUSE") {
        continue;
      }
      this.#lastGiven = hostPort;
      return candidate;
    }
    throw new ClusterError(
      "RESOURCE_EXHAUSTED",
      `all ephemeral ports of this node are taken: name a host port for ${port.containerPort}/${port.protocol}`,
    );
  }

  #clashes(port: BoundPort, bound: readonly BoundPort[]): boolean {
    const { isPublished, sandboxes } = this.#deps;
    return (
      bound.some((other) => portsClash(port, other)) ||
      sandboxes().some(({ ports }) => ports.some((other) => portsClash(port, other))) ||
      isPublished(port.protocol, port.hostPort)
    );
  }

  #failure({ protocol, hostPort, hostIp }: BoundPort): Promise<string | undefined> {
    return (this.#deps.bindFailure ?? bindFailure)(protocol, hostPort, hostIp);
  }
}

function addressOf({ hostIp = "" }: PortRequest, hostAddress: string): string {
  if (hostIp === "") return hostAddress;
  if (isIPv4(hostIp)) return hostIp;
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `invalid host address ${hostIp} of a published port: networks are IPv4 only`,
  );
}
