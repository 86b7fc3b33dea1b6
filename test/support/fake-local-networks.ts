import { ClusterError } from "../../src/base/errors.ts";
import type {
  LocalNetworkData,
  LocalNetworkOptions,
  LocalNetworks,
} from "../../src/rest/backend/networks.ts";

const predefined = ["bridge", "host", "none"];

/** Networks of one node in memory; "used" is one that cannot be removed. */
export class FakeLocalNetworks implements LocalNetworks {
  readonly #networks = new Map<string, LocalNetworkData>();

  constructor() {
    for (const name of predefined) {
      this.#add({
        name,
        driver: name === "none" ? "null" : name,
        ipam:
          name === "bridge"
            ? [{ subnet: "172.18.0.0/16", gateway: "172.18.0.1", ipRange: "", reserved: {} }]
            : [],
        ...{ internal: false, attachable: false, options: {}, labels: {} },
      });
    }
  }

  async list(): Promise<readonly LocalNetworkData[]> {
    return [...this.#networks.values()];
  }

  async create(options: LocalNetworkOptions): Promise<string> {
    const { subnet, gateway, ipRange, reserved, ...network } = options;
    return this.#add({
      ...network,
      driver: "bridge",
      ipam: [{ subnet, gateway, ipRange, reserved }],
    });
  }

  async remove(id: string): Promise<void> {
    const name = this.#networks.get(id)?.name ?? "";
    if (predefined.includes(name)) {
      throw new ClusterError(
        "PERMISSION_DENIED",
        `${name} is a pre-defined network and cannot be removed`,
      );
    }
    if (name === "used") {
      throw new ClusterError("PERMISSION_DENIED", "error while removing network: in use");
    }
    this.#networks.delete(id);
  }

  #add(network: Omit<LocalNetworkData, "id" | "createdAtMs">): string {
    const id = `${network.name}id`.padEnd(64, "0");
    this.#networks.set(id, { ...network, id, createdAtMs: 1_700_000_000_000 });
    return id;
  }
}
