import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import tar from "tar-stream";

/** The only host file a test image is made of (package busybox-static). */
const busyboxPath = "/bin/busybox";

/** Programs of busybox that the test image offers under their own names. */
const applets =
  `sh ash cat echo ls sleep true false env id pwd head tail grep sed wc nc httpd nslookup ping kill ps
printf test touch mkdir rm stat dd yes seq date hostname ip ifconfig mount readlink stty tty uname sync
trap du df find cut tr md5sum sha256sum xargs tee chmod chown ln mv cp awk timeout usleep whoami wget`
    .split(/\s+/)
    .filter((name) => name !== "trap");

const passwd =
  "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nweb:x:1000:1000:web:/home/web:/bin/sh\n";
const group = "root:x:0:\nnobody:x:65534:\nweb:x:1000:\nextra:x:2000:web\n";
const folders = [
  "bin",
  "dev",
  "etc",
  "home",
  "home/web",
  "proc",
  "root",
  "run",
  "sys",
  "tmp",
  "var",
  "www",
];

/** What a test image may say besides its one layer. */
export interface TestImageOptions {
  readonly tag?: string;
  readonly cmd?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workingDir?: string;
  readonly exposedPorts?: readonly string[];
  readonly architecture?: string;
  readonly healthcheck?: { readonly Test: readonly string[]; readonly Interval?: number };
  /** Further files of the layer, by path without a leading slash. */
  readonly files?: Readonly<Record<string, string>>;
  /** A second layer on it. */
  readonly upper?: readonly TarEntry[];
  readonly volumes?: readonly string[];
}

/** The image's unpacked layer in a folder, for tests that need no image store. */
export async function writeTestRootfs(folder: string): Promise<void> {
  for (const name of folders) await mkdir(join(folder, name), { recursive: true });
  await chmod(join(folder, "tmp"), 0o1777);
  await copyFile(busyboxPath, join(folder, "bin/busybox"));
  await chmod(join(folder, "bin/busybox"), 0o755);
  for (const applet of applets) await symlink("busybox", join(folder, "bin", applet));
  await writeFile(join(folder, "etc/passwd"), passwd);
  await writeFile(join(folder, "etc/group"), group);
}

/** The layer as a tar: the same bytes each time. */
export async function testImageLayer(
  files: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const busybox = await readFile(busyboxPath);
  const entries: TarEntry[] = [
    ...folders.map((name) => ({
      name: `${name}/`,
      type: "directory" as const,
      mode: name === "tmp" ? 0o1777 : 0o755,
    })),
    { name: "bin/busybox", content: busybox, mode: 0o755 },
    ...applets.map((name) => ({
      name: `bin/${name}`,
      type: "symlink" as const,
      linkname: "busybox",
    })),
    { name: "etc/passwd", content: passwd },
    { name: "etc/group", content: group },
    ...Object.entries(files).map(([name, content]) => ({ name, content })),
  ];
  return await packTar(entries);
}

/** An image archive as `docker save` writes it: busybox on scratch, deterministic. */
export async function buildTestImage(options: TestImageOptions = {}): Promise<Buffer> {
  const layers = [await testImageLayer(options.files)];
  if (options.upper !== undefined) layers.push(await packTar(options.upper));
  const config = Buffer.from(JSON.stringify(testImageConfig(options, layers.map(sha256))));
  const configName = `${sha256(config).slice(7)}.json`;
  const manifest = [
    {
      Config: configName,
      RepoTags: [options.tag ?? "skep-test:latest"],
      Layers: layers.map((_, index) => `layer${index}/layer.tar`),
    },
  ];
  return await packTar([
    { name: configName, content: config },
    ...layers.map((content, index) => ({ name: `layer${index}/layer.tar`, content })),
    { name: "manifest.json", content: JSON.stringify(manifest) },
  ]);
}

/** The image's config.json for layers with these diff ids. */
export function testImageConfig(options: TestImageOptions, diffIds: readonly string[]): object {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  return {
    architecture: options.architecture ?? architecture,
    os: "linux",
    created: "2026-01-01T00:00:00Z",
    config: {
      Env: options.env ?? ["PATH=/bin"],
      Cmd: options.cmd ?? ["/bin/sh"],
      ...(options.entrypoint === undefined ? {} : { Entrypoint: options.entrypoint }),
      ...(options.labels === undefined ? {} : { Labels: options.labels }),
      ...(options.user === undefined ? {} : { User: options.user }),
      ...(options.workingDir === undefined ? {} : { WorkingDir: options.workingDir }),
      ...(options.healthcheck === undefined ? {} : { Healthcheck: options.healthcheck }),
      ...(options.exposedPorts === undefined ? {} : { ExposedPorts: setOf(options.exposedPorts) }),
      ...(options.volumes === undefined ? {} : { Volumes: setOf(options.volumes) }),
    },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: [{ created: "2026-01-01T00:00:00Z", created_by: "busybox on scratch" }],
  };
}

function setOf(names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** One entry of a test tar; a file unless it says otherwise. */
export interface TarEntry extends Partial<Omit<tar.Header, "name">> {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly pax?: Readonly<Record<string, string>>;
}

/** A tar of these entries, without times or owners unless given. */
export async function packTar(entries: readonly TarEntry[]): Promise<Buffer> {
  const pack = tar.pack();
  const chunks: Buffer[] = [];
  const done = (async () => {
    for await (const chunk of pack) chunks.push(chunk as Buffer);
  })();
  for (const { content, ...header } of entries) {
    const mtime = new Date(Date.UTC(2026, 0, 1));
    const body = Buffer.from(content ?? "");
    await new Promise<void>((resolve, reject) => {
      pack.entry({ mtime, uid: 0, gid: 0, ...header, size: body.length }, body, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }
  pack.finalize();
  await done;
  return Buffer.concat(chunks);
}

/** "sha256:…" of the bytes. */
export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
