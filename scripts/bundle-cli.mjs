// Makes dist/skep/skep.cjs of the built command line, and beside it V8's code for it, so that `skep` starts in little more than
// node's own time (docs/decisions/0019-one-file-for-the-cli.md). bin/skep does without both where they are missing.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import nodeModule, { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { build } from "esbuild";

// Usage: bundle-cli.mjs [folder of the build [file to make]]
const [built = join(dirname(dirname(fileURLToPath(import.meta.url))), "dist"), file] =
  process.argv.slice(2).filter((word) => word !== "--run");
const bundle = resolve(file ?? join(built, "skep/skep.cjs"));
const codeOf = `${bundle}.code`;
// What a command line has no business with; each would cost more than all the rest.
const tooHeavy = /node_modules\/(@grpc|protobufjs|pino|koffi|level|node-forge)\//;

if (process.argv.includes("--run")) {
  keepCode();
} else {
  rmSync(codeOf, { force: true });
  await makeBundle();
  // In a process of its own: the code that V8 keeps is that of the functions a run has used.
  const { status } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), built, bundle, "--run"],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  if (status !== 0) throw new Error(`no code was kept for ${bundle}: exit code ${status}`);
}

async function makeBundle() {
  const { metafile } = await build({
    entryPoints: [join(built, "src/cli/main.js")],
    outfile: bundle,
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    // `import()` would start the loader of modules.
    supported: { "dynamic-import": false },
    plugins: [{ name: "late-child-process", setup: lateChildProcess }],
    metafile: true,
    logLevel: "warning",
  });
  const wrong = Object.keys(metafile.inputs).filter((path) => tooHeavy.test(path));
  if (wrong.length > 0) throw new Error(`the command line must not load ${wrong[0]}`);
}

function keepCode() {
  const script = new vm.Script(nodeModule.wrap(readFileSync(bundle, "utf8")), { filename: bundle });
  process.on("exit", () => writeFileSync(codeOf, script.createCachedData()));
  process.argv.splice(2, Infinity, "service", "create", "--help");
  script.runInThisContext()({}, createRequire(bundle), {}, bundle, dirname(bundle));
}

// commander loads node:child_process, and with it all of node's network modules, for commands in files of their own: we have none.
function lateChildProcess({ onResolve, onLoad }) {
  onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
    importer.includes("/commander/") ? { path: "child_process", namespace: "late" } : undefined,
  );
  onLoad({ filter: /.*/, namespace: "late" }, () => ({
    contents: 'exports.spawn = (...words) => require("node:child_process").spawn(...words);',
    loader: "js",
  }));
}
