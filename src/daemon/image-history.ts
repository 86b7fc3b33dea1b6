import type { Image } from "../image/image.ts";
import type { ImageHistoryEntry } from "../rest/backend/images.ts";

/** One entry of the image specification's `history`. */
interface HistoryRecord {
  readonly created?: string;
  readonly created_by?: string;
  readonly comment?: string;
  /** Steps that changed no file have no layer. */
  readonly empty_layer?: boolean;
}

/** Pure: how an image was made, the newest step first; each step that has a layer with its bytes. */
export function imageHistory(image: Image): ImageHistoryEntry[] {
  const { history } = image.rawConfig as { readonly history?: readonly HistoryRecord[] };
  const records = history ?? image.layers.map((): HistoryRecord => ({}));
  const sizes = [...image.layerBytes];
  const entries = records.map((record) => ({
    record,
    sizeBytes: record.empty_layer === true ? 0 : (sizes.shift() ?? 0),
  }));
  return entries.reverse().map(({ record, sizeBytes }, at) => ({
    id: at === 0 ? image.id : "<missing>",
    createdAtMs: Date.parse(record.created ?? "") || 0,
    createdBy: record.created_by ?? "",
    tags: at === 0 ? image.repoTags : [],
    sizeBytes,
    comment: record.comment ?? "",
  }));
}
