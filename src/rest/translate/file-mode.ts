// Go's os.FileMode: the kind of a file in the high bits, permissions as in stat(2).
const kinds = new Map<number, number>([
  [0o040000, 2 ** 31], // folder
  [0o120000, 2 ** 27], // symbolic link
  [0o060000, 2 ** 26], // block device
  [0o020000, 2 ** 26 + 2 ** 21], // character device
  [0o010000, 2 ** 25], // named pipe
  [0o140000, 2 ** 24], // socket
]);

/** The mode of stat(2) as Go, and so Docker's API, writes it. */
export function goFileMode(mode: number): number {
  const special =
    (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (kinds.get(mode & 0o170000) ?? 0) + special + (mode & 0o777);
}
