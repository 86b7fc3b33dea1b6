import type { Readable } from "node:stream";
import { errorMessage } from "../../base/errors.ts";
import { badRequest, HttpError } from "./http-error.ts";
import type { RestRequest } from "./request.ts";

/** Largest JSON body taken: a config of 1000 KB in base64 fits several times. */
export const jsonBytesMax = 8 * 1024 * 1024;

/** The JSON body. 400 when absent, malformed or of another type; 413 above `jsonBytesMax`. */
export async function readJson(request: RestRequest): Promise<unknown> {
  const body = await readOptionalJson(request);
  if (body === undefined) throw badRequest("invalid JSON: got EOF while reading request body");
  return body;
}

/** As `readJson`; undefined when there is no body. */
export async function readOptionalJson(request: RestRequest): Promise<unknown> {
  const bytes = await readAll(request.body, jsonBytesMax);
  const text = bytes.toString("utf8");
  if (text.trim() === "") return undefined;
  const type = request.headers["content-type"];
  if (type !== undefined && !/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) {
    throw badRequest(`unsupported Content-Type header (${type}): must be 'application/json'`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`invalid JSON: ${errorMessage(error)}`);
  }
}

async function readAll(body: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > bytesMax) {
      throw new HttpError(413, `request body is larger than ${bytesMax} bytes`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
