import type { Command } from "commander";
import { ClusterError } from "../../base/errors.ts";
import type { SwarmJson, UnlockKeyJson } from "../../rest/wire/swarm.ts";
import type { InfoJson } from "../../rest/wire/system.ts";
import { readSecret } from "../read-secret.ts";
import type { OpenSession, Session } from "../session.ts";
import { parseSwitch } from "../values.ts";

/** `skep swarm unlock` and `unlock-key`. */
export function addUnlockCommands(swarm: Command, open: OpenSession): void {
  swarm
    .command("unlock")
    .description("Unlock this manager after a restart; asks for the key, or reads it from a pipe")
    .action(async () => unlock(open(), () => readSecret("Enter unlock key: ")));
  swarm
    .command("unlock-key")
    .description("Show or change the key that unlocks managers")
    .option("-q, --quiet", "only the key")
    .option("--rotate", "make a new key; the old one stops working on managers that are up")
    .action(async (options: { quiet?: boolean; rotate?: boolean }) => unlockKey(open(), options));
}

/** Asks for the key only where it is of use. */
export async function unlock(session: Session, read: () => Promise<string>): Promise<void> {
  const { Swarm } = await session.client.get<InfoJson>("/info");
  if (Swarm.LocalNodeState === "inactive") {
    throw new ClusterError("FAILED_PRECONDITION", "this node is not part of a swarm");
  }
  if (Swarm.LocalNodeState !== "locked") {
    throw new ClusterError("FAILED_PRECONDITION", "swarm is not locked");
  }
  await session.client.post("/swarm/unlock", { body: { UnlockKey: await read() } });
}

/** What `--autolock`, `--autolock=true` or `--autolock=false` says. INVALID_ARGUMENT. */
export function parseAutolock(value: string | boolean): boolean {
  if (typeof value === "boolean") return value;
  return parseSwitch("--autolock", value);
}

/** Shows the key that somebody must keep from now on. */
export async function tellUnlockKey(session: Session): Promise<void> {
  const { UnlockKey } = await session.client.get<UnlockKeyJson>("/swarm/unlockkey");
  session.print(
    `\nAfter a restart a manager waits for this key; give it with 'skep swarm unlock':\n\n    ${UnlockKey}\n\nKeep it in a password manager: without it no manager that has restarted can be used again.`,
  );
}

async function unlockKey(
  session: Session,
  { quiet = false, rotate = false }: { quiet?: boolean; rotate?: boolean },
): Promise<void> {
  if (rotate) await rotateKey(session);
  const { UnlockKey } = await session.client.get<UnlockKeyJson>("/swarm/unlockkey");
  if (UnlockKey === "") throw new ClusterError("FAILED_PRECONDITION", "no unlock key is set");
  if (quiet) {
    session.print(UnlockKey);
    return;
  }
  if (rotate) session.print("Successfully rotated manager unlock key.");
  await tellUnlockKey(session);
}

async function rotateKey(session: Session): Promise<void> {
  const { Spec, Version } = await session.client.get<SwarmJson>("/swarm");
  if (!Spec.EncryptionConfig.AutoLockManagers) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      "cannot rotate because autolock is not turned on",
    );
  }
  const query = {
    version: Version.Index,
    rotateWorkerToken: false,
    rotateManagerToken: false,
    rotateManagerUnlockKey: true,
  };
  await session.client.post("/swarm/update", { query, body: Spec });
}
