import type { DescFile, DescService } from "@bufbuild/protobuf";
import { complain } from "./complain.js";

/** The names that a service gets in generated code. */
export interface ServiceNames {
  /** `GreeterClient`. */
  readonly client: string;
  /** `createGreeterClient`. */
  readonly createClient: string;
  /** `GreeterHandlers`. */
  readonly handlers: string;
  /** `greeterService`. */
  readonly implement: string;
  /** `greeterMesh`. */
  readonly mesh: string;
  /** `greeterPaths`. */
  readonly paths: string;
  /** `greeterMethodKinds`. */
  readonly methodKinds: string;
}

/**
 * Names for every service of a file. `GreeterService` is called Greeter; where that is the name of another service of
 * the file as well, it keeps its whole name. The order of the services makes no difference.
 */
export function serviceNames(file: DescFile): ReadonlyMap<DescService, ServiceNames> {
  const names = new Map<DescService, ServiceNames>();
  for (const [service, base] of baseNames(file)) {
    const upper = base.charAt(0).toUpperCase() + base.slice(1);
    const lower = lowerFirst(base);
    names.set(service, {
      client: `${upper}Client`,
      createClient: `create${upper}Client`,
      handlers: `${upper}Handlers`,
      implement: `${lower}Service`,
      mesh: `${lower}Mesh`,
      paths: `${lower}Paths`,
      methodKinds: `${lower}MethodKinds`,
    });
  }
  return names;
}

function baseNames(file: DescFile): ReadonlyMap<DescService, string> {
  const bases = new Map(file.services.map((service) => [service, service.name.replace(/(?<=.)Service$/, "")]));
  // A whole name may clash in its turn: A, AService and AServiceService. Each round makes at least one name whole.
  for (;;) {
    const clashing = file.services.filter((service) => rivalOf(service, bases) !== undefined);
    if (clashing.length === 0) return bases;
    const shortened = clashing.filter((service) => bases.get(service) !== service.name);
    for (const service of shortened) bases.set(service, service.name);
    const [first] = clashing;
    if (shortened.length > 0 || first === undefined) continue;
    const rival = rivalOf(first, bases)?.typeName ?? "";
    complain(
      first,
      `gets the same names in TypeScript as ${rival}; expected names that differ in more than the case of the first ` +
        "letter; rename one of them, or move it to another file",
    );
  }
}

function rivalOf(service: DescService, bases: ReadonlyMap<DescService, string>): DescService | undefined {
  const key = lowerFirst(bases.get(service) ?? service.name);
  for (const [other, base] of bases) {
    if (other !== service && lowerFirst(base) === key) return other;
  }
  return undefined;
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
