import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import { KeyedMutex } from "../base/keyed-mutex.ts";
import type { Logger } from "../base/log.ts";
import { type Random, systemRandom } from "../base/random.ts";
import { type ArchivedImage, readArchive } from "./archive-reader.ts";
import { writeArchive } from "./archive-writer.ts";
import { ContentStore } from "./content-store.ts";
import type { Image, LoadedImage, OnProgress } from "./image.ts";
import { checkPlatform, goArchitecture, parseImageConfig } from "./image-config.ts";
import {
  blobsOf,
  readIndex,
  type StoredImage,
  type StoredLayer,
  withImage,
  withTag,
  writeIndex,
} from "./image-index.ts";
import { findStored, planRemoval } from "./image-lookup.ts";
import { LayerStore } from "./layer-store.ts";
import type { Platform } from "./manifest.ts";
import { type PullerDeps, pullImage, type ResolvedReference, resolveReference } from "./puller.ts";
import { familiarTag, parseReference } from "./reference.ts";
import { parseRegistryAuth, type RegistryAuth } from "./registry-auth.ts";
import { SharedWork } from "./shared-work.ts";

export interface ImageStoreOptions {
  readonly root: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random?: Random;
  /** "host:port" of registries spoken to without TLS; those on loopback always are. */
  readonly insecureRegistries?: readonly string[];
  /** Folders of layers that containers use now: kept even when no image names them. */
  readonly usedLayerPaths?: () => Iterable<string>;
}

export interface PullOptions {
  /** Or Docker's X-Registry-Auth text. */
  readonly auth?: RegistryAuth | string | undefined;
  /** "os/arch[/variant]"; this node's when absent. */
  readonly platform?: string | undefined;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** The images of a node: pulled or loaded, verified, unpacked, and kept until removed. */
export class ImageStore {
  readonly #content: ContentStore;
  readonly #layers: LayerStore;
  readonly #indexPath: string;
  readonly #options: ImageStoreOptions;
  readonly #pullerDeps: PullerDeps;
  readonly #pulls = new SharedWork<Parameters<OnProgress>[0], Image>();
  readonly #mutex = new KeyedMutex();
  readonly #architecture = goArchitecture(process.arch);
  readonly #images = new Map<string, Image>();
  #stored: readonly StoredImage[] = [];
  /** Pulls and loads under way: what they have fetched is in no index yet. */
  #busy = 0;
  #collecting: Promise<void> | undefined;

  private constructor(options: ImageStoreOptions) {
    const { root, clock, random = systemRandom, insecureRegistries = [] } = options;
    this.#options = options;
    this.#content = new ContentStore(root);
    this.#layers = new LayerStore(root, this.#content);
    this.#indexPath = join(root, "index.json");
    this.#pullerDeps = {
      content: this.#content,
      layers: this.#layers,
      clock,
      random,
      insecureRegistries,
    };
  }

  /** Reads the index; an image whose content is gone is dropped with a warning. DATA_LOSS when the index is damaged. */
  static async open(options: ImageStoreOptions): Promise<ImageStore> {
    await mkdir(options.root, { recursive: true, mode: 0o711 });
    const store = new ImageStore(options);
    await store.#content.open();
    await store.#layers.open();
    await store.#readIndex();
    return store;
  }

