import type { Task } from "../../gen/skep/Task.ts";
import { SecondaryIndex } from "./secondary-index.ts";

/** Finds tasks by service and slot; a text made of both for each task would take more memory than the rest of this. */
export class SlotIndex {
  readonly #services = new Map<string, SecondaryIndex<Task, number>>();

  /** The tasks of a slot, in the order in which they came into it. To be read at once. */
  get(serviceId: string, slot: number): Iterable<Task> {
    return this.#services.get(serviceId)?.get(slot) ?? [];
  }

  /** Puts `next` where `previous` was; either may be absent. */
  replace(previous: Task | undefined, next: Task | undefined): void {
    if (previous?.serviceId === next?.serviceId) {
      this.#replaceIn(next?.serviceId, previous, next);
    } else {
      this.#replaceIn(previous?.serviceId, previous, undefined);
      this.#replaceIn(next?.serviceId, undefined, next);
    }
  }

  #replaceIn(
    serviceId: string | undefined,
    previous: Task | undefined,
    next: Task | undefined,
  ): void {
    if (serviceId === undefined) return;
    let slots = this.#services.get(serviceId);
    if (slots === undefined) {
      slots = new SecondaryIndex<Task, number>((task) => [task.slot]);
      this.#services.set(serviceId, slots);
    }
    slots.replace(previous, next);
    if (slots.size === 0) this.#services.delete(serviceId);
  }
}
