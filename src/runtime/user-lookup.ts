import { ClusterError } from "../base/errors.ts";

const idMax = 2 ** 31 - 1;

/** The user a process runs as. `home` is "/" when the image does not say. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * Resolves a user text ("", "name", "uid", "name:group", "uid:gid") by the image's passwd and group
 * files, as Docker does: a number need not be listed, a name must be. INVALID_ARGUMENT otherwise, and
 * for ids above 2^31 - 1 (they would wrap to root in some tools, CVE-2024-40635).
 */
export function lookupUser(
  user: string,
  extraGroups: readonly string[],
  passwdText: string,
  groupText: string,
): ProcessUser {
  const [userPart = "", groupPart = ""] = splitOnce(user, ":");
  const passwd = parsePasswd(passwdText);
  const groups = parseGroups(groupText);
  const wanted = userPart === "" ? "0" : userPart;
  const numericUid = numericId(wanted, "user");
  const entry = passwd.find(
    (one) => one.name === wanted || (numericUid !== undefined && one.uid === numericUid),
  );
  if (entry === undefined && numericUid === undefined) {
    throw new ClusterError("INVALID_ARGUMENT", `user ${wanted} is not in the image's /etc/passwd`);
  }
  const uid = entry?.uid ?? numericUid ?? 0;
  const gid = groupPart === "" ? (entry?.gid ?? 0) : groupId(groupPart, groups);
  const additional = new Set(extraGroups.map((name) => groupId(name, groups)));
  if (groupPart === "" && entry !== undefined) {
    for (const group of groups) if (group.members.includes(entry.name)) additional.add(group.gid);
  }
  return {
    uid,
    gid,
    additionalGids: [...additional].sort((a, b) => a - b),
    home: entry?.home === undefined || entry.home === "" ? "/" : entry.home,
  };
}

function groupId(name: string, groups: readonly GroupEntry[]): number {
  const found = groups.find((group) => group.name === name);
  const gid = found?.gid ?? numericId(name, "group");
  if (gid === undefined) {
    throw new ClusterError("INVALID_ARGUMENT", `group ${name} is not in the image's /etc/group`);
  }
  return gid;
}

function numericId(text: string, what: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (id > idMax) {
    throw new ClusterError("INVALID_ARGUMENT", `${what} ${text} is above ${idMax}`);
  }
  return id;
}

function parsePasswd(text: string): PasswdEntry[] {
  const entries: PasswdEntry[] = [];
  for (const line of text.split("\n")) {
    const [name = "", , uid = "", gid = "", , home = ""] = line.trim().split(":");
    if (name === "" || name.startsWith("#") || !isId(uid) || !isId(gid)) continue;
    entries.push({ name, uid: Number(uid), gid: Number(gid), home });
  }
  return entries;
}

function parseGroups(text: string): GroupEntry[] {
  const entries: GroupEntry[] = [];
  for (const line of text.split("\n")) {
    const [name = "", , gid = "", members = ""] = line.trim().split(":");
    if (name === "" || name.startsWith("#") || !isId(gid)) continue;
    entries.push({ name, gid: Number(gid), members: members.split(",").filter((m) => m !== "") });
  }
  return entries;
}

function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= idMax;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
