import type { Extract } from "tar-stream";

/**
 * Writes a stream into a tar reader, respecting its pace. Its failure destroys the reader, so that whoever
 * reads entries sees it; the returned promise says more and may be left unawaited.
 */
export function feedTar(source: AsyncIterable<Uint8Array>, extract: Extract): Promise<void> {
  const work = feed(source, extract);
  work.catch(() => {});
  return work;
}

async function feed(source: AsyncIterable<Uint8Array>, extract: Extract): Promise<void> {
  try {
    for await (const chunk of source) {
      if (extract.destroying) return;
      if (!extract.write(chunk)) await drained(extract);
    }
    extract.end(null);
  } catch (error) {
    extract.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

function drained(extract: Extract): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      extract.removeListener("drain", done);
      extract.removeListener("close", done);
      resolve();
    };
    extract.once("drain", done);
    extract.once("close", done);
  });
}
