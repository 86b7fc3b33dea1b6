import { text } from "node:stream/consumers";
import { must } from "../src/base/assert.ts";
import type { TestHost } from "../test/support/test-hosts.ts";
import { programPath } from "./member-process.ts";
import type { LoadOptions, LoadResult } from "./raft-client.ts";

/** Runs the client on that host to its end. */
export async function runLoad(host: TestHost, options: LoadOptions): Promise<LoadResult> {
  const args = [programPath("raft-client"), JSON.stringify(options)];
  const child = host.spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const output = await text(must(child.stdout, "the client's output"));
  return JSON.parse(output) as LoadResult;
}
