import { createServer } from "node:http";
import { ClusterError, errorMessage } from "../base/errors.ts";
import { splitHostPort } from "../base/ip.ts";
import type { DaemonMetrics } from "./metrics.ts";

const defaultPort = 9323;

/** Serves `GET /metrics` at host:port, as dockerd's --metrics-addr; resolves with what ends it. INVALID_ARGUMENT. */
export async function serveMetrics(
  address: string,
  metrics: Pick<DaemonMetrics, "text" | "contentType">,
): Promise<() => Promise<void>> {
  const { host, port } = splitHostPort(address, defaultPort);
  const server = createServer(async (request, response) => {
    if (request.method !== "GET" || request.url?.split("?")[0] !== "/metrics") {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("404 page not found\n");
      return;
    }
    try {
      const text = await metrics.text();
      response.writeHead(200, { "Content-Type": metrics.contentType }).end(text);
    } catch (error) {
      response.writeHead(500, { "Content-Type": "text/plain" }).end(`${errorMessage(error)}\n`);
    }
  });
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      reject(
        new ClusterError(
          "INVALID_ARGUMENT",
          `option --metrics-addr: cannot listen at ${address}: ${error.message}`,
        ),
      );
    });
    server.listen(port, host, resolve);
  });
  return async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
}
