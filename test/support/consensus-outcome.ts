import type { ApiAnswer } from "./test-daemon.ts";

/** What is certain after a call. `unknown`: it may have been done, may be done later, or never. */
export type Outcome =
  | { readonly kind: "ok"; readonly body: unknown }
  | { readonly kind: "out-of-sequence" | "not-done" | "unknown"; readonly message: string };

/** Errors of a connection that was never made: nothing was sent. */
const neverSent = new Set(["ECONNREFUSED", "ENOENT"]);

/** Judges an answer, or the error that came instead. Whatever does not prove otherwise is unknown. */
export function outcomeOf(answer: ApiAnswer | Error): Outcome {
  if (answer instanceof Error) {
    const code = "code" in answer ? String(answer.code) : "";
    const message = `${code} ${answer.message}`.trim();
    return { kind: neverSent.has(code) ? "not-done" : "unknown", message };
  }
  const { status, body } = answer;
  if (status >= 200 && status < 300) return { kind: "ok", body };
  const message = `${status} ${messageOf(body)}`;
  if (message.includes("out of sequence")) return { kind: "out-of-sequence", message };
  return { kind: status >= 400 && status < 500 ? "not-done" : "unknown", message };
}

function messageOf(body: unknown): string {
  const isObject = typeof body === "object" && body !== null;
  return isObject && "message" in body ? String(body.message) : JSON.stringify(body);
}
