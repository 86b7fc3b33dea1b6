import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../src/base/assert.ts";
import { tryCommand } from "../src/base/command.ts";
import type { TlsIdentity } from "../src/rpc/credentials.ts";
import type { TestHost } from "../test/support/test-hosts.ts";
import { until } from "../test/support/until.ts";
import { installProgram } from "./install-peer.ts";

// Debian's etcd as the peer: one member a host, mutual TLS among members and towards clients, everything else as it comes.

/** Why etcd cannot be had; undefined when it is there. Installs Debian's package if it is missing. */
export function installEtcd(): Promise<string | undefined> {
  return installProgram("etcd", "etcd-server");
}

/** Empty when there is none. */
export async function etcdVersion(): Promise<string> {
  const answer = await tryCommand("etcd", ["--version"]).catch(() => undefined);
  return answer?.exitCode === 0 ? (answer.stdout.split("\n")[0] ?? "").trim() : "";
}

/** A running group; `leader` is where clients go. */
export interface RunningGroup {
  readonly leader: string;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Starts one member on each host; `identities` are theirs, in order, with the hosts' addresses as names. */
export async function startEtcd(
  hosts: readonly TestHost[],
  identities: readonly TlsIdentity[],
): Promise<RunningGroup> {
  const cluster = hosts.map(({ ip }, at) => `m${at + 1}=https://${ip}:2380`).join(",");
  const children = hosts.map((host, at) =>
    startMember(host, `m${at + 1}`, cluster, must(identities[at], "an identity")),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => end(child)));
  };
  try {
    const leader = await until("an etcd leader", 30_000, async () => {
      const leading = await Promise.all(hosts.map(leads));
      return hosts[leading.indexOf(true)];
    });
    return { leader: `${leader.ip}:2379`, pids: pidsOf(children), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ends a child process and waits until it is gone. */
export async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await gone;
}

/** Of those that were started. */
export function pidsOf(children: readonly ChildProcess[]): number[] {
  return children.map(({ pid }) => pid).filter((pid) => pid !== undefined);
}

// By etcd's JSON gateway: the member that names itself as the leader.
async function leads(host: TestHost): Promise<boolean> {
  const path = (suffix: string): string => join(host.stateDir, `etcd.${suffix}`);
  const files = ["--cacert", path("ca"), "--cert", path("crt"), "--key", path("key")];
  const url = `https://${host.ip}:2379/v3/maintenance/status`;
  const args = ["curl", "-s", "-m", "2", ...files, "-d", "{}", url];
  const answer = await host.exec(args).catch(() => "{}");
  const status = JSON.parse(answer) as { leader?: string; header?: { member_id?: string } };
  return status.leader !== undefined && status.leader === status.header?.member_id;
}

function startMember(
  host: TestHost,
  name: string,
  cluster: string,
  identity: TlsIdentity,
): ChildProcess {
  const file = (suffix: string, content: string): string => {
    const path = join(host.stateDir, `etcd.${suffix}`);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const certificate = file("crt", identity.certificatePem);
  const key = file("key", identity.privateKeyPem);
  const root = file("ca", identity.rootCaPem);
  const [peerUrl, clientUrl] = [`https://${host.ip}:2380`, `https://${host.ip}:2379`];
  return host.spawn(
    "etcd",
    [
      ...["--name", name, "--data-dir", join(host.stateDir, "etcd")],
      ...["--initial-cluster", cluster, "--initial-cluster-state", "new"],
      ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
      ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
      ...["--client-cert-auth", "--peer-client-cert-auth"],
      ...["--trusted-ca-file", root, "--cert-file", certificate, "--key-file", key],
      ...["--peer-trusted-ca-file", root, "--peer-cert-file", certificate, "--peer-key-file", key],
    ],
    { stdio: "ignore" },
  );
}
