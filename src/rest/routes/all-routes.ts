import type { Route } from "../http/request.ts";
import { configRoutes } from "./configs.ts";
import { containerArchiveRoutes } from "./container-archive.ts";
import { containerRoutes } from "./containers.ts";
import { dryRunRoutes } from "./dry-run.ts";
import { eventRoutes } from "./events.ts";
import { execRoutes } from "./exec.ts";
import { imageRoutes } from "./images.ts";
import { networkEndpointRoutes } from "./network-endpoints.ts";
import { networkRoutes } from "./networks.ts";
import { nodeRoutes } from "./nodes.ts";
import { secretRoutes } from "./secrets.ts";
import { serviceRoutes } from "./services.ts";
import { swarmRoutes } from "./swarm.ts";
import { swarmBackupRoutes } from "./swarm-backup.ts";
import { systemRoutes } from "./system.ts";
import { taskRoutes } from "./tasks.ts";
import { volumeRoutes } from "./volumes.ts";

/** Every route of the API. */
export const allRoutes: readonly Route[] = [
  ...systemRoutes,
  ...eventRoutes,
  ...swarmRoutes,
  ...swarmBackupRoutes,
  ...nodeRoutes,
  ...serviceRoutes,
  ...dryRunRoutes,
  ...taskRoutes,
  ...networkRoutes,
  ...networkEndpointRoutes,
  ...secretRoutes,
  ...configRoutes,
  ...imageRoutes,
  ...containerRoutes,
  ...containerArchiveRoutes,
  ...execRoutes,
  ...volumeRoutes,
];
