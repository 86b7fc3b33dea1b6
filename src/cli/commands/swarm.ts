import type { Command } from "commander";
import type { NodeJson } from "../../rest/wire/node.ts";
import type { SwarmJson, SwarmSpecJson } from "../../rest/wire/swarm.ts";
import type { InfoJson } from "../../rest/wire/system.ts";
import { ApiError } from "../client.ts";
import { collect, type OpenSession, type Session } from "../session.ts";
import { invalid, parseChoice, parseCount, parseDuration } from "../values.ts";
import { addBackupCommands } from "./swarm-backup.ts";
import { addCaCommand, type CaFlags, readCaFlags } from "./swarm-ca.ts";
import { addUnlockCommands, parseAutolock, tellUnlockKey } from "./swarm-unlock.ts";

const availabilities = ["active", "pause", "drain"] as const;

/** Settings of the cluster, for init and update. */
interface SettingFlags {
  certExpiry?: string;
  dispatcherHeartbeat?: string;
  taskHistoryLimit?: string;
  snapshotInterval?: string;
  autolock?: string | boolean;
}

interface InitOptions extends SettingFlags, CaFlags {
  advertiseAddr?: string;
  listenAddr: string;
  dataPathAddr?: string;
  dataPathPort?: string;
  defaultAddrPool?: string[];
  defaultAddrPoolMaskLength?: string;
  availability: string;
  forceNewCluster?: boolean;
}

interface UpdateOptions extends SettingFlags {
  externalCa?: string[];
}

interface JoinOptions {
  token: string;
  advertiseAddr?: string;
  listenAddr: string;
  dataPathAddr?: string;
  availability: string;
}

/** `skep swarm …` */
export function addSwarmCommands(program: Command, open: OpenSession): void {
  const swarm = program.command("swarm").description("Manage the swarm this node is part of");
  swarm
    .command("init")
    .description("Make a swarm with this node as its first manager")
    .option("--advertise-addr <address>", "ip|interface[:port] other nodes reach this one at")
    .option("--listen-addr <address>", "ip|interface[:port] to listen on", "0.0.0.0:2377")
    .option("--data-path-addr <address>", "ip|interface of the containers' traffic")
    .option("--data-path-port <port>", "UDP port of the containers' traffic (default 4789)")
    .option("--default-addr-pool <cidr>", "pool that networks are cut from", collect)
    .option("--default-addr-pool-mask-length <n>", "size of each network (default 24)")
    .option("--availability <word>", "active, pause or drain", "active")
    .option("--ca-cert <file>", "PEM of the root to begin with (default: a new one)")
    .option("--ca-key <file>", "PEM of its key")
    .option("--external-ca <spec>", "protocol=cfssl,url=https://…[,cacert=FILE]", collect)
    .option("--force-new-cluster", "make a new swarm from the state of this manager")
    .option("--cert-expiry <duration>", "life of node certificates (default 2160h)")
    .option("--dispatcher-heartbeat <duration>", "time between heartbeats (default 5s)")
    .option("--task-history-limit <n>", "dead tasks kept per slot (default 5)")
    .option("--snapshot-interval <n>", "log entries between snapshots (default 10000)")
    .option("--autolock [true|false]", "managers need a key after a restart")
    .action(async (options: InitOptions) => init(open(), options));
  swarm
    .command("join")
    .description("Join a swarm as the role that the token gives")
    .argument("<host:port>", "a manager")
    .requiredOption("--token <token>", "join token; `skep swarm join-token` shows it")
    .option("--advertise-addr <address>", "ip|interface[:port] other nodes reach this one at")
    .option("--listen-addr <address>", "ip|interface[:port] to listen on", "0.0.0.0:2377")
    .option("--data-path-addr <address>", "ip|interface of the containers' traffic")
    .option("--availability <word>", "active, pause or drain", "active")
    .action(async (remote: string, options: JoinOptions) => join(open(), remote, options));
  swarm
    .command("join-token")
    .description("Show how to join, or renew the token")
    .argument("<worker|manager>")
    .option("--rotate", "make a new token; the old one stops working")
    .option("-q, --quiet", "only the token")
    .action(async (role: string, options: { rotate?: boolean; quiet?: boolean }) =>
      joinToken(open(), role, options),
    );
  swarm
    .command("update")
    .description("Change settings of the swarm")
    .option("--cert-expiry <duration>", "life of node certificates")
    .option("--dispatcher-heartbeat <duration>", "time between heartbeats")
    .option("--task-history-limit <n>", "dead tasks kept per slot")
    .option("--snapshot-interval <n>", "log entries between snapshots")
    .option("--autolock [true|false]", "whether managers need a key after a restart")
    .option("--external-ca <spec>", "protocol=cfssl,url=https://…[,cacert=FILE]", collect)
    .action(async (options: UpdateOptions, command: Command) => {
      if (Object.keys(options).length === 0) command.help();
      await update(open(), options);
    });
  addCaCommand(swarm, open);
  addUnlockCommands(swarm, open);
  addBackupCommands(swarm, open);
  swarm
    .command("leave")
    .description("Leave the swarm")
    .option("-f, --force", "also as a manager")
    .action(async (options: { force?: boolean }) => {
      const session = open();
      await session.client.post("/swarm/leave", { query: { force: options.force ? 1 : 0 } });
      session.print("Node left the swarm.");
    });
}

