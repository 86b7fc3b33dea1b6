/** GET /images/json */
export interface ImageSummaryJson {
  Id: string;
  ParentId: string;
  RepoTags: string[];
  RepoDigests: string[];
  /** Unix seconds. */
  Created: number;
  Size: number;
  SharedSize: number;
  Labels: Record<string, string> | null;
  Containers: number;
}

/** One line of the progress of pull and load. */
export interface ProgressJson {
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number };
  progress?: string;
  stream?: string;
  error?: string;
  errorDetail?: { message: string };
}

/** GET /distribution/{name}/json */
export interface DistributionJson {
  Descriptor: { mediaType: string; digest: string; size: number };
  Platforms: { architecture: string; os: string }[];
}

/** DELETE /images/{name} */
export type ImageDeleteJson = { Untagged: string } | { Deleted: string };
