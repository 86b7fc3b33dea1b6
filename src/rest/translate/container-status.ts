import { elapsedInWords } from "../../base/elapsed.ts";
import type { ContainerData } from "../backend/containers.ts";

/** "Up 5 minutes (healthy)", "Exited (0) 2 hours ago": the STATUS column of `docker ps`. */
export function containerStatusText(container: ContainerData, nowMs: number): string {
  switch (container.state) {
    case "created":
      return "Created";
    case "dead":
      return "Dead";
    case "exited":
      return `Exited (${container.exitCode}) ${elapsedInWords(nowMs - container.finishedAtMs)} ago`;
    case "restarting":
      return `Restarting (${container.exitCode}) ${elapsedInWords(nowMs - container.finishedAtMs)} ago`;
    case "running":
    case "paused": {
      const up = `Up ${elapsedInWords(nowMs - container.startedAtMs)}`;
      if (container.state === "paused") return `${up} (Paused)`;
      if (container.health === undefined) return up;
      const { status } = container.health;
      return `${up} (${status === "starting" ? "health: starting" : status})`;
    }
  }
}
