import type { StoreListener } from "../store/store.ts";
import type { StoreView, Transaction } from "../store/store-view.ts";

/** What placing tasks takes of a transaction. */
export type PlacementTransaction = Pick<Transaction, "get" | "update">;

/** What the scheduler takes of the store. */
export interface PlacementStore {
  view(): Pick<StoreView, "get" | "all" | "tasksOfNode">;
  subscribe(listener: StoreListener): () => void;
  onReset(listener: () => void): () => void;
  batch(changes: Iterable<(tx: PlacementTransaction) => void>): Promise<void>;
}
