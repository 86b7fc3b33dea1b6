import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { errnoCode } from "../base/errors.ts";
import type { PortProtocol } from "./network-state.ts";

/** Whether another program of this node holds the port on all addresses. SCTP cannot be asked. */
export function portIsTaken(protocol: PortProtocol, port: number): Promise<boolean> {
  if (protocol === "sctp") return Promise.resolve(false);
  return new Promise((resolve) => {
    const onError = (error: Error) => resolve(errnoCode(error) === "EADDRINUSE");
    if (protocol === "tcp") {
      const server = createServer();
      server.once("error", onError);
      server.listen({ host: "0.0.0.0", port, exclusive: true }, () => {
        server.close(() => resolve(false));
      });
    } else {
      const socket = createSocket("udp4");
      socket.once("error", (error) => {
        socket.close();
        onError(error);
      });
      socket.bind({ address: "0.0.0.0", port, exclusive: true }, () => {
        socket.close(() => resolve(false));
      });
    }
  });
}
