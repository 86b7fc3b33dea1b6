import type { Task } from "../../gen/skep/Task.ts";
import { SecondaryIndex } from "./secondary-index.ts";
import { Table } from "./table.ts";

/** Tasks, found by service, node and slot. Their names follow from their ids, so they are unique anyway. */
export class TaskTable extends Table<Task> {
  readonly byService: SecondaryIndex<Task>;
  readonly byNode: SecondaryIndex<Task>;
  readonly bySlot: SecondaryIndex<Task>;

  constructor() {
    const byService = new SecondaryIndex<Task>((task) => [task.serviceId]);
    const byNode = new SecondaryIndex<Task>((task) => (task.nodeId === "" ? [] : [task.nodeId]));
    const bySlot = new SecondaryIndex<Task>((task) => [slotKey(task.serviceId, task.slot)]);
    super({ indexes: [byService, byNode, bySlot] });
    this.byService = byService;
    this.byNode = byNode;
    this.bySlot = bySlot;
  }
}

/** The key of a slot in `bySlot`. */
export function slotKey(serviceId: string, slot: number): string {
  return `${serviceId}/${slot}`;
}
