/**
 * Freezes a value and all it holds, so that a shared object cannot be changed by accident. What is frozen already is taken as
 * frozen through and through: copies that share parts with stored objects are cheap. Bytes cannot be frozen and are left.
 */
export function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== "object") return value;
  if (Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const key in value) deepFreeze(value[key]);
  return value;
}
