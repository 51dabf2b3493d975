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
 * Names for every service of a file. `GreeterService` is called Greeter; where a file has a service `Greeter` as well,
 * both keep their whole names.
 */
export function serviceNames(file: DescFile): ReadonlyMap<DescService, ServiceNames> {
  const bases = file.services.map((service) => service.name.replace(/(?<=.)Service$/, ""));
  const names = new Map<DescService, ServiceNames>();
  const taken = new Map<string, DescService>();
  for (const [index, service] of file.services.entries()) {
    const short = bases[index] ?? service.name;
    const isShared = bases.filter((other) => lowerFirst(other) === lowerFirst(short)).length > 1;
    const base = isShared ? service.name : short;
    const rival = taken.get(lowerFirst(base));
    if (rival !== undefined) {
      complain(
        service,
        `its generated names are those of ${rival.typeName}; rename one of them, or move it to another file`,
      );
    }
    taken.set(lowerFirst(base), service);
    const lower = lowerFirst(base);
    names.set(service, {
      client: `${base}Client`,
      createClient: `create${base}Client`,
      handlers: `${base}Handlers`,
      implement: `${lower}Service`,
      mesh: `${lower}Mesh`,
      paths: `${lower}Paths`,
      methodKinds: `${lower}MethodKinds`,
    });
  }
  return names;
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
