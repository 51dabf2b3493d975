/** Whether two decoded objects say the same. For plain data: objects, arrays, texts, numbers and booleans. */
export function isSameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  const keys = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSameValue(part(one, key), part(other, key)))
  );
}

function part(value: object, key: string): unknown {
  return (value as Record<string, unknown>)[key];
}
