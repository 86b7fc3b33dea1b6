/** The reference with ":latest" when it has neither tag nor digest. */
export function withTag(reference: string): string {
  const last = reference.slice(reference.lastIndexOf("/") + 1);
  return last.includes(":") || reference.includes("@") ? reference : `${reference}:latest`;
}
