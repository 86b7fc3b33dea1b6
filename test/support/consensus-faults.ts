import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand, tryCommand } from "../../src/base/command.ts";
import { TestDaemon } from "./test-daemon.ts";
import type { TestHost } from "./test-hosts.ts";

/** Drops what `host` sends to the others (`out`) or what they send to it (`in`); the other direction goes on. `host.heal` does not end it. */
export async function cutOneWay(
  host: TestHost,
  others: readonly TestHost[],
  direction: "in" | "out",
): Promise<void> {
  const addresses = others.map(({ ip }) => ip).join(", ");
  const [side, hook] = direction === "in" ? ["saddr", "prerouting"] : ["daddr", "output"];
  await host.exec(
    ["nft", "-f", "-"],
    `table inet oneway\ndelete table inet oneway\ntable inet oneway {
      chain c { type filter hook ${hook} priority -500; ip ${side} { ${addresses} } drop; }
    }`,
  );
}

export async function healOneWay(host: TestHost): Promise<void> {
  await host.exec(["nft", "-f", "-"], "table inet oneway\ndelete table inet oneway\n");
}

/** A small disk of its own for the raft log of one daemon, which is restarted on it. Unmounted when the host's folder goes. */
export async function onSmallDisk(daemon: TestDaemon, megabytes: number): Promise<SmallDisk> {
  const folder = join(daemon.host.stateDir, "d/swarm/raft");
  const aside = `${folder}.aside`;
  await daemon.stop();
  renameSync(folder, aside);
  mkdirSync(folder, { mode: 0o700 });
  await runCommand("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700`, "none", folder]);
  await runCommand("cp", ["-a", `${aside}/.`, folder]);
  await daemon.start();
  const ballast = join(folder, "ballast");
  return {
    fill: async () => {
      await tryCommand("dd", ["if=/dev/zero", `of=${ballast}`, "bs=4k"]);
    },
    free: () => rmSync(ballast, { force: true }),
  };
}

/** What `onSmallDisk` gives. */
export interface SmallDisk {
  /** Leaves not a byte. */
  fill(): Promise<void>;
  free(): void;
}

/**
 * A daemon on the host of `daemon` whose wall clock runs `offset` (as "+3600s") ahead or behind; its monotonic time is everyone's.
 * The file it names may be written anew at any time.
 */
export function withOwnClock(
  daemon: TestDaemon,
  offset: string,
): { daemon: TestDaemon; set(offset: string): void } {
  const { host } = daemon;
  const file = join(host.stateDir, "clock");
  const set = (text: string): void => writeFileSync(file, `${text}\n`);
  set(offset);
  const variables = [
    `LD_PRELOAD=${fakeTimeLibrary()}`,
    `FAKETIME_TIMESTAMP_FILE=${file}`,
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
    "FAKETIME_CACHE_DURATION=1",
  ];
  const spawn: TestHost["spawn"] = (program, args, options) =>
    host.spawn("env", [...variables, program, ...args], options);
  return { daemon: new TestDaemon({ ...host, spawn }), set };
}

function fakeTimeLibrary(): string {
  const name = "faketime/libfaketime.so.1";
  const folders = readdirSync("/usr/lib").map((folder) => join("/usr/lib", folder, name));
  const found = folders.find((path) => existsSync(path));
  if (found === undefined) throw new Error("libfaketime is missing: run scripts/install-deps");
  return found;
}
