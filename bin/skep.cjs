#!/bin/sh
":" //; unset NODE_EXTRA_CA_CERTS; exec node -- "$0" "$@"
// "--", for node takes an --env-file for its own wherever it stands.
// Both a shell script and JavaScript, for node reads all certificates that variable names before it does anything (60 ms for a usual
// system's), and the command line speaks no TLS.
//
// `npm run build` leaves the commands in one file, with V8's code for it. A build by tsc alone (.tsbuildinfo) does not: then that
// file may be an old one, and the modules themselves are run.
const { existsSync, readFileSync } = require("node:fs");
const { dirname, join } = require("node:path");

const dist = join(__dirname, "../dist");
const bundle = join(dist, "skep/skep.cjs");

if (existsSync(bundle) && !existsSync(join(dist, ".tsbuildinfo"))) runBundle();
else import("../dist/src/cli/main.js");

function runBundle() {
  const { wrap } = require("node:module");
  const { Script } = require("node:vm");
  const code = `${bundle}.code`;
  // Code of another node is not taken; then it is compiled as ever.
  const cachedData = existsSync(code) ? readFileSync(code) : undefined;
  const script = new Script(wrap(readFileSync(bundle, "utf8")), { filename: bundle, cachedData });
  script.runInThisContext()(exports, require, module, bundle, dirname(bundle));
}
