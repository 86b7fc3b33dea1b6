import { newContainerId } from "../base/ids.ts";
import type { Random } from "../base/random.ts";
import type { LocalVolumes, NewVolumeData, VolumeData } from "../rest/backend/volumes.ts";
import { anonymousLabel, type Volume } from "../worker/volumes/volume.ts";
import type { Volumes } from "../worker/volumes/volumes.ts";

/** The node's volumes as REST shows them. */
export class NodeVolumes implements LocalVolumes {
  readonly #volumes: Volumes;
  readonly #random: Random;

  constructor(volumes: Volumes, random: Random) {
    this.#volumes = volumes;
    this.#random = random;
  }

  async list(): Promise<readonly VolumeData[]> {
    return (await this.#volumes.list()).map((volume) => this.#dataOf(volume));
  }

  async measure(name: string): Promise<number> {
    const volume = await this.#volumes.find(name);
    return volume === undefined ? -1 : await this.#volumes.sizeOf(volume);
  }

  async create({ name, driver, labels, options }: NewVolumeData): Promise<VolumeData> {
    const isAnonymous = name === "";
    return this.#dataOf(
      await this.#volumes.ensure(isAnonymous ? newContainerId(this.#random) : name, {
        driver,
        options,
        labels: { ...labels, ...(isAnonymous ? { [anonymousLabel]: "" } : {}) },
      }),
    );
  }

  async remove(name: string, { force }: { readonly force: boolean }): Promise<void> {
    if (force && (await this.#volumes.find(name)) === undefined) return;
    await this.#volumes.remove(name);
  }

  #dataOf(volume: Volume): VolumeData {
    return {
      ...volume,
      driver: "local",
      anonymous: Object.hasOwn(volume.labels, anonymousLabel),
      sizeBytes: -1,
      references: this.#volumes.usersOf(volume.name).length,
    };
  }
}
