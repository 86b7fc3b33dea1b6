const lettersCount = 6;

/** Pure: a name of a link from the prefix (9 letters) and six digits of the id, other ones while it is taken. */
export function freeLinkName(prefix: string, id: string, taken: ReadonlySet<string>): string {
  for (let at = 0; at + lettersCount < id.length; at += 1) {
    const name = prefix + id.slice(at, at + lettersCount);
    if (!taken.has(name)) return name;
  }
  return prefix + id.slice(-lettersCount);
}
