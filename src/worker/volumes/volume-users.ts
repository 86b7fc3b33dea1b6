/** A container that names volumes, whatever its state. */
export interface VolumeUser {
  readonly containerId: string;
  /** Names. */
  readonly volumes: readonly string[];
  /** Whether its program may run: what its volumes have mounted stays. */
  readonly isActive: boolean;
}

/** Who uses which volume: asked of those who keep containers, besides what is being prepared. Nothing is counted, so nothing is lost in a crash. */
export class VolumeUsers {
  readonly #sources: (() => Iterable<VolumeUser>)[] = [];
  /** By container: the volumes prepared for it, until it is released. */
  readonly #held = new Map<string, Set<string>>();

  add(source: () => Iterable<VolumeUser>): void {
    this.#sources.push(source);
  }

  /** The container counts as an active user of the volume until `drop`. */
  hold(containerId: string, volume: string): void {
    const held = this.#held.get(containerId) ?? new Set();
    this.#held.set(containerId, held.add(volume));
  }

  /** The volumes that were held for the container. */
  drop(containerId: string): string[] {
    const held = this.#held.get(containerId);
    this.#held.delete(containerId);
    return [...(held ?? [])];
  }

  all(): VolumeUser[] {
    const held = [...this.#held].map(([containerId, names]) => ({
      containerId,
      volumes: [...names],
      isActive: true,
    }));
    return [...held, ...this.#sources.flatMap((source) => [...source()])];
  }

  /** Those that name the volume. */
  of(volume: string): VolumeUser[] {
    return this.all().filter(({ volumes }) => volumes.includes(volume));
  }

  /** The volumes that the container names. */
  volumesOf(containerId: string): Set<string> {
    const own = this.all().filter((user) => user.containerId === containerId);
    return new Set(own.flatMap(({ volumes }) => volumes));
  }
}
