/** What the bench measures; seconds, except memory in MB. */
export interface Figures {
  readonly init: number;
  readonly join: number;
  readonly create: number;
  readonly scale: number;
  readonly leaderKilled: number;
  readonly tasksElsewhere: number;
  readonly nodeMemory: number;
  readonly containerMemory: number;
}

/** One line of the table: a figure, and what it should be at most: so much of the peer's, or so much. */
export interface Row {
  readonly key: keyof Figures;
  readonly what: string;
  readonly unit: "s" | "MB";
  readonly target?: { readonly ofPeer: number } | { readonly atMost: number };
}

export const rows: readonly Row[] = [
  { key: "init", what: "swarm init", unit: "s" },
  { key: "join", what: "swarm join as manager, mean of 2", unit: "s" },
  {
    key: "create",
    what: "create 30 replicas, to 30/30 running",
    unit: "s",
    target: { ofPeer: 0.6 },
  },
  { key: "scale", what: "scale 30 to 60, to 60/60 running", unit: "s" },
  {
    key: "leaderKilled",
    what: "leader killed, to a write elsewhere",
    unit: "s",
    target: { atMost: 3 },
  },
  {
    key: "tasksElsewhere",
    what: "host killed, to 60/60 elsewhere",
    unit: "s",
    target: { atMost: 20 },
  },
  {
    key: "nodeMemory",
    what: "memory of an idle node, mean of 3",
    unit: "MB",
    target: { atMost: 130 },
  },
  {
    key: "containerMemory",
    what: "memory beside each container",
    unit: "MB",
    target: { atMost: 4 },
  },
];

/** Whether the figure meets the row's target; undefined where it has none or the peer it is told by was not measured. */
export function isMet(row: Row, ours: Figures, peer: Figures | undefined): boolean | undefined {
  const { target } = row;
  if (target === undefined) return undefined;
  if ("atMost" in target) return ours[row.key] <= target.atMost;
  return peer === undefined ? undefined : ours[row.key] <= target.ofPeer * peer[row.key];
}

/** The table as Markdown, both columns and their ratio. */
export function formatTable(ours: Figures, peer: Figures | undefined): string {
  const lines = rows.map((row) => {
    const mine = ours[row.key];
    const theirs = peer?.[row.key];
    const met = isMet(row, ours, peer);
    return [
      row.what,
      theirs === undefined ? "not run" : formatFigure(row, theirs),
      formatFigure(row, mine),
      theirs === undefined ? "" : `${(mine / theirs).toFixed(2)} x`,
      describeTarget(row),
      met === undefined ? "" : met ? "yes" : "NO",
    ];
  });
  const head = ["work", "Docker Swarm", "Skep", "ratio", "target", "met"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = format(widths.map((width) => "-".repeat(width)));
  return [format(head), rule, ...lines.map(format)].join("\n");
}

function formatFigure({ unit }: Row, value: number): string {
  return `${value.toFixed(unit === "s" ? 2 : 1)} ${unit}`;
}

function describeTarget({ target, unit }: Row): string {
  if (target === undefined) return "";
  return "atMost" in target ? `<= ${target.atMost} ${unit}` : `<= ${target.ofPeer} x`;
}