async function init(session: Session, options: InitOptions): Promise<void> {
  const spec = withSettings(defaultSpec, options);
  const body = {
    ListenAddr: options.listenAddr,
    AdvertiseAddr: options.advertiseAddr ?? "",
    DataPathAddr: options.dataPathAddr ?? "",
    DataPathPort: parseCount("--data-path-port", options.dataPathPort ?? "0"),
    DefaultAddrPool: options.defaultAddrPool ?? null,
    SubnetSize: parseCount(
      "--default-addr-pool-mask-length",
      options.defaultAddrPoolMaskLength ?? "0",
    ),
    ForceNewCluster: options.forceNewCluster ?? false,
    Availability: parseChoice("--availability", options.availability, availabilities),
    Spec: { ...spec, CAConfig: { ...spec.CAConfig, ...(await readCaFlags(options)) } },
  };
  const nodeId = await advised(session.client.post<string>("/swarm/init", { body }));
  session.print(`Swarm initialized: current node (${nodeId}) is now a manager.\n`);
  const swarm = await session.client.get<SwarmJson>("/swarm");
  const node = await session.client.get<NodeJson>(`/nodes/${nodeId}`);
  session.print("To add a worker to this swarm, run the following command:\n");
  session.print(joinCommand(swarm.JoinTokens.Worker, node.ManagerStatus?.Addr ?? ""));
  session.print(
    "\nTo add a manager to this swarm, run 'skep swarm join-token manager' and follow the instructions.",
  );
  if (body.Spec.EncryptionConfig.AutoLockManagers) await tellUnlockKey(session);
}

async function join(session: Session, remote: string, options: JoinOptions): Promise<void> {
  parseToken(options.token);
  const body = {
    RemoteAddrs: [remote],
    JoinToken: options.token,
    ListenAddr: options.listenAddr,
    AdvertiseAddr: options.advertiseAddr ?? "",
    DataPathAddr: options.dataPathAddr ?? "",
    Availability: parseChoice("--availability", options.availability, availabilities),
  };
  await advised(session.client.post("/swarm/join", { body }));
  const info = await session.client.get<InfoJson>("/info");
  const role = info.Swarm.ControlAvailable ? "manager" : "worker";
  session.print(`This node joined a swarm as a ${role}.`);
}

// The daemon does not know by which flag it was to be told, and says as much as Docker's.
async function advised<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const isAddress = /could not (find the system's|choose an) IP address/;
    if (!(error instanceof ApiError) || !isAddress.test(error.message)) throw error;
    const text = `${error.message} - specify one with --advertise-addr`;
    throw new ApiError(error.status, text);
  }
}

