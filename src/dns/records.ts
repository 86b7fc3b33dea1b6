import { isIPv4 } from "node:net";
import { parseSubnet, subnetContains } from "../base/ip.ts";
import { type Answer, type Query, recordTypes, responseCodes } from "./wire.ts";
import type { Zone } from "./zone.ts";

/** Seconds an asker may keep the address of a service: it does not change while the service lives (Docker's value). */
export const stableTtlSeconds = 600;
/** Seconds an asker may keep addresses of tasks: they come and go. */
export const volatileTtlSeconds = 3;

const reverseSuffix = ".in-addr.arpa";
const addressesMax = 512;

/** Pure: the zone's answer, or undefined when the zone does not know and somebody else may. `turn` rotates addresses. */
export function answerFromZone(query: Query, zone: Zone, turn: number): Answer | undefined {
  const name = query.name.toLowerCase();
  if (name.endsWith(reverseSuffix)) return answerReverse(query, zone, name);
  const known = zone.names.get(name);
  if (known === undefined) return undefined;
  const ttlSeconds = known.volatile ? volatileTtlSeconds : stableTtlSeconds;
  const asksAddress = query.type === recordTypes.a || query.type === recordTypes.any;
  if (!asksAddress) return { code: responseCodes.noError, records: [], ttlSeconds };
  const { addresses } = known;
  const start = addresses.length === 0 ? 0 : turn % addresses.length;
  return {
    code: responseCodes.noError,
    records: [...addresses.slice(start), ...addresses.slice(0, start)]
      .slice(0, addressesMax)
      .map((address) => ({ type: "A", address })),
    ttlSeconds,
  };
}

/** Pure: whether a name must stay in the cluster although the zone does not know it. */
export function mustNotLeak(query: Query, zone: Zone): boolean {
  const name = query.name.toLowerCase();
  // One label is a service's or container's name, perhaps of one that has just gone.
  if (!name.includes(".")) return name !== "";
  if (name.startsWith("tasks.")) return true;
  return zone.networks.some((network) => name.endsWith(`.${network.name.toLowerCase()}`));
}

/** Pure: whether every way out is closed to this sandbox: it is on networks, and on internal ones only. */
export function isInternalOnly(zone: Zone): boolean {
  return zone.networks.length > 0 && zone.networks.every(({ internal }) => internal);
}

function answerReverse(query: Query, zone: Zone, name: string): Answer | undefined {
  const address = name.slice(0, -reverseSuffix.length).split(".").reverse().join(".");
  const target = zone.reverse.get(address);
  const ttlSeconds = volatileTtlSeconds;
  if (target !== undefined) {
    const wanted = query.type === recordTypes.ptr || query.type === recordTypes.any;
    return {
      code: responseCodes.noError,
      records: wanted ? [{ type: "PTR", name: target }] : [],
      ttlSeconds,
    };
  }
  // Nobody outside knows our addresses, and nobody shall learn them.
  const ours =
    isIPv4(address) &&
    zone.networks.some(
      ({ subnet }) => subnet !== "" && subnetContains(parseSubnet(subnet), address),
    );
  return ours ? { code: responseCodes.nameError, records: [], ttlSeconds } : undefined;
}
