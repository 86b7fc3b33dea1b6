import type { NetworkFields, StackVolumeFields } from "./decode-objects.ts";
import type { ServiceFields } from "./decode-service.ts";
import type { Dependency } from "./dependencies.ts";

/** A service of a stack, its environment complete. */
export interface StackService {
  readonly name: string;
  readonly fields: Omit<ServiceFields, "environment" | "env_file"> & {
    readonly environment?: Readonly<Record<string, string | null>>;
  };
  readonly dependsOn: readonly Dependency[];
}

/** A secret or config, with what it holds unless it is external. */
export interface StackFile {
  readonly name?: string;
  readonly external?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly file?: string;
  readonly environment?: string;
  readonly content?: string;
  readonly template_driver?: string;
  readonly data?: Buffer;
}

/** All that compose files say of a stack, checked, in the order in which services are deployed. */
export interface StackModel {
  readonly version?: string;
  readonly name?: string;
  readonly services: readonly StackService[];
  readonly networks: Readonly<Record<string, NetworkFields>>;
  readonly volumes: Readonly<Record<string, StackVolumeFields>>;
  readonly secrets: Readonly<Record<string, StackFile>>;
  readonly configs: Readonly<Record<string, StackFile>>;
}
