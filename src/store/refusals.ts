import { ClusterError } from "../base/errors.ts";
import type { TableName } from "./objects.ts";

// The same words for a refusal, whether the transaction or apply found it.

/** The object was changed since it was read. */
export function outOfDate(table: TableName, id: string): ClusterError {
  return new ClusterError(
    "OUT_OF_DATE",
    `update out of sequence: ${table} ${id} was changed meanwhile, read it again and repeat`,
  );
}

/** The id is taken. */
export function alreadyExists(table: TableName, id: string): ClusterError {
  return new ClusterError("ALREADY_EXISTS", `${table} ${id} already exists`);
}

/** The name is taken. */
export function nameTaken(table: TableName, name: string): ClusterError {
  return new ClusterError(
    "ALREADY_EXISTS",
    `${table} ${name} already exists: choose another name, or remove that one first`,
  );
}
