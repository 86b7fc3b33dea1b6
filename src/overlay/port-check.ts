import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { errnoCode } from "../base/errors.ts";
import type { PortProtocol } from "./network-state.ts";

/**
 * Whether another program of this node holds the port on `address` (all addresses: 0.0.0.0), or the node has no
 * such address. SCTP cannot be asked.
 */
export function portIsTaken(
  protocol: PortProtocol,
  port: number,
  address = "0.0.0.0",
): Promise<boolean> {
  if (protocol === "sctp") return Promise.resolve(false);
  return new Promise((resolve) => {
    const onError = (error: Error) =>
      resolve(["EADDRINUSE", "EADDRNOTAVAIL"].includes(errnoCode(error) ?? ""));
    if (protocol === "tcp") {
      const server = createServer();
      server.once("error", onError);
      server.listen({ host: address, port, exclusive: true }, () => {
        server.close(() => resolve(false));
      });
    } else {
      const socket = createSocket("udp4");
      socket.once("error", (error) => {
        socket.close();
        onError(error);
      });
      socket.bind({ address, port, exclusive: true }, () => {
        socket.close(() => resolve(false));
      });
    }
  });
}
