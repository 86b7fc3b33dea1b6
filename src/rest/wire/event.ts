/** One line of GET /events. */
export interface EventJson {
  /** Of old clients; only for containers and images. */
  status?: string;
  id?: string;
  from?: string;
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: "local" | "swarm";
  /** Unix seconds. */
  time: number;
  timeNano: number;
}
