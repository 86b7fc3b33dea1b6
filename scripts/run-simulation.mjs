// Without arguments: the simulation suites. With: the cluster simulator alone, for as long as is asked.
import { spawn } from "node:child_process";

const args = process.argv.slice(2);
const command =
  args.length === 0
    ? ["node_modules/.bin/mocha", ["dist/test/simulation/**/*.test.js"]]
    : [process.execPath, ["dist/test/support/cluster-sim-main.js", ...args]];
spawn(...command, { stdio: "inherit" }).on("close", (code) => process.exit(code ?? 1));
