import type { Annotations } from "../../gen/skep/Annotations.ts";
import type { Driver } from "../../gen/skep/Driver.ts";
import { invalid } from "./refuse.ts";

interface PayloadSpec {
  readonly annotations: Annotations | null;
  readonly data: Uint8Array | string;
  readonly templating: Driver | null;
}

/** There is something, and not too much of it. */
export function checkPayload(what: string, data: Uint8Array | string, bytesMax: number): void {
  const bytes = Buffer.byteLength(data);
  if (bytes === 0 || bytes > bytesMax) {
    throw invalid(`${what} data`, `${bytes} bytes given, but it must have 1 to ${bytesMax}`);
  }
}

/** The templating driver: Docker's golang, or none. INVALID_ARGUMENT. */
export function checkTemplating(what: string, templating: Driver | null): void {
  const name = templating?.name ?? "";
  if (name !== "" && name !== "golang") {
    throw invalid(`${what} template-driver "${name}"`, "use golang, or leave it out");
  }
}

/** What tasks were given cannot change under them. Absent data stands for the data as it is. */
export function refuseOtherThanLabels(
  what: string,
  before: PayloadSpec | null,
  after: PayloadSpec,
): void {
  const name = before?.annotations?.name;
  const dataGiven = Buffer.byteLength(after.data) > 0;
  const isSame =
    name === after.annotations?.name &&
    (before?.templating?.name ?? "") === (after.templating?.name ?? "") &&
    (!dataGiven || Buffer.from(before?.data ?? "").equals(Buffer.from(after.data)));
  if (!isSame) {
    throw invalid(
      `${what} ${name}`,
      `only updates to Labels are allowed: create a new ${what} and let services use that`,
    );
  }
}
