/** What is wrong with one value of a flag, and what the user must be told. */
export interface BadValue {
  /** Words of the command line; what makes it complete otherwise is added. */
  readonly args: readonly string[];
  readonly want: RegExp;
  /** Where two flags do not go together, docker ends with 1. */
  readonly exitCode?: 1;
  /** Words after all others, where those would replace the value. */
  readonly last?: readonly string[];
  /** "daemon": only a manager can tell, so the call is made; exit code 1. Else nothing is sent and it is 125. */
  readonly by?: "daemon";
}

/** At least one wrong value for each flag, or why there is none. */
export type BadFlagRow = readonly BadValue[] | { readonly none: string };

/** The name of a flag to its row. */
export type BadFlagTable = Readonly<Record<string, BadFlagRow>>;

/** `--flag value` is refused with these words, after "--flag". */
export function bad(flag: string, value: string, want: string, by?: "daemon"): BadValue {
  const noun = by === "daemon" ? flag.slice(2).replace(/-add$/, "") : flag;
  const escaped = `${noun}[^]*${want.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}`;
  const args = [flag.length > 0 ? `${flag}=${value}` : value];
  return { args, want: new RegExp(escaped), ...(by === undefined ? {} : { by }) };
}

/** A switch takes true or false, as docker's. */
export function aSwitch(flag: string): readonly BadValue[] {
  return [bad(flag, "maybe", "true or false")];
}
