import type { Readable } from "node:stream";
import { BoundedQueue } from "../../base/bounded-queue.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ImageProgress, LocalImages, PullOptions } from "../backend/images.ts";
import { jsonLine } from "../streams.ts";
import type { ProgressJson } from "../wire/image.ts";

/**
 * Lines of POST /images/create: progress, then the outcome. A failure before any progress is thrown
 * (the status can still tell it); a later one is the last line.
 */
export async function* pullLines(
  images: LocalImages,
  reference: string,
  options: Omit<PullOptions, "onProgress">,
  log: Logger,
): AsyncGenerator<string, void, void> {
  const lines = progressLines(async (report) => {
    const before = await images.find(reference);
    const image = await images.pull(reference, { ...options, onProgress: report });
    const digest = image.repoDigests[0]?.split("@")[1];
    const fresh = before?.id !== image.id;
    return [
      ...(digest === undefined ? [] : [{ status: `Digest: ${digest}` }]),
      {
        status: fresh
          ? `Status: Downloaded newer image for ${reference}`
          : `Status: Image is up to date for ${reference}`,
      },
    ];
  });
  for await (const line of lines) {
    if (line.error !== undefined) log.debug({ reference, reason: line.error }, "pull failed");
    yield jsonLine(line);
  }
}

/** Lines of POST /images/load; `quiet` leaves out the progress. */
export async function* loadLines(
  images: LocalImages,
  archive: Readable,
  quiet: boolean,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const lines = progressLines(async (report) => {
    const loaded = await images.load(archive, quiet ? () => {} : report, signal);
    return loaded.flatMap((image) =>
      image.archiveNames.length === 0
        ? [{ stream: `Loaded image ID: ${image.id}\n` }]
        : image.archiveNames.map((tag) => ({ stream: `Loaded image: ${tag}\n` })),
    );
  });
  for await (const line of lines) yield jsonLine(line);
}

/** The same chunks; resolves, or fails, with the first one. */
export async function startStream(
  chunks: AsyncGenerator<string, void, void>,
): Promise<AsyncIterable<string>> {
  const first = await chunks.next();
  return (async function* () {
    if (first.done === true) return;
    yield first.value;
    yield* chunks;
  })();
}

// Progress that nobody reads fast enough is dropped: only the newest matters.
const progressMax = 256;

async function* progressLines(
  work: (report: (progress: ImageProgress) => void) => Promise<readonly ProgressJson[]>,
): AsyncGenerator<ProgressJson, void, void> {
  const queue = new BoundedQueue<ProgressJson>({ itemsMax: progressMax, onFull: "drop-oldest" });
  let reported = false;
  const report = (progress: ImageProgress) => {
    reported = true;
    queue.push(progressJson(progress));
  };
  const outcome = work(report)
    .catch((error: unknown): ProgressJson[] => {
      if (!reported) throw error;
      const message = errorMessage(error);
      return [{ errorDetail: { message }, error: message }];
    })
    .finally(() => queue.close());
  // Awaited below, but only when the reader stays until then.
  outcome.catch(() => undefined);
  yield* queue;
  yield* await outcome;
}

function progressJson(progress: ImageProgress): ProgressJson {
  const { id, status, currentBytes, totalBytes } = progress;
  if (currentBytes === undefined) {
    return { status, ...(id === "" ? {} : { progressDetail: {}, id }) };
  }
  return {
    status,
    progressDetail: {
      current: currentBytes,
      ...(totalBytes === undefined ? {} : { total: totalBytes }),
    },
    ...(id === "" ? {} : { id }),
  };
}
