/** A row of GET /containers/json */
export interface ContainerSummaryJson {
  Id: string;
  /** With a leading slash. */
  Names: string[];
  Image: string;
  ImageID: string;
  Command: string;
  /** Unix seconds. */
  Created: number;
  Ports: { IP?: string; PrivatePort: number; PublicPort?: number; Type: string }[];
  Labels: Record<string, string>;
  State: string;
  /** "Up 5 minutes (healthy)" */
  Status: string;
  HostConfig: { NetworkMode: string };
  NetworkSettings: { Networks: Record<string, object> };
  Mounts: object[];
}

/** GET /exec/{id}/json */
export interface ExecJson {
  ID: string;
  Running: boolean;
  /** null while it runs. */
  ExitCode: number | null;
  ContainerID: string;
  Pid: number;
}
