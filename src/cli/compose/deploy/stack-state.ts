import type { ConfigJson } from "../../../rest/wire/config.ts";
import type { NetworkJson } from "../../../rest/wire/network.ts";
import type { SecretJson } from "../../../rest/wire/secret.ts";
import type { ServiceJson } from "../../../rest/wire/service.ts";
import { filterQuery, type Session } from "../../session.ts";
import { stackLabel } from "../names.ts";

/** What there is in the cluster as far as a stack is concerned. */
export interface StackState {
  /** The stack's own. */
  readonly services: readonly ServiceJson[];
  /** All: services may use those of others. */
  readonly networks: readonly NetworkJson[];
  readonly secrets: readonly SecretJson[];
  readonly configs: readonly ConfigJson[];
}

/** Asks the daemon for all of it. */
export async function readState(session: Session, stack: string): Promise<StackState> {
  const { client } = session;
  return {
    services: await servicesOf(session, stack),
    networks: await client.get<NetworkJson[]>("/networks"),
    secrets: await client.get<SecretJson[]>("/secrets"),
    configs: await client.get<ConfigJson[]>("/configs"),
  };
}

/** The services of a stack, by name. */
export async function servicesOf(session: Session, stack: string): Promise<ServiceJson[]> {
  const filters = filterQuery([], { label: [`${stackLabel}=${stack}`] });
  const services = await session.client.get<ServiceJson[]>("/services", { filters });
  return services.sort((a, b) => (a.Spec.Name < b.Spec.Name ? -1 : 1));
}
