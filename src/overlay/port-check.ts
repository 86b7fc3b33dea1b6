import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { errnoCode } from "../base/errors.ts";
import type { PortProtocol } from "./network-state.ts";

/** Whether another program of this node holds the port on all addresses. SCTP cannot be asked. */
export async function portIsTaken(protocol: PortProtocol, port: number): Promise<boolean> {
  if (protocol === "sctp") return false;
  return (await bindFailure(protocol, port, "0.0.0.0")) === "EADDRINUSE";
}

/** The errno name that keeps this node from using the port on `address` now; undefined when nothing does. */
export function bindFailure(
  protocol: "tcp" | "udp",
  port: number,
  address: string,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const onError = (error: Error) => resolve(errnoCode(error));
    if (protocol === "tcp") {
      const server = createServer();
      server.once("error", onError);
      server.listen({ host: address, port, exclusive: true }, () => {
        server.close(() => resolve(undefined));
      });
    } else {
      const socket = createSocket("udp4");
      socket.once("error", (error) => {
        socket.close();
        onError(error);
      });
      socket.bind({ address, port, exclusive: true }, () => {
        socket.close(() => resolve(undefined));
      });
    }
  });
}
