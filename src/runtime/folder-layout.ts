import { join } from "node:path";
import { ClusterError } from "../base/errors.ts";

/** Where everything of one daemon's containers lies. */
export class FolderLayout {
  readonly dataRoot: string;
  readonly execRoot: string;

  constructor(dataRoot: string, execRoot: string) {
    this.dataRoot = dataRoot;
    this.execRoot = execRoot;
  }

  /** One folder a container, kept over a host restart. */
  get containers(): string {
    return join(this.dataRoot, "containers");
  }
  /** One bundle a container, gone after a host restart. */
  get bundles(): string {
    return join(this.execRoot, "containers");
  }
  /** conmon writes a file named for the container here when it ends. */
  get exits(): string {
    return join(this.execRoot, "exits");
  }
  /** runc's own state. */
  get runcRoot(): string {
    return join(this.execRoot, "runc");
  }
  /** A tmpfs: secrets must not reach a disk. */
  get secrets(): string {
    return join(this.execRoot, "secrets");
  }

  container(id: string): ContainerFolders {
    const data = join(this.containers, id);
    const bundle = join(this.bundles, id);
    return {
      data,
      bundle,
      spec: join(data, "container.json"),
      state: join(data, "state.json"),
      upper: join(data, "upper"),
      work: join(data, "work"),
      etc: join(data, "etc"),
      persist: join(data, "persist"),
      log: join(data, "container.log"),
      config: join(bundle, "config.json"),
      rootfs: join(bundle, "rootfs"),
      pidFile: join(bundle, "pid"),
      conmonPidFile: join(bundle, "conmon.pid"),
      attachSocket: join(bundle, "attach"),
      resizePipe: join(bundle, "winsz"),
      exitFile: join(this.exits, id),
      secrets: join(this.secrets, id),
      runcState: join(this.runcRoot, id),
    };
  }
}

/** Paths of one container. */
export interface ContainerFolders {
  readonly data: string;
  readonly bundle: string;
  readonly spec: string;
  readonly state: string;
  readonly upper: string;
  readonly work: string;
  readonly etc: string;
  readonly persist: string;
  readonly log: string;
  readonly config: string;
  readonly rootfs: string;
  readonly pidFile: string;
  readonly conmonPidFile: string;
  readonly attachSocket: string;
  readonly resizePipe: string;
  readonly exitFile: string;
  readonly secrets: string;
  readonly runcState: string;
}

/** INVALID_ARGUMENT unless `id` is safe as a file name and for runc. */
export function validateContainerId(id: string): void {
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(id)) {
    throw new ClusterError("INVALID_ARGUMENT", `"${id}" is not a container id`);
  }
}
