import type { TestHost } from "./test-hosts.ts";

/** Drops what `host` sends to the others (`out`) or what they send to it (`in`); the other direction goes on. `host.heal` does not end it. */
export async function cutOneWay(
  host: TestHost,
  others: readonly TestHost[],
  direction: "in" | "out",
): Promise<void> {
  const addresses = others.map(({ ip }) => ip).join(", ");
  const [side, hook] = direction === "in" ? ["saddr", "prerouting"] : ["daddr", "output"];
  await host.exec(
    ["nft", "-f", "-"],
    `table inet oneway\ndelete table inet oneway\ntable inet oneway {
      chain c { type filter hook ${hook} priority -500; ip ${side} { ${addresses} } drop; }
    }`,
  );
}

export async function healOneWay(host: TestHost): Promise<void> {
  await host.exec(["nft", "-f", "-"], "table inet oneway\ndelete table inet oneway\n");
}