// "SWMTKN-1-" and the digest of the root: without them no daemon need be asked.
function parseToken(token: string): void {
  if (!/^SWMTKN-1-[0-9a-z]+-[0-9a-z]+$/.test(token)) {
    throw invalid("--token", token, "what `skep swarm join-token` shows on a manager");
  }
}

async function joinToken(
  session: Session,
  text: string,
  options: { rotate?: boolean; quiet?: boolean },
): Promise<void> {
  const role = parseChoice("the role", text, ["worker", "manager"]);
  let swarm = await session.client.get<SwarmJson>("/swarm");
  if (options.rotate === true) {
    await session.client.post("/swarm/update", {
      query: {
        version: swarm.Version.Index,
        rotateWorkerToken: role === "worker",
        rotateManagerToken: role === "manager",
        rotateManagerUnlockKey: false,
      },
      body: swarm.Spec,
    });
    swarm = await session.client.get<SwarmJson>("/swarm");
    if (options.quiet !== true) session.print(`Successfully rotated ${role} join token.\n`);
  }
  const token = role === "worker" ? swarm.JoinTokens.Worker : swarm.JoinTokens.Manager;
  if (options.quiet === true) {
    session.print(token);
    return;
  }
  const info = await session.client.get<InfoJson>("/info");
  const node = await session.client.get<NodeJson>(`/nodes/${info.Swarm.NodeID}`);
  session.print(`To add a ${role} to this swarm, run the following command:\n`);
  session.print(joinCommand(token, node.ManagerStatus?.Addr ?? ""));
  session.print("");
}

function joinCommand(token: string, address: string): string {
  return `    skep swarm join --token ${token} ${address}`;
}

async function update(session: Session, options: UpdateOptions): Promise<void> {
  const { Spec, Version } = await session.client.get<SwarmJson>("/swarm");
  const query = {
    version: Version.Index,
    rotateWorkerToken: false,
    rotateManagerToken: false,
    rotateManagerUnlockKey: false,
  };
  const spec = withSettings(Spec, options);
  const changed = options.externalCa === undefined ? {} : { externalCa: options.externalCa };
  const body = { ...spec, CAConfig: { ...spec.CAConfig, ...(await readCaFlags(changed)) } };
  await session.client.post("/swarm/update", { query, body });
  session.print("Swarm updated.");
  const locked = (spec: SwarmSpecJson): boolean => spec.EncryptionConfig.AutoLockManagers;
  if (locked(body) && !locked(Spec)) await tellUnlockKey(session);
}

const defaultSpec: SwarmSpecJson = {
  Name: "default",
  Labels: {},
  Orchestration: {},
  Raft: { ElectionTick: 0, HeartbeatTick: 0 },
  Dispatcher: {},
  CAConfig: {},
  TaskDefaults: {},
  EncryptionConfig: { AutoLockManagers: false },
};

// The settings with what the flags change.
function withSettings(before: SwarmSpecJson, flags: SettingFlags): SwarmSpecJson {
  const spec = structuredClone(before);
  if (flags.taskHistoryLimit !== undefined) {
    const limit = parseCount("--task-history-limit", flags.taskHistoryLimit);
    spec.Orchestration.TaskHistoryRetentionLimit = limit;
  }
  if (flags.snapshotInterval !== undefined) {
    spec.Raft.SnapshotInterval = parseCount("--snapshot-interval", flags.snapshotInterval);
  }
  if (flags.dispatcherHeartbeat !== undefined) {
    const period = parseDuration("--dispatcher-heartbeat", flags.dispatcherHeartbeat);
    spec.Dispatcher.HeartbeatPeriod = period;
  }
  if (flags.certExpiry !== undefined) {
    spec.CAConfig.NodeCertExpiry = parseDuration("--cert-expiry", flags.certExpiry);
  }
  if (flags.autolock !== undefined) {
    spec.EncryptionConfig = { AutoLockManagers: parseAutolock(flags.autolock) };
  }
  return spec;
}
