import { ClusterError } from "../../base/errors.ts";

/** What the driver options of a bridge network say. */
export interface BridgeOptions {
  /** Name of the bridge; "" = ours to choose. */
  readonly name: string;
  readonly mtu: number;
  /** Whether its containers reach each other. */
  readonly containersMeet: boolean;
  readonly masquerade: boolean;
  /** Where ports are published that name no address. */
  readonly hostAddress: string;
}

const prefix = "com.docker.network.";
const mtuDefault = 1500;

/** Reads Docker's options of the bridge driver. INVALID_ARGUMENT names an option that is not honoured, or its value. */
export function readBridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const read = {
    name: "",
    mtu: mtuDefault,
    containersMeet: true,
    masquerade: true,
    hostAddress: "0.0.0.0",
  };
  for (const [key, value] of Object.entries(options)) {
    switch (key) {
      case `${prefix}bridge.name`:
        if (!/^[A-Za-z0-9_.-]{1,15}$/.test(value) || value === "." || value === "..") {
          throw wrongValue(key, value, "a name of a link, 15 characters at most");
        }
        read.name = value;
        break;
      case `${prefix}driver.mtu`:
      case "mtu":
        read.mtu = Number(value);
        if (!/^\d{1,5}$/.test(value) || read.mtu < 68 || read.mtu > 65_535) {
          throw wrongValue(key, value, "a number from 68 to 65535");
        }
        break;
      case `${prefix}bridge.enable_icc`:
        read.containersMeet = flag(key, value);
        break;
      case `${prefix}bridge.enable_ip_masquerade`:
        read.masquerade = flag(key, value);
        break;
      case `${prefix}bridge.host_binding_ipv4`:
        if (!/^\d+(\.\d+){3}$/.test(value)) throw wrongValue(key, value, "an IPv4 address");
        read.hostAddress = value;
        break;
      case `${prefix}bridge.gateway_mode_ipv4`:
        if (value !== "nat") throw wrongValue(key, value, '"nat", the only mode here');
        break;
      default:
        throw new ClusterError(
          "INVALID_ARGUMENT",
          `network option ${key} is not supported by this daemon; leave it away`,
        );
    }
  }
  return read;
}

function flag(key: string, value: string): boolean {
  if (["true", "1", "t", "T", "TRUE", "True"].includes(value)) return true;
  if (["false", "0", "f", "F", "FALSE", "False"].includes(value)) return false;
  throw wrongValue(key, value, "true or false");
}

function wrongValue(key: string, value: string, wanted: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `network option ${key}: "${value}" is not ${wanted}`);
}
