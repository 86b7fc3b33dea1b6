import type { ContainerData } from "../backend/containers.ts";

/** "Up 5 minutes (healthy)", "Exited (0) 2 hours ago": the STATUS column of `docker ps`. */
export function containerStatusText(container: ContainerData, nowMs: number): string {
  switch (container.state) {
    case "created":
      return "Created";
    case "dead":
      return "Dead";
    case "exited":
      return `Exited (${container.exitCode}) ${humanDuration(nowMs - container.finishedAtMs)} ago`;
    case "restarting":
      return `Restarting (${container.exitCode}) ${humanDuration(nowMs - container.finishedAtMs)} ago`;
    case "running":
    case "paused": {
      const up = `Up ${humanDuration(nowMs - container.startedAtMs)}`;
      if (container.state === "paused") return `${up} (Paused)`;
      if (container.health === undefined) return up;
      const { status } = container.health;
      return `${up} (${status === "starting" ? "health: starting" : status})`;
    }
  }
}

/** A rough length of time in words, as Docker rounds it. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}
