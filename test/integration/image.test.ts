import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../src/base/clock.ts";
import { runCommand } from "../../src/base/command.ts";
import { isClusterError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { ImageStore } from "../../src/image/image-store.ts";
import { buildTestImage, sha256, testImageConfig, testImageLayer } from "../support/test-image.ts";

const imageType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";
const architecture = process.arch === "x64" ? "amd64" : process.arch;

describe("image store and a real registry", function () {
  this.timeout(60_000);
  let folder = "";
  let registry: ChildProcess | undefined;
  let host = "";

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-image-"));
    const port = await freePort();
    host = `127.0.0.1:${port}`;
    const config = join(folder, "registry.yml");
    await writeFile(
      config,
      [
        "version: 0.1",
        "log: { level: error }",
        `storage: { filesystem: { rootdirectory: ${folder}/registry } }`,
        `http: { addr: "${host}" }`,
        "",
      ].join("\n"),
    );
    registry = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
    await untilAnswers(host);
    await push(host, "test/app", "one");
  });

  after(async () => {
    registry?.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  const openStore = (name: string) =>
    ImageStore.open({ root: join(folder, name), log: silentLogger, clock: systemClock });

  it("pulls, shares concurrent pulls, finds, survives a reopening and removes all of it", async () => {
    const store = await openStore("pull");
    const steps: string[] = [];
    const name = `${host}/test/app:one`;
    const [first, second] = await Promise.all([
      store.pull(name, { onProgress: (step) => steps.push(step.status) }),
      store.pull(name),
    ]);
    assert.equal(first.id, second.id);
    assert.equal(steps.filter((status) => status === "Extracting").length, 1);
    assert.deepEqual(first.repoTags, [name]);
    assert.equal(first.repoDigests.length, 1);
    assert.deepEqual(first.config.cmd, ["/bin/sh"]);
    const again = await openStore("pull");
    const digest = first.repoDigests[0] ?? "";
    for (const text of [name, first.id, first.id.slice(7, 19), digest]) {
      assert.equal(again.find(text)?.id, first.id, text);
    }
    const [layer = ""] = again.layerPaths(first);
    assert.ok(existsSync(join(layer, "bin/busybox")));
    assert.deepEqual((await again.resolveDigest(name)).digest, digest.split("@")[1]);
    await again.tag(first.id, "other:v1");
    assert.deepEqual(await again.remove(name), { untagged: [name], deleted: [] });
    const removed = await again.remove("other:v1");
    assert.deepEqual(removed.deleted, [first.id]);
    assert.deepEqual(await readdir(join(folder, "pull/blobs")), []);
    assert.deepEqual(await readdir(join(folder, "pull/l")), []);
  });

  it("chooses this machine's build of an index, and refuses one without", async () => {
    const store = await openStore("index");
    const manifest = await fetchManifest(host, "test/app", "one");
    const entry = (arch: string) => ({
      mediaType: imageType,
      digest: sha256(manifest),
      size: manifest.length,
      platform: { os: "linux", architecture: arch },
    });
    await pushIndex("both", [entry("mips"), entry(architecture)]);
    await pushIndex("mips", [entry("mips")]);
    const image = await store.pull(`${host}/test/app:both`);
    assert.equal(image.architecture, architecture);
    await rejects(store.pull(`${host}/test/app:mips`), "FAILED_PRECONDITION", /linux\/mips/);
    await rejects(store.pull(`${host}/test/app:absent`), "NOT_FOUND", /absent/);
  });

  it("loads what docker save writes, and saves what skopeo and it can read again", async () => {
    const store = await openStore("load");
    const [image] = await store.load(Readable.from([gzipSync(await buildTestImage())]));
    assert.deepEqual(image?.repoTags, ["skep-test:latest"]);
    const archive = join(folder, "saved.tar");
    await writeFile(archive, store.save(["skep-test"]));
    const other = await openStore("load2");
    const [copy] = await other.load(Readable.from([await readAll(store.save(["skep-test"]))]));
    assert.equal(copy?.id, image?.id);
    const target = `oci:${folder}/oci:copied`;
    await runCommand("skopeo", ["--insecure-policy", "copy", `docker-archive:${archive}`, target]);
    await runCommand("tar", ["-C", join(folder, "oci"), "-cf", join(folder, "oci.tar"), "."]);
    const { createReadStream } = await import("node:fs");
    const [fromOci] = await other.load(createReadStream(join(folder, "oci.tar")));
    assert.equal(fromOci?.layers[0], image?.layers[0]);
    await rejects(store.load(Readable.from([Buffer.from("junk")])), "INVALID_ARGUMENT", /archive/);
    const foreign = buildTestImage({ architecture: "mips" });
    await rejects(store.load(Readable.from([await foreign])), "FAILED_PRECONDITION", /linux\/mips/);
  });

  it("gets a token, follows redirects without giving credentials away, and detects damage", async () => {
    const seen: string[] = [];
    const proxy = createServer((incoming, response) => {
      const url = incoming.url ?? "";
      const { authorization = "" } = incoming.headers;
      seen.push(`${url.split("?")[0]} ${authorization.split(" ")[0]}`);
      const port = (proxy.address() as AddressInfo).port;
      if (url.startsWith("/token")) {
        const good = authorization === `Basic ${Buffer.from("u:p").toString("base64")}`;
        response.writeHead(good ? 200 : 401).end(JSON.stringify({ token: "secret" }));
      } else if (authorization !== "Bearer secret") {
        const challenge = `Bearer realm="http://127.0.0.1:${port}/token",service="s"`;
        response.writeHead(401, { "www-authenticate": challenge }).end();
      } else if (url.includes("/damaged/") && url.includes("/blobs/")) {
        response.writeHead(200).end("not what was asked for");
      } else {
        const location = `http://${host}${url.replace("/damaged/", "/app/")}`;
        response.writeHead(307, { location }).end();
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = proxy.address() as AddressInfo;
      const store = await openStore("token");
      const name = `127.0.0.1:${port}/test/app:one`;
      await rejects(store.pull(name), "UNAUTHENTICATED", /401/);
      const auth = { username: "u", password: "p", identityToken: "", serverAddress: "" };
      assert.equal((await store.pull(name, { auth })).repoTags[0], name);
      const blobs = await openStore("damaged");
      const damaged = `127.0.0.1:${port}/test/damaged:one`;
      await rejects(blobs.pull(damaged, { auth }), "DATA_LOSS", /bytes|digest/);
      assert.deepEqual(await readdir(join(folder, "damaged/tmp")), []);
      assert.ok(seen.some((line) => line.startsWith("/v2/") && line.endsWith("Bearer")));
    } finally {
      proxy.close();
    }
  });

  async function pushIndex(tag: string, manifests: object[]): Promise<void> {
    const index = { schemaVersion: 2, mediaType: indexType, manifests };
    const bytes = Buffer.from(JSON.stringify(index));
    await send(host, "PUT", `/v2/test/app/manifests/${tag}`, bytes, indexType);
  }
});

/** The least of a registry's upload protocol: whole blobs, then the manifest. */
async function push(host: string, repository: string, tag: string): Promise<void> {
  const layer = await testImageLayer();
  const blob = gzipSync(layer);
  const config = Buffer.from(JSON.stringify(testImageConfig({}, [sha256(layer)])));
  for (const bytes of [blob, config]) {
    const begun = await send(host, "POST", `/v2/${repository}/blobs/uploads/`, Buffer.alloc(0));
    const location = new URL(begun.location, `http://${host}`);
    location.searchParams.set("digest", sha256(bytes));
    await send(host, "PUT", location.pathname + location.search, bytes, "application/octet-stream");
  }
  const descriptor = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: sha256(bytes),
    size: bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: imageType,
    config: descriptor("application/vnd.oci.image.config.v1+json", config),
    layers: [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", blob)],
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  await send(host, "PUT", `/v2/${repository}/manifests/${tag}`, bytes, imageType);
}

async function fetchManifest(host: string, repository: string, tag: string): Promise<Buffer> {
  return (await send(host, "GET", `/v2/${repository}/manifests/${tag}`, Buffer.alloc(0))).body;
}

function send(
  host: string,
  method: string,
  path: string,
  body: Buffer,
  type?: string,
): Promise<{ location: string; body: Buffer }> {
  const headers = {
    accept: imageType,
    "content-length": body.length,
    ...(type === undefined ? {} : { "content-type": type }),
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(`http://${host}${path}`, { method, headers }, async (response) => {
      const answer = await readAll(response);
      if ((response.statusCode ?? 500) >= 300) {
        reject(new Error(`${method} ${path}: ${response.statusCode} ${answer.toString()}`));
      } else resolve({ location: response.headers.location ?? "", body: answer });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

async function readAll(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

async function rejects(
  work: Promise<unknown>,
  code: "NOT_FOUND" | "DATA_LOSS" | "UNAUTHENTICATED" | "FAILED_PRECONDITION" | "INVALID_ARGUMENT",
  message: RegExp,
): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(isClusterError(error, code), String(error));
    assert.match(error.message, message);
    return true;
  });
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

async function untilAnswers(host: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await send(host, "GET", "/v2/", Buffer.alloc(0));
      return;
    } catch (error) {
      if (tries >= 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
