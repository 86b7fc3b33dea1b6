import { createReadStream } from "node:fs";
import { access, chmod, open as openFile, rename, unlink } from "node:fs/promises";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { ClusterError, errnoCode } from "../../base/errors.ts";
import { backupKeyHeader, type RestoredSwarmJson } from "../../rest/wire/swarm-backup.ts";
import { checkFlagFile, readFlagFile } from "../flag-file.ts";
import { readSecret } from "../read-secret.ts";
import type { OpenSession, Session } from "../session.ts";
import { invalid } from "../values.ts";

interface BackupOptions {
  keyFile?: string;
  stale?: boolean;
}

interface RestoreOptions {
  keyFile?: string;
  advertiseAddr?: string;
  listenAddr: string;
  dataPathAddr?: string;
}

/** `skep swarm backup` and `skep swarm restore` */
export function addBackupCommands(swarm: Command, open: OpenSession): void {
  swarm
    .command("backup")
    .description("Write the cluster's whole state to a file, sealed with a key of its own")
    .argument("<file>", "must not exist yet")
    .option("--key-file <file>", "write the key there (mode 0600) instead of showing it")
    .option("--stale", "what this manager knows, for a cluster that has no leader")
    .action(async (file: string, options: BackupOptions) => backup(open(), file, options));
  swarm
    .command("restore")
    .description("Make this node the one manager of the cluster that a backup is of")
    .argument("<file>")
    .option("--key-file <file>", "file with the backup's key; asked for without it")
    .option("--advertise-addr <address>", "ip|interface[:port] other nodes reach this one at")
    .option("--listen-addr <address>", "ip|interface[:port] to listen on", "0.0.0.0:2377")
    .option("--data-path-addr <address>", "ip|interface of the containers' traffic")
    .action(async (file: string, options: RestoreOptions) => restore(open(), file, options));
}

async function backup(session: Session, file: string, options: BackupOptions): Promise<void> {
  await mustNotExist("<file>", file);
  if (options.keyFile !== undefined) await mustNotExist("--key-file", options.keyFile);
  const query = { stale: options.stale === true ? 1 : undefined };
  const answer = await session.client.stream("POST", "/swarm/backup", { query });
  const key = String(answer.headers[backupKeyHeader.toLowerCase()] ?? "");
  // First the key: a backup that nobody can open is none.
  if (options.keyFile !== undefined) await writePrivate(options.keyFile, `${key}\n`);
  const partial = `${file}.partial`;
  const target = await openFile(partial, "w", 0o600);
  let sizeBytes = 0;
  try {
    await chmod(partial, 0o600); // it may have been there
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        sizeBytes += chunk.length;
        target.writeFile(chunk).then(() => done(), done);
      },
    });
    await pipeline(answer, sink);
    await target.sync();
  } catch (error) {
    await unlink(partial);
    if (options.keyFile !== undefined) await unlink(options.keyFile);
    throw error;
  } finally {
    await target.close();
  }
  await rename(partial, file);
  session.print(`Wrote ${file} (${sizeBytes} bytes).`);
  if (options.keyFile !== undefined) {
    session.print(`Its key is in ${options.keyFile}: keep it apart from the backup.`);
    return;
  }
  session.print(
    "\nTo restore it, this key is needed. It is kept nowhere: write it down, apart from",
  );
  session.print(`the backup.\n\n    ${key}\n`);
}

async function restore(session: Session, file: string, options: RestoreOptions): Promise<void> {
  await checkFlagFile("<file>", file, "read");
  const key =
    options.keyFile === undefined
      ? await readSecret("Please enter the backup's key: ")
      : await readFlagFile("--key-file", options.keyFile);
  if (key.trim() === "") {
    throw invalid("--key-file", options.keyFile ?? "", "a file with the backup's key, or be typed");
  }
  const restored = await session.client.post<RestoredSwarmJson>("/swarm/restore", {
    query: {
      advertiseAddr: options.advertiseAddr ?? "",
      listenAddr: options.listenAddr,
      dataPathAddr: options.dataPathAddr ?? "",
    },
    headers: { [backupKeyHeader]: key.trim(), "Content-Type": "application/octet-stream" },
    upload: createReadStream(file),
  });
  session.print(`Cluster ${restored.ClusterID} is restored as of ${restored.BackupCreatedAt}.`);
  session.print(`This node (${restored.NodeID}) is its one manager now.\n`);
  session.print(
    "Workers that know this address come back by themselves; elsewhere run on each worker",
  );
  session.print(
    'what "skep swarm join-token worker" shows: its containers run on. Each former manager',
  );
  session.print('must run "skep swarm leave --force" and join again; "skep node rm" takes the old');
  session.print("one off the list.");
}

async function writePrivate(path: string, text: string): Promise<void> {
  const file = await openFile(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function mustNotExist(flag: string, path: string): Promise<void> {
  try {
    await access(path);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return await checkFlagFile(flag, path, "written");
    throw error;
  }
  throw new ClusterError(
    "ALREADY_EXISTS",
    `${path} exists already, and is not overwritten: name another file`,
  );
}
