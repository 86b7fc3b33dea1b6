/** A line of an outline: a name and its value, or the lines below it. */
export type OutlineEntry = readonly [
  name: string,
  value: string | number | boolean | undefined | readonly OutlineEntry[],
];

/**
 * Names and values for people to read: the values of one level below each other, deeper levels moved in by a blank.
 * What has no value is left out.
 */
export function outline(entries: readonly OutlineEntry[], depth = 0): string {
  const indent = " ".repeat(depth);
  const plain = entries.filter(([, value]) => typeof value !== "object" && hasText(value));
  const width = Math.max(0, ...plain.map(([name]) => name.length)) + 2;
  const lines: string[] = [];
  for (const [name, value] of entries) {
    if (typeof value === "object") {
      const below = outline(value, depth + 1);
      if (below !== "") lines.push(`${indent}${name}:\n${below}`);
    } else if (hasText(value)) {
      lines.push(`${indent}${`${name}:`.padEnd(width)}${String(value)}`);
    }
  }
  return lines.join("\n");
}

/** Labels as lines, sorted by name. */
export function labelLines(labels: Readonly<Record<string, string>> = {}): OutlineEntry[] {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, value === "" ? "(empty)" : value]);
}

function hasText(value: string | number | boolean | undefined): boolean {
  return value !== undefined && value !== "";
}
