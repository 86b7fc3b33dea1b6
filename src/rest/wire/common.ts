/** Raft index of the last write; sent back on update as `?version=`. */
export interface VersionJson {
  Index: number;
}

/** What all objects of the cluster have. Times are RFC 3339 with up to nine digits. */
export interface ObjectJson {
  ID: string;
  Version: VersionJson;
  CreatedAt: string;
  UpdatedAt: string;
}

/** A log, network, volume or secret driver. */
export interface DriverJson {
  Name?: string;
  Options?: Record<string, string>;
}

/** Body of every error. */
export interface ErrorJson {
  message: string;
}

/** Answer of the creation of a secret or config. */
export interface IdJson {
  ID: string;
}
