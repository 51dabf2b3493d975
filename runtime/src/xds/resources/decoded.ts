/** The outcome of decoding one resource. Messages are whole: they name the resource, what was found, what was expected. */
export type Decoded<T> =
  | { readonly kind: "ok"; readonly resource: T }
  | { readonly kind: "invalid"; readonly message: string };

/** Thrown inside a decoder and caught at its edge by {@link decodeWith}: nested checks would drown in results. */
export class InvalidResource extends Error {}

/** Runs a decoder; what it throws, of whatever kind, refuses this resource and no other (gRFC A46). */
export function decodeWith<T>(name: string, decode: () => T): Decoded<T> {
  try {
    return { kind: "ok", resource: freeze(decode()) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: "invalid", message: `${name}: ${reason}` };
  }
}

/** Refuses a resource. */
export function refuse(message: string): never {
  throw new InvalidResource(message);
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