  /** Newest first. */
  list(): Image[] {
    return [...this.#images.values()].sort((a, b) => b.created.localeCompare(a.created));
  }

  /** By id, unique id prefix, name[:tag] or name@digest. */
  find(reference: string): Image | undefined {
    const stored = findStored(this.#stored, reference);
    return stored === undefined ? undefined : this.#images.get(stored.id);
  }

  /** Unpacked folders, topmost first, as overlayfs wants them. */
  layerPaths(image: Image): string[] {
    return image.layers.map((diffId) => this.#layers.path(diffId)).reverse();
  }

  /**
   * Reads `docker save` and OCI layout archives, also compressed. INVALID_ARGUMENT when it is neither,
   * DATA_LOSS when damaged, FAILED_PRECONDITION for another architecture.
   */
  async load(source: Readable, onProgress: OnProgress = () => {}): Promise<LoadedImage[]> {
    return await this.#lease(async () => {
      const platform = { os: "linux", architecture: this.#architecture };
      const found = await readArchive(source, this.#content, platform);
      const images: LoadedImage[] = [];
      for (const archived of found) {
        const stored = await this.#storedOf(archived, onProgress);
        images.push({ ...(await this.#keep(stored)), archiveNames: stored.tags });
      }
      return images;
    });
  }

  /**
   * Fetches an image; callers of the same one share the work. NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED,
   * UNAVAILABLE, DATA_LOSS, FAILED_PRECONDITION (no build for this machine).
   */
  async pull(text: string, options: PullOptions = {}): Promise<Image> {
    const reference = parseReference(text);
    const platform = parsePlatform(options.platform, this.#architecture);
    const auth = resolveAuth(options.auth);
    const { onProgress = () => {}, signal } = options;
    // Someone without a login must not get what another's login fetches.
    const key = JSON.stringify([reference, platform, auth ?? null]);
    // A listener of its own, as it stands for the caller.
    const listener: OnProgress = (progress) => onProgress(progress);
    const caller = { onProgress: listener, ...(signal === undefined ? {} : { signal }) };
    return await this.#pulls.run(key, caller, (report, shared) =>
      this.#lease(async () => {
        const given = { platform, onProgress: report, signal: shared };
        const login = auth === undefined ? {} : { auth };
        return await this.#keep(
          await pullImage(reference, { ...given, ...login }, this.#pullerDeps),
        );
      }),
    );
  }

  /** What the registry has under this name now. Codes as of `pull`. */
  async resolveDigest(
    text: string,
    auth?: RegistryAuth | string,
    signal?: AbortSignal,
  ): Promise<ResolvedReference> {
    const login = resolveAuth(auth);
    return await this.#lease(() =>
      resolveReference(
        parseReference(text),
        {
          ...(login === undefined ? {} : { auth: login }),
          ...(signal === undefined ? {} : { signal }),
        },
        this.#pullerDeps,
      ),
    );
  }

  /** Gives an image a further name, taking it from another that has it. NOT_FOUND, INVALID_ARGUMENT. */
  async tag(reference: string, target: string): Promise<void> {
    const name = parseReference(target);
    if (name.digest !== undefined) {
      throw new ClusterError("INVALID_ARGUMENT", `"${target}" has a digest; a tag cannot`);
    }
    const { id } = this.#mustFind(reference);
    await this.#change((images) => withTag(images, id, familiarTag(name)));
  }

  /**
   * Takes away a name, and the image with its last name. NOT_FOUND; FAILED_PRECONDITION for an id with several
   * names, unless forced. Layers that a container uses stay until it is gone.
   */
  async remove(
    reference: string,
    options: { readonly force?: boolean } = {},
  ): Promise<{ untagged: string[]; deleted: string[] }> {
    const stored = this.#mustFind(reference);
    const plan = planRemoval(stored, reference, options.force === true);
    await this.#change((images) =>
      images.flatMap((image) => {
        if (image.id !== stored.id) return [image];
        return plan.kept === undefined ? [] : [plan.kept];
      }),
    );
    await this.collectGarbage();
    return { untagged: [...plan.untagged], deleted: plan.kept === undefined ? [stored.id] : [] };
  }

  /** Removes the images without a name. */
  async prune(): Promise<{ deleted: string[]; reclaimedBytes: number }> {
    const doomed = this.#stored.filter((image) => image.tags.length === 0);
    const ids = new Set(doomed.map((image) => image.id));
    const sizes = doomed.map((image) => this.#images.get(image.id)?.sizeBytes ?? 0);
    await this.#change((images) => images.filter((image) => !ids.has(image.id)));
    await this.collectGarbage();
    return { deleted: [...ids], reclaimedBytes: sizes.reduce((sum, size) => sum + size, 0) };
  }

  /** An archive that `docker load` and OCI tools read. NOT_FOUND when one is not here. */
  save(references: readonly string[]): Readable {
    const chosen = new Map<string, { image: StoredImage; names: string[] }>();
    for (const reference of references) {
      const image = this.#mustFind(reference);
      const entry = chosen.get(image.id) ?? { image, names: [] };
      chosen.set(image.id, entry);
      entry.names.push(...image.tags.filter((tag) => isNamed(reference, tag)));
    }
    return writeArchive([...chosen.values()], this.#content);
  }

  /** Removes blobs and layers that nothing needs; waits until no pull or load is under way. */
  async collectGarbage(): Promise<void> {
    if (this.#busy > 0) return; // The last of them collects.
    this.#collecting ??= this.#collect().finally(() => {
      this.#collecting = undefined;
    });
    await this.#collecting;
  }

  async #collect(): Promise<void> {
    const blobs = blobsOf(this.#stored);
    for (const name of await readdir(join(this.#options.root, "blobs"))) {
      const digest = `sha256:${name}`;
      if (!blobs.has(digest)) await this.#content.remove(digest);
    }
    const diffIds = this.#stored.flatMap((image) => image.layers.map((layer) => layer.diffId));
    const used = new Set(this.#options.usedLayerPaths?.() ?? []);
    await this.#layers.removeExcept(new Set(diffIds), used);
  }

  /** Keeps the garbage collector out while content is fetched that no index names yet. */
  async #lease<T>(work: () => Promise<T>): Promise<T> {
    while (this.#collecting !== undefined) await this.#collecting;
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
      if (this.#busy === 0) {
        this.collectGarbage().catch((err: unknown) =>
          this.#options.log.warn({ err }, "cannot collect unused image content"),
        );
      }
    }
  }

  async #storedOf(archived: ArchivedImage, onProgress: OnProgress): Promise<StoredImage> {
    const raw = JSON.parse((await this.#content.readBytes(archived.config)).toString()) as unknown;
    const config = parseImageConfig(raw);
    const tags = archived.names.map((name) => familiarTag(parseReference(name)));
    checkPlatform(tags[0] ?? archived.config, config, this.#architecture);
    if (config.diffIds.length !== archived.layers.length) {
      throw new ClusterError("DATA_LOSS", "the archive's image has too few or too many layers");
    }
    const layers: StoredLayer[] = [];
    for (const [index, { blob, mediaType }] of archived.layers.entries()) {
      const diffId = config.diffIds[index] ?? "";
      onProgress({ id: diffId.slice(7, 19), status: "Loading layer" });
      await this.#layers.ensure(diffId, blob);
      layers.push({ diffId, blob, size: await this.#content.size(blob), mediaType });
    }
    const manifest = archived.manifest === undefined ? {} : { manifest: archived.manifest };
    return { id: archived.config, ...manifest, layers, tags, digests: [] };
  }

  async #keep(added: StoredImage): Promise<Image> {
    await this.#change((images) => withImage(images, added));
    const image = this.#images.get(added.id);
    if (image === undefined) throw new ClusterError("ABORTED", `image ${added.id} was removed`);
    return image;
  }

  async #change(next: (images: readonly StoredImage[]) => readonly StoredImage[]): Promise<void> {
    await this.#mutex.run("index", async () => {
      const stored = next(this.#stored);
      const images = new Map<string, Image>();
      for (const one of stored) images.set(one.id, await this.#imageOf(one));
      await writeIndex(this.#indexPath, stored);
      this.#setIndex(stored, images);
    });
  }

  async #readIndex(): Promise<void> {
    const whole: StoredImage[] = [];
    const images = new Map<string, Image>();
    for (const stored of await readIndex(this.#indexPath)) {
      try {
        for (const layer of stored.layers) await this.#layers.ensure(layer.diffId, layer.blob);
        images.set(stored.id, await this.#imageOf(stored));
        whole.push(stored);
      } catch (err) {
        const fields = { imageId: stored.id, tags: stored.tags, err };
        this.#options.log.warn(fields, "an image's content is damaged; the image is dropped");
      }
    }
    this.#setIndex(whole, images);
  }

  #setIndex(stored: readonly StoredImage[], images: ReadonlyMap<string, Image>): void {
    this.#stored = stored;
    this.#images.clear();
    for (const [id, image] of images) this.#images.set(id, image);
  }

  async #imageOf(stored: StoredImage): Promise<Image> {
    const known = this.#images.get(stored.id);
    const names = { repoTags: stored.tags, repoDigests: stored.digests };
    if (known !== undefined) return { ...known, ...names };
    const raw = JSON.parse((await this.#content.readBytes(stored.id)).toString()) as unknown;
    const { diffIds, ...parsed } = parseImageConfig(raw);
    const layerBytes = stored.layers.map(({ size }) => size);
    const sizeBytes = layerBytes.reduce((sum, size) => sum + size, 0);
    return {
      id: stored.id,
      ...names,
      ...parsed,
      sizeBytes,
      layers: diffIds,
      layerBytes,
      rawConfig: raw,
    };
  }

  #mustFind(reference: string): StoredImage {
    const stored = findStored(this.#stored, reference);
    if (stored === undefined) throw new ClusterError("NOT_FOUND", `No such image: ${reference}`);
    return stored;
  }
}

function resolveAuth(auth: RegistryAuth | string | undefined): RegistryAuth | undefined {
  return typeof auth === "string" ? parseRegistryAuth(auth) : auth;
}

function parsePlatform(text: string | undefined, architecture: string): Platform {
  if (text === undefined || text === "") return { os: "linux", architecture };
  const [os = "", arch = "", variant] = text.split("/");
  if (os === "" || arch === "") {
    throw new ClusterError("INVALID_ARGUMENT", `"${text}" is not a platform such as linux/amd64`);
  }
  return { os, architecture: arch, ...(variant === undefined ? {} : { variant }) };
}

function isNamed(reference: string, tag: string): boolean {
  try {
    return familiarTag(parseReference(reference)) === tag;
  } catch {
    return false;
  }
}
