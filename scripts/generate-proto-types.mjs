// Generates the TypeScript types of proto/ into src/gen (git-ignored).
// Output types get the plain name (`Task`), types accepted for encoding the suffix (`TaskInput`).
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "src/gen");
rmSync(out, { recursive: true, force: true });
execFileSync(
  join(root, "node_modules/.bin/proto-loader-gen-types"),
  [
    "--grpcLib=@grpc/grpc-js",
    "--longs=Number",
    "--enums=String",
    "--defaults",
    "--oneofs",
    "--importFileExtension=.ts",
    "--includeComments",
    "--inputTemplate=%sInput",
    "--outputTemplate=%s",
    `--includeDirs=${join(root, "proto")}`,
    `--outDir=${out}`,
    ...readdirSync(join(root, "proto")).filter((name) => name.endsWith(".proto")).sort(),
  ],
  { cwd: root, stdio: ["ignore", "ignore", "inherit"] },
);

// The generator's per-file summaries declare names they do not use, which our compiler settings refuse.
for (const name of readdirSync(out).filter((entry) => entry.endsWith(".ts"))) {
  const path = join(out, name);
  writeFileSync(path, `// @ts-nocheck\n${readFileSync(path, "utf8")}`);
}
