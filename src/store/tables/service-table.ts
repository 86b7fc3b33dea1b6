import type { Service } from "../../gen/skep/Service.ts";
import { SecondaryIndex } from "./secondary-index.ts";
import { Table } from "./table.ts";

/** Services: unique names, and found by what their current spec refers to. */
export class ServiceTable extends Table<Service> {
  readonly byNetwork: SecondaryIndex<Service>;
  readonly bySecret: SecondaryIndex<Service>;
  readonly byConfig: SecondaryIndex<Service>;

  constructor() {
    const byNetwork = new SecondaryIndex<Service>((service) =>
      (service.spec?.task?.networks ?? []).map((network) => network.target),
    );
    const bySecret = new SecondaryIndex<Service>((service) =>
      (service.spec?.task?.container?.secrets ?? []).map((secret) => secret.secretId),
    );
    const byConfig = new SecondaryIndex<Service>((service) =>
      (service.spec?.task?.container?.configs ?? []).map((config) => config.configId),
    );
    super({
      nameOf: (service) => service.spec?.annotations?.name ?? "",
      indexes: [byNetwork, bySecret, byConfig],
    });
    this.byNetwork = byNetwork;
    this.bySecret = bySecret;
    this.byConfig = byConfig;
  }
}
