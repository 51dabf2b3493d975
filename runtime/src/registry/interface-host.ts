import { type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { service as serviceOptions } from "@meshwright/proto/meshwright/options/v1/options_pb";

/** Domain of the hosts that stand for interfaces. */
export const INTERFACE_DOMAIN = "rpc.mesh";

/** Port of an interface unless its proto option says otherwise. */
export const INTERFACE_PORT = 80;

/** Where the mesh looks for an interface: its ServiceEntry host and port. */
export interface InterfaceHost {
  readonly host: string;
  readonly port: number;
}

/**
 * The mesh host of a protobuf service: the option `(meshwright.options.v1.service)` of its proto, else the lower-case
 * fully qualified name under {@link INTERFACE_DOMAIN}, so that `acme.greet.v1.GreeterService` is
 * `acme.greet.v1.greeterservice.rpc.mesh:80`.
 */
export function interfaceHost(service: DescService): InterfaceHost {
  const options = hasOption(service, serviceOptions) ? getOption(service, serviceOptions) : undefined;
  const host = options?.host;
  const port = options?.port;
  return {
    host: host === undefined || host === "" ? interfaceHostName(service.typeName) : host,
    port: port === undefined || port === 0 ? INTERFACE_PORT : port,
  };
}

/** The default mesh host of a fully qualified service name. Host names know no "_". */
export function interfaceHostName(typeName: string): string {
  return `${typeName.toLowerCase().replaceAll("_", "-")}.${INTERFACE_DOMAIN}`;
}
