import type { Command } from "commander";
import { pause } from "../pause.ts";
import { getService } from "../service/write.ts";
import { type OpenSession, removeEach, type Session } from "../session.ts";

const pollMs = 250;

/** `skep service rebalance` */
export function addServiceRebalance(service: Command, open: OpenSession): void {
  service
    .command("rebalance")
    .description(
      "Spread the tasks of services anew, one at a time, each started before the old one stops",
    )
    .argument("<service...>")
    .option("-d, --detach", "do not wait until the tasks are spread")
    .action(async (names: string[], options: { detach?: boolean }) => {
      const session = open();
      await removeEach(session, names, async (name) => {
        const { ID } = await getService(session, name);
        await session.client.post(`/services/${ID}/rebalance`);
        if (options.detach !== true) await untilEven(session, ID);
        return name;
      });
    });
}

async function untilEven(session: Session, id: string): Promise<void> {
  while ((await getService(session, id)).Rebalancing === true) {
    if (!(await pause(session.interrupted, pollMs))) {
      session.print("Operation continuing in background.");
      return;
    }
  }
}
