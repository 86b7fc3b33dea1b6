/** What a variable stands for; undefined when it is not set. */
export type Variables = (name: string) => string | undefined;

/** Why a text cannot be filled in. */
export class SubstitutionError extends Error {}

const depthMax = 20;

/**
 * Fills in `$A`, `${A}`, `${A-b}` `${A:-b}` (default), `${A?text}` `${A:?text}` (required), `${A+b}` `${A:+b}` (only when set);
 * the forms with a colon take an empty value for an unset one. Defaults may hold variables. `$$` is a dollar sign.
 * `onUnset` hears of plain variables without a value, which become "". Throws SubstitutionError.
 */
export function substitute(
  text: string,
  variables: Variables,
  onUnset: (name: string) => void = () => {},
): string {
  return text.includes("$") ? new Substitution(text, variables, onUnset).all() : text;
}

class Substitution {
  readonly #text: string;
  readonly #variables: Variables;
  readonly #onUnset: (name: string) => void;
  #at = 0;

  constructor(text: string, variables: Variables, onUnset: (name: string) => void) {
    this.#text = text;
    this.#variables = variables;
    this.#onUnset = onUnset;
  }

  all(): string {
    return this.#until("", true, 0);
  }

  // Up to `end` ("}" inside a default), which stays unread. `live` is false in the part of a choice that is not taken.
  #until(end: string, live: boolean, depth: number): string {
    let result = "";
    while (this.#at < this.#text.length) {
      const next = this.#text.charAt(this.#at);
      if (next === end) return result;
      if (next === "$") result += this.#variable(live, depth);
      else {
        result += next;
        this.#at += 1;
      }
    }
    return result;
  }

  #variable(live: boolean, depth: number): string {
    const rest = this.#text.slice(this.#at);
    if (rest.startsWith("$$")) {
      this.#at += 2;
      return "$";
    }
    const plain = /^\$([A-Za-z_]\w*)/.exec(rest);
    if (plain !== null) {
      this.#at += plain[0].length;
      return this.#value(plain[1] ?? "", live) ?? "";
    }
    const braced = /^\$\{([A-Za-z_]\w*)(:?[-?+]|\})/.exec(rest);
    if (braced === null || depth > depthMax) {
      throw new SubstitutionError(
        `"${this.#text}" is not a valid use of $: write \${NAME}, or $$ for a dollar sign`,
      );
    }
    const [whole, name = "", operator = ""] = braced;
    this.#at += whole.length;
    if (operator === "}") return this.#value(name, live) ?? "";
    return this.#choice(name, operator, live, depth);
  }

  #choice(name: string, operator: string, live: boolean, depth: number): string {
    const given = this.#variables(name);
    const isSet = given !== undefined && !(operator.startsWith(":") && given === "");
    const action = operator.at(-1);
    const takesWord = action === "+" ? isSet : !isSet;
    const word = this.#until("}", live && takesWord, depth + 1);
    if (this.#text.charAt(this.#at) !== "}") {
      throw new SubstitutionError(`"${this.#text}" lacks a }`);
    }
    this.#at += 1;
    if (!live) return "";
    if (action === "?" && !isSet) {
      throw new SubstitutionError(
        `required variable ${name} is missing a value${word === "" ? "" : `: ${word}`}`,
      );
    }
    if (takesWord) return word;
    return action === "+" ? "" : (given ?? "");
  }

  #value(name: string, live: boolean): string | undefined {
    const value = this.#variables(name);
    if (value === undefined && live) this.#onUnset(name);
    return value;
  }
}
