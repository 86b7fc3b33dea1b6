import { createHash } from "node:crypto";
import { ClusterError } from "../../base/errors.ts";

/** A named folder of this node that outlives containers (Docker's "local" volume driver). */
export interface Volume {
  readonly name: string;
  readonly mountpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of the driver: `type`, `device` and `o` say what is mounted there while it is used; {} = a folder of its own. */
  readonly options: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** The container that a volume without a name was made for. */
  readonly madeFor?: string;
  /** That container is removed, and the volume with it as soon as nobody uses it. */
  readonly isAbandoned?: boolean;
}

/** Docker marks volumes that nobody named with it. */
export const anonymousLabel = "com.docker.volume.anonymous";

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const nameLengthMax = 255; // a file name's

// Each option of Docker's local driver, and which others it needs.
const knownOptions: Readonly<Record<string, readonly string[]>> = {
  type: ["device"],
  device: ["type"],
  o: ["device", "type"],
  size: [],
};

/** Whether a volume can have this name. */
export function isVolumeName(name: string): boolean {
  return namePattern.test(name) && name.length <= nameLengthMax;
}

/** INVALID_ARGUMENT for a name that a volume cannot have. */
export function checkVolumeName(name: string): void {
  if (name.length === 1) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  }
  if (!isVolumeName(name)) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
}

/** NOT_FOUND for a driver other than "" and "local": there are no volume plugins. */
export function checkVolumeDriver(name: string, driver: string): void {
  if (driver === "" || driver === "local") return;
  throw new ClusterError(
    "NOT_FOUND",
    `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
  );
}

/** INVALID_ARGUMENT for options that the local driver does not have or that lack another; UNIMPLEMENTED for a quota. */
export function checkVolumeOptions(name: string, options: Readonly<Record<string, string>>): void {
  const refuse = (reason: string): ClusterError =>
    new ClusterError("INVALID_ARGUMENT", `create ${name}: ${reason}`);
  for (const option of Object.keys(options)) {
    if (!Object.hasOwn(knownOptions, option)) throw refuse(`invalid option: "${option}"`);
  }
  for (const [option, needed] of Object.entries(knownOptions)) {
    if (options[option] === undefined) continue;
    const missing = needed.find((other) => options[other] === undefined);
    if (missing !== undefined) throw refuse(`missing required option: "${missing}"`);
  }
  if (options["size"] !== undefined) {
    throw new ClusterError(
      "UNIMPLEMENTED",
      `create ${name}: quota size requested but no quota support`,
    );
  }
}

/** The name of a volume without one: the same each time for a container and a path in it, so that it is found again. */
export function anonymousVolumeName(containerId: string, target: string): string {
  return createHash("sha256").update(`volume ${containerId} ${target}`).digest("hex");
}

/** Whether something must be mounted before the volume can be used. */
export function needsMount({ options }: Volume): boolean {
  return options["device"] !== undefined;
}
