import type { Task } from "../../gen/skep/Task.ts";
import { SecondaryIndex } from "./secondary-index.ts";
import { SlotIndex } from "./slot-index.ts";
import { Table } from "./table.ts";

/** Tasks, found by service, node and slot. Their names follow from their ids, so they are unique anyway. */
export class TaskTable extends Table<Task> {
  readonly byService: SecondaryIndex<Task>;
  readonly byNode: SecondaryIndex<Task>;
  readonly bySlot: SlotIndex;

  constructor() {
    const byService = new SecondaryIndex<Task>((task) => [task.serviceId]);
    const byNode = new SecondaryIndex<Task>((task) => (task.nodeId === "" ? [] : [task.nodeId]));
    const bySlot = new SlotIndex();
    super({ indexes: [byService, byNode, bySlot] });
    this.byService = byService;
    this.byNode = byNode;
    this.bySlot = bySlot;
  }
}
