import { badRequest } from "../http/http-error.ts";
import { fieldWithFlag } from "./flag-names.ts";

/**
 * Reads the fields of a JSON object sent by a client. Absent and null mean the default; a value of
 * another type is refused with 400 naming the field. Names match in any case, as in Docker.
 */
export class JsonObject {
  readonly path: string;
  readonly #fields = new Map<string, unknown>();

  /** `path` is the field's full name in error texts, "" for the whole body. */
  constructor(value: unknown, path = "") {
    this.path = path;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw wrongType(path, "an object", value);
    }
    for (const [name, field] of Object.entries(value)) {
      if (field !== null) this.#fields.set(name.toLowerCase(), field);
    }
  }

  has(name: string): boolean {
    return this.#fields.has(name.toLowerCase());
  }

  text(name: string, absent = ""): string {
    const value = this.#get(name);
    if (value === undefined) return absent;
    if (typeof value !== "string") throw wrongType(this.#pathOf(name), "a string", value);
    return value;
  }

  flag(name: string): boolean {
    return this.optionalFlag(name) ?? false;
  }

  optionalFlag(name: string): boolean | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (typeof value !== "boolean") throw wrongType(this.#pathOf(name), "true or false", value);
    return value;
  }

  /** A whole number in [min, max], both within ±(2^53 − 1). */
  integer(name: string, options: { min?: number; max?: number; absent?: number } = {}): number {
    return this.optionalInteger(name, options) ?? options.absent ?? 0;
  }

  optionalInteger(name: string, options: { min?: number; max?: number } = {}): number | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
    if (typeof value !== "number") throw wrongType(this.#pathOf(name), "a number", value);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw this.refusal(name, `${value} is not a whole number from ${min} to ${max}`);
    }
    return value;
  }

  number(name: string): number {
    const value = this.#get(name);
    if (value === undefined) return 0;
    if (typeof value !== "number") throw wrongType(this.#pathOf(name), "a number", value);
    return value;
  }

  object(name: string): JsonObject | undefined {
    const value = this.#get(name);
    return value === undefined ? undefined : new JsonObject(value, this.#pathOf(name));
  }

  list<T>(name: string, read: (value: unknown, path: string) => T): T[] {
    const value = this.#get(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw wrongType(this.#pathOf(name), "a list", value);
    return value.map((item, index) => read(item, `${this.#pathOf(name)}[${index}]`));
  }

  objects<T>(name: string, read: (object: JsonObject) => T): T[] {
    return this.list(name, (value, path) => read(new JsonObject(value, path)));
  }

  texts(name: string): string[] {
    return this.list(name, readText);
  }

  /** A map of texts, e.g. labels. */
  textMap(name: string): Record<string, string> {
    const value = this.#get(name);
    if (value === undefined) return {};
    const path = this.#pathOf(name);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw wrongType(path, "an object", value);
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, readText(item, `${path}.${key}`)]),
    );
  }

  /** The field names of a map of anything, e.g. ExposedPorts. */
  keys(name: string): string[] {
    const value = this.#get(name);
    if (value === undefined) return [];
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw wrongType(this.#pathOf(name), "an object", value);
    }
    return Object.keys(value);
  }

  /** A word of `words` (Docker's to ours); "" and absent are `absent`. 400 for an unknown word. */
  word<T>(name: string, words: Readonly<Record<string, T>>, absent: T): T {
    const text = this.text(name);
    if (text === "") return absent;
    const word = Object.hasOwn(words, text) ? words[text] : undefined;
    if (word === undefined) {
      const known = Object.keys(words).join(", ");
      throw this.refusal(name, `"${text}" is not one of ${known}`);
    }
    return word;
  }

  /** The 400 that names a field, and the flag that set it, and says what is wrong with its value. */
  refusal(name: string, problem: string): Error {
    return badRequest(`invalid ${fieldWithFlag(this.#pathOf(name))}: ${problem}`);
  }

  #get(name: string): unknown {
    return this.#fields.get(name.toLowerCase());
  }

  #pathOf(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}

function readText(value: unknown, path: string): string {
  if (typeof value !== "string") throw wrongType(path, "a string", value);
  return value;
}

function wrongType(path: string, wanted: string, value: unknown): Error {
  const got = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  const field = path === "" ? "request body" : `field ${path}`;
  return badRequest(`invalid JSON: ${field} must be ${wanted}, got ${got}`);
}
