/**
 * Keeps bytes from being read or altered on disk. `context` says what they are and where they belong; it
 * is not kept with them, and only the same one opens them again, so that records cannot change places.
 */
export interface Seal {
  seal(plain: Uint8Array, context: Uint8Array): Buffer;
  /** DATA_LOSS when the bytes were altered, belong elsewhere, or were sealed with a key that is not here. */
  open(sealed: Uint8Array, context: Uint8Array): Buffer;
  /** Whether `sealed` was made with the newest key. */
  isCurrent(sealed: Uint8Array): boolean;
}
