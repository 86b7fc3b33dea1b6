import type { ImageData } from "../backend/images.ts";

/** Bytes of all layers, each counted once. */
export function layersSize(images: readonly ImageData[]): number {
  const sizes = new Map(images.flatMap(layersOf));
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** By image id: the bytes of its layers that other images have, too. */
export function sharedSizes(images: readonly ImageData[]): Map<string, number> {
  const users = new Map<string, number>();
  for (const layer of images.flatMap(({ layers }) => [...new Set(layers)])) {
    users.set(layer, (users.get(layer) ?? 0) + 1);
  }
  return new Map(
    images.map((image) => [
      image.id,
      layersOf(image)
        .filter(([layer]) => (users.get(layer) ?? 0) > 1)
        .reduce((sum, [, bytes]) => sum + bytes, 0),
    ]),
  );
}

function layersOf({ layers, layerBytes }: ImageData): [string, number][] {
  return layers.map((layer, index) => [layer, layerBytes[index] ?? 0]);
}
