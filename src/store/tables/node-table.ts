import type { Node } from "../../gen/skep/Node.ts";
import { SecondaryIndex } from "./secondary-index.ts";
import { Table } from "./table.ts";

/** Nodes; several may have the same host name. */
export class NodeTable extends Table<Node> {
  readonly byHostname: SecondaryIndex<Node>;

  constructor() {
    const byHostname = new SecondaryIndex<Node>((node) => {
      const hostname = node.description?.hostname ?? "";
      return hostname === "" ? [] : [hostname.toLowerCase()];
    });
    super({ indexes: [byHostname] });
    this.byHostname = byHostname;
  }
}
