/** nghttp2's side of a stream: Node's `Http2Stream` keeps it under a symbol of its own. */
interface StreamHandle {
  /** Queues the trailers: name, NUL, value, NUL, flags (none: NUL) for each of `count`. Below 0 it has refused them. */
  trailers(list: readonly [headers: string, count: number]): number;
}

/** As much of a server's stream as this changes. */
export interface TrailedStream {
  readonly destroyed: boolean;
  sendTrailers(headers: TrailerFields): void;
  destroy(error: Error): unknown;
}

type TrailerFields = Readonly<
  Record<string, string | number | readonly (string | Buffer)[] | undefined>
>;

/**
 * Has this stream's trailers leave in one write with the end of its data: nghttp2 takes them from within the callback that asks for them
 * (nghttp2_submit_trailer(3)), where Node puts them off to the next turn of the event loop, in a write of their own that wakes the peer once more.
 * A Node that keeps its streams otherwise goes on as it does: docs/decisions/0023.
 */
export function sendTrailersAtOnce(stream: TrailedStream): void {
  const key = Object.getOwnPropertySymbols(stream).find((each) => each.description === "kHandle");
  if (key === undefined || handleOf(stream, key) === undefined) return;
  stream.sendTrailers = (headers) => {
    const handle = handleOf(stream, key);
    if (handle === undefined || stream.destroyed) return;
    const result = handle.trailers(listOf(headers));
    if (result < 0) stream.destroy(new Error(`nghttp2 refused the trailers: ${result}`));
  };
}

/** Undefined, too, once the stream is over. */
function handleOf(stream: object, key: symbol): StreamHandle | undefined {
  const handle: unknown = Reflect.get(stream, key);
  const isOne = typeof handle === "object" && handle !== null && "trailers" in handle;
  return isOne ? (handle as StreamHandle) : undefined;
}

function listOf(headers: TrailerFields): readonly [string, number] {
  let text = "";
  let count = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      text += `${name}\0${each}\0\0`;
      count += 1;
    }
  }
  return [text, count];
}
