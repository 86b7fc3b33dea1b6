import type { Readable } from "node:stream";
import type { Image } from "../image/image.ts";
import type { ImageStore } from "../image/image-store.ts";
import type {
  DistributionData,
  ImageData,
  ImageHistoryEntry,
  ImageProgress,
  LoadedImageData,
  LocalImages,
  PullOptions,
  RegistryAuth,
} from "../rest/backend/images.ts";
import { imageHistory } from "./image-history.ts";
import type { LocalEvents } from "./local-events.ts";
import { loginToRegistry, type RegistryLoginDeps } from "./registry-login.ts";

/** The node's images as REST shows them; changes become events. */
export class NodeImages implements LocalImages {
  readonly #images: ImageStore;
  readonly #events: LocalEvents;

  readonly #registries: RegistryLoginDeps;

  constructor(deps: { images: ImageStore; events: LocalEvents; registries: RegistryLoginDeps }) {
    this.#images = deps.images;
    this.#events = deps.events;
    this.#registries = deps.registries;
  }

  async login(auth: RegistryAuth, signal: AbortSignal): Promise<void> {
    await loginToRegistry(auth, signal, this.#registries);
  }

  async list(): Promise<readonly ImageData[]> {
    return this.#images.list();
  }

  async find(reference: string): Promise<ImageData | undefined> {
    return this.#images.find(reference);
  }

  async history(reference: string): Promise<readonly ImageHistoryEntry[]> {
    const image = this.#images.find(reference);
    if (image === undefined) return [];
    return imageHistory(image);
  }

  async load(
    archive: Readable,
    onProgress: (progress: ImageProgress) => void,
  ): Promise<readonly LoadedImageData[]> {
    const loaded = await this.#images.load(archive, onProgress);
    for (const image of loaded) this.#emit("load", image);
    return loaded;
  }

  async pull(reference: string, options: PullOptions): Promise<ImageData> {
    const image = await this.#images.pull(reference, options);
    this.#events.emit("image", "pull", reference, { name: reference });
    return image;
  }

  async tag(reference: string, target: string): Promise<void> {
    await this.#images.tag(reference, target);
    this.#events.emit("image", "tag", this.#images.find(target)?.id ?? reference, { name: target });
  }

  async remove(
    reference: string,
    options: { readonly force: boolean },
  ): Promise<{ readonly untagged: readonly string[]; readonly deleted: readonly string[] }> {
    const id = this.#images.find(reference)?.id ?? reference;
    const removed = await this.#images.remove(reference, options);
    for (const name of removed.untagged) this.#events.emit("image", "untag", id, { name });
    for (const deleted of removed.deleted) this.#events.emit("image", "delete", deleted);
    return removed;
  }

  async save(references: readonly string[]): Promise<Readable> {
    return this.#images.save(references);
  }

  async resolveDigest(
    reference: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<DistributionData> {
    const found = await this.#images.resolveDigest(reference, auth, signal);
    return {
      digest: found.digest,
      mediaType: found.mediaType,
      sizeBytes: found.sizeBytes,
      platforms: found.platforms,
    };
  }

  #emit(action: string, image: Image): void {
    this.#events.emit("image", action, image.id, { name: image.repoTags[0] ?? image.id });
  }
}
