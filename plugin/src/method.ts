import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { complain } from "./complain.js";

// A client's method is called what protobuf-es calls it in the descriptor, so that Connect's Client type fits. These
// names can't be escaped here, and they don't work.
const UNUSABLE: ReadonlyMap<string, string> = new Map([
  ["then", "a client with a method then can't be awaited"],
  ["__proto__", "JavaScript takes __proto__ for the prototype of the client"],
]);

/** Refuses methods that a client in TypeScript cannot have, or cannot have both. */
export function checkMethods(service: DescService): void {
  const seen = new Map<string, DescMethod>();
  for (const method of service.methods) {
    const rival = seen.get(method.localName);
    if (rival !== undefined) {
      complain(
        method,
        `becomes ${method.localName} in TypeScript, as ${rival.name} does; rename one of them: names must differ in more ` +
          "than the case of the first letter",
      );
    }
    const reason = UNUSABLE.get(method.localName);
    if (reason !== undefined) {
      complain(method, `becomes ${method.localName} in TypeScript, and ${reason}; rename it`);
    }
    seen.set(method.localName, method);
  }
}

/** `/package.Service/Method`. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** The method's name in an interface or object. Quoted where TypeScript would read `new(…)` as a constructor. */
export function propertyName({ localName }: DescMethod): string {
  return localName === "new" ? `"new"` : localName;
}
