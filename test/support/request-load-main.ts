import { get } from "node:http";

// A client in its own process, so that it can live in any network namespace: GETs `url` at a fixed rate, each request on a new
// connection, until its input ends or the time is over; then prints one line of JSON. Arguments: url, requests a second, seconds.

const [url = "", rate = "1", seconds = "60"] = process.argv.slice(2);
const failures: Record<string, number> = {};
const bodies: Record<string, number> = {};
let ok = 0;
let sent = 0;
let pending = 0;
let stopping = false;
let worstMs = 0;
const startMs = performance.now();

function send(): void {
  sent += 1;
  pending += 1;
  const atMs = performance.now();
  let settled = false;
  const settle = (failure: string | undefined, body = ""): void => {
    if (settled) return;
    settled = true;
    pending -= 1;
    worstMs = Math.max(worstMs, performance.now() - atMs);
    if (failure === undefined) {
      ok += 1;
      bodies[body] = (bodies[body] ?? 0) + 1;
    } else {
      const at = Math.round((atMs - startMs) / 100) / 10;
      const key = Object.keys(failures).length < 20 ? `${failure} at ${at} s` : "more";
      failures[key] = (failures[key] ?? 0) + 1;
    }
    if (stopping && pending === 0) finish();
  };
  const call = get(url, { agent: false, timeout: 5000 }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on("data", (chunk: Buffer) => chunks.push(chunk));
    answer.on("error", (error) => settle(error.message));
    answer.on("aborted", () => settle("cut off"));
    answer.on("end", () => {
      const body = Buffer.concat(chunks).toString().trim();
      settle(answer.statusCode === 200 ? undefined : `status ${answer.statusCode}`, body);
    });
  });
  call.on("timeout", () => call.destroy(new Error("no answer in 5 s")));
  call.on("error", (error) => settle(error.message));
}

function finish(): void {
  process.stdout.write(`${JSON.stringify({ sent, ok, failures, bodies, worstMs })}\n`, () =>
    process.exit(0),
  );
}

const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - startMs) / 1000) * Number(rate));
  // A stalled process catches up by a burst of at most a tenth of a second's worth.
  for (let n = 0; sent < due && n < Number(rate) / 10; n += 1) send();
}, 5);

function stop(): void {
  if (stopping) return;
  stopping = true;
  clearInterval(timer);
  if (pending === 0) finish();
}

process.stdin.resume().on("end", stop);
setTimeout(stop, Number(seconds) * 1000);
