import { CommanderError } from "commander";
import { pino } from "pino";
import { errorMessage, isClusterError } from "../base/errors.ts";
import { giveFreedMemoryBack } from "../base/freed-memory.ts";
import { collectOftenAndShortly, leaveLargeHeapAsItIs } from "../base/heap.ts";
import { type DaemonConfig, readConfig } from "./config.ts";
import { Daemon } from "./daemon.ts";

await main();

async function main(): Promise<void> {
  collectOftenAndShortly();
  leaveLargeHeapAsItIs();
  giveFreedMemoryBack();
  const { config, warnings } = configOrExit();
  const log = pino({
    level: config.logLevel,
    redact: ["token", "key", "unlockKey", "*.token", "*.privateKeyPem", "*.caKey"],
  });
  for (const warning of warnings) log.warn({}, warning);
  if (config.validateOnly) {
    process.stdout.write("configuration OK\n");
    return;
  }
  const daemon = await Daemon.start(config, log).catch((error: unknown) => {
    // What the operator can mend says so by itself; of all else we want to know where it came from.
    const err = isClusterError(error) ? error.message : error;
    log.fatal({ err }, "the daemon could not start");
    process.stderr.write(`skepd: ${errorMessage(error)}\n`);
    process.exit(1);
  });
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1); // asked twice: at once
      stopping = true;
      log.info({ signal }, "stopping");
      daemon.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, "the daemon did not stop cleanly");
          process.exit(1);
        },
      );
    });
  }
  // A forgotten rejection is a bug, but no reason to leave the node without its daemon.
  process.on("unhandledRejection", (error) => log.error({ err: error }, "unhandled rejection"));
}

function configOrExit(): { config: DaemonConfig; warnings: string[] } {
  try {
    return readConfig(process.argv.slice(2));
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode); // it has told
    process.stderr.write(`skepd: ${errorMessage(error)}\n`);
    process.exit(1);
  }
}
