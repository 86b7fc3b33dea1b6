import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What each folder of src/ may import besides itself: the table of docs/architecture.md and its additions in docs/interfaces.md.
 * The longest path that fits counts; a file may be named too.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  model: ["base", "gen"],
  rpc: ["base", "model", "gen"],
  raft: ["base"],
  "raft/transport": ["base", "raft", "rpc", "gen"],
  "raft/storage": ["base", "raft", "rpc", "gen"],
  store: ["base", "model", "gen", "rpc/load-proto.ts"],
  ca: ["base", "model", "rpc", "gen"],
  scheduler: ["base", "model", "store", "gen"],
  image: ["base", "model"],
  runtime: ["base", "model"],
  overlay: ["base", "model"],
  dns: ["base", "model"],
  manager: ["base", "model", "gen", "rpc", "ca", "raft", "store", "scheduler"],
  worker: ["base", "model", "gen", "rpc", "image", "runtime", "overlay", "dns"],
  rest: ["base", "model", "gen"],
  cli: ["base", "rest/wire"],
  dashboard: ["base", "rest/wire"],
  daemon: [
    ...["base", "model", "gen", "rpc", "ca", "raft", "store", "scheduler", "manager"],
    ...["image", "runtime", "overlay", "dns", "worker", "rest"],
  ],
};

/** Narrower than their folder: consensus proper knows only base and itself. */
const onlyWithin: Readonly<Record<string, readonly string[]>> = {
  "raft/core": ["base", "raft/core"],
};

const banned = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /(?<![.\w])setTimeout\(/,
  /(?<![.\w])setInterval\(/,
  /\bMath\.random\b/,
  /\bprocess\.env\b/,
  /\bprocess\.exit\b/,
];
const mayUseBanned = ["base", "daemon", "cli", "dashboard"];
const linesMax = 400;
const readmeLinesMax = 40;

const root = findRoot();
const source = join(root, "src");
const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.startsWith("gen/"))
  .map((path) => ({ path, text: withoutComments(readFileSync(join(source, path), "utf8")) }));
const folders = [...new Set(files.map(({ path }) => folderOf(path)))].filter(
  (name) => name !== undefined,
);

describe("the source tree", () => {
  it("imports only downward", () => {
    const wrong = files.flatMap(({ path, text }) =>
      importsOf(path, text)
        .filter((target) => !isAllowed(path, target))
        .map((target) => `${path} imports ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  it("takes time, chance and the process from what it is passed", () => {
    const wrong = files
      .filter(({ path }) => !mayUseBanned.includes(folderOf(path) ?? ""))
      .flatMap(({ path, text }) =>
        banned.filter((word) => word.test(text)).map((word) => `${path} uses ${word.source}`),
      );
    assert.deepEqual(wrong, []);
  });

  it("has files of a readable length", () => {
    const wrong = files
      .map(({ path }) => ({ path, lines: lineCount(join(source, path)) }))
      .filter(({ lines }) => lines > linesMax);
    assert.deepEqual(wrong, []);
  });

  it("has a short README in every folder", () => {
    const wrong = folders.filter((name) => {
      const readme = join(source, name, "README.md");
      return !existsSync(readme) || lineCount(readme) > readmeLinesMax;
    });
    assert.deepEqual(wrong, []);
  });

  it("has no folder that the table does not know", () => {
    assert.deepEqual(
      folders.filter((name) => !(name in mayImport)),
      [],
    );
  });
});

describe("the tidy test", () => {
  it("finds what it looks for", () => {
    assert.deepEqual(importsOf("store/x.ts", 'import { a } from "../manager/a.ts";'), [
      "manager/a.ts",
    ]);
    assert.deepEqual(importsOf("store/x.ts", 'await import("./y.ts");'), ["store/y.ts"]);
    assert.equal(isAllowed("store/x.ts", "manager/a.ts"), false);
    assert.equal(isAllowed("store/x.ts", "rpc/load-proto.ts"), true);
    assert.equal(isAllowed("store/x.ts", "rpc/server.ts"), false);
    assert.equal(isAllowed("raft/core/raft.ts", "raft/storage/codec.ts"), false);
    assert.equal(isAllowed("raft/storage/codec.ts", "raft/core/raft.ts"), true);
    assert.ok(banned.some((word) => word.test(" setTimeout(f, 1)")));
    assert.ok(!banned.some((word) => word.test("clock.setTimer(1, f); socket.setTimeout(5)")));
    assert.equal(withoutComments("a // Date.now\n/* x */b"), "a \nb");
  });
});

/** Paths below src/ of what a file imports from there; type imports count too. */
function importsOf(path: string, text: string): string[] {
  const found = text.matchAll(/(?:from\s+|import\s*\(?\s*)"(\.[^"]+)"/g);
  return Array.from(found, (match) =>
    relative(source, join(source, dirname(path), match[1] ?? "")),
  );
}

function isAllowed(path: string, target: string): boolean {
  const folder = folderOf(path);
  // The entry files beside the folders only start a program.
  if (folder === undefined) return true;
  const own = longestMatch(Object.keys(mayImport), path) ?? folder;
  const narrow = longestMatch(Object.keys(onlyWithin), path);
  const allowed =
    narrow === undefined ? [folder, ...(mayImport[own] ?? [])] : (onlyWithin[narrow] ?? []);
  return longestMatch(allowed, target) !== undefined;
}

function longestMatch(prefixes: readonly string[], path: string): string | undefined {
  return prefixes
    .filter((prefix) => path === prefix || path.startsWith(`${prefix}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function folderOf(path: string): string | undefined {
  return path.includes("/") ? path.split("/")[0] : undefined;
}

/** Good enough for our sources: a string that looks like a comment is cut too. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(?<![:"'`\w])\/\/.*$/gm, "");
}

function lineCount(path: string): number {
  return readFileSync(path, "utf8").split("\n").length - 1;
}

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}
