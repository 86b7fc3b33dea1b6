import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorMessage, isClusterError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { raftProtocol } from "../../src/raft/transport/raft-service.ts";
import { ChannelPool } from "../../src/rpc/channel-pool.ts";
import { fixedIdentity } from "../../src/rpc/credentials.ts";
import { serviceDefinition } from "../../src/rpc/load-proto.ts";

// A node of the cluster that calls everything of every manager with the certificates in a folder, in its own process, so that it can live in
// any network namespace. Holds a stream to each manager open first (where it may), prints "holding", and after a line of input prints one
// line of JSON: address → method → code, and how the held streams ended. Arguments: folder, node id, cluster id, addresses.

const [folder = "", nodeId = "", clusterId = "", ...addresses] = process.argv.slice(2);
const read = (name: string): string => readFileSync(join(folder, name), "utf8");
const channels = new ChannelPool({
  identity: fixedIdentity({
    certificatePem: read("swarm-node.crt"),
    privateKeyPem: read("swarm-node.key"),
    rootCaPem: read("swarm-root-ca.crt"),
    nodeId,
    clusterId,
    role: "worker",
  }),
  log: silentLogger,
});
const services = ["Control", "Dispatcher", "NodeCa", "Raft", "RaftMembership", "Logs", "LogBroker"];
const open = new Map<string, string>();

for (const address of addresses) {
  open.set(address, "open");
  void hold(address);
}
setTimeout(() => process.stdout.write("holding\n"), 1_000);
process.stdin.once("data", () => void report());

// What a worker may hold open on any manager: log subscriptions of its node.
async function hold(address: string): Promise<void> {
  try {
    const stream = channels.serverStream<object, object>(
      address,
      "LogBroker",
      "ListenSubscriptions",
      {},
    );
    for await (const _ of stream) open.set(address, "heard");
    open.set(address, "ended");
  } catch (error) {
    open.set(
      address,
      isClusterError(error) ? `${error.code} ${error.message}` : errorMessage(error),
    );
  }
}

async function report(): Promise<void> {
  // A heartbeat is what cutting may take.
  for (let left = 50; left > 0 && [...open.values()].some(isOpen); left -= 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const held = Object.fromEntries(open);
  const answers: Record<string, Record<string, string>> = {};
  for (const address of addresses) {
    const codes: Record<string, string> = {};
    for (const service of services) {
      for (const [method, { requestStream, responseStream }] of Object.entries(
        serviceDefinition(service),
      )) {
        codes[`${service}.${method}`] = await codeOf(
          address,
          service,
          method,
          requestStream,
          responseStream,
        );
      }
    }
    codes[raftProtocol] = await codeOfLink(address);
    answers[address] = codes;
  }
  process.stdout.write(`${JSON.stringify({ held, answers })}\n`);
  process.exit(0);
}

function isOpen(state: string): boolean {
  return state === "open" || state === "heard";
}

function codeOfLink(address: string): Promise<string> {
  return new Promise((resolve) => {
    const link = channels.link(address, raftProtocol, {
      onOpen: () => resolve("answered"),
      onMessage() {},
      onDrain() {},
      onEnd: ({ code }) => resolve(code),
    });
    setTimeout(() => {
      link.close();
      resolve("DEADLINE_EXCEEDED");
    }, 3_000).unref();
  });
}

async function codeOf(
  address: string,
  service: string,
  method: string,
  isUpload: boolean,
  isDownload: boolean,
): Promise<string> {
  try {
    if (isUpload) {
      const call = channels.upload<object, object>(address, service, method, { timeoutMs: 3_000 });
      call.end();
      await call.response;
    } else if (isDownload) {
      const options = { timeoutMs: 3_000 };
      for await (const _ of channels.serverStream(address, service, method, {}, options)) {
        return "answered";
      }
    } else await channels.unary(address, service, method, {}, { timeoutMs: 3_000 });
    return "answered";
  } catch (error) {
    return isClusterError(error) ? error.code : errorMessage(error);
  }
}
