import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a load of requests came to. */
export interface LoadResult {
  readonly sent: number;
  readonly ok: number;
  /** "reason at seconds" → how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** Body → how often it was the answer. */
  readonly bodies: Readonly<Record<string, number>>;
  readonly worstMs: number;
}

/** A running load. */
export interface RequestLoad {
  /** Lets the requests under way end, and tells the result. */
  stop(): Promise<LoadResult>;
}

/** GETs `url` from a network namespace (a path under /run or /proc) at `rate` a second, for `secondsMax` at most. */
export function startRequestLoad(
  namespacePath: string,
  url: string,
  rate: number,
  secondsMax = 90,
): RequestLoad {
  const main = fileURLToPath(new URL("./request-load-main.js", import.meta.url));
  const args = [process.execPath, main, url, String(rate), String(secondsMax)];
  const child = spawn("nsenter", [`--net=${namespacePath}`, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve());
  });
  ended.catch(() => {}); // told by stop()
  return {
    async stop() {
      child.stdin.on("error", () => {}); // it may have ended by itself
      child.stdin.end();
      await ended;
      return JSON.parse(Buffer.concat(chunks).toString()) as LoadResult;
    },
  };
}
