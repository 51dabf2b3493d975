import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { method as methodOptions, service as serviceOptions } from "@meshwright/proto/meshwright/options/v1/options_pb";
import { complain } from "./complain.js";

/** Where the mesh looks for an interface. */
export interface InterfaceHost {
  readonly host: string;
  readonly port: number;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const LONGEST_LABEL = 63;
const LONGEST_HOST = 253;
const DEFAULT_PORT = 80;
const LARGEST_PORT = 65_535;
// Timers of Node take no longer delay.
const LONGEST_TIMEOUT_MS = 2_147_483_647;

/** Host and port of a service: its proto options, else its lower-case name under the mesh domain. */
export function interfaceHost(service: DescService, meshDomain: string): InterfaceHost {
  const options = hasOption(service, serviceOptions) ? getOption(service, serviceOptions) : undefined;
  const given = options?.host ?? "";
  const host = given === "" ? `${service.typeName.toLowerCase().replaceAll("_", "-")}.${meshDomain}` : given;
  const complaint = hostComplaint(host);
  if (complaint !== undefined) {
    complain(
      service,
      `mesh host "${host}" ${complaint}; set option (meshwright.options.v1.service).host to lower-case labels of a-z, ` +
        `0-9 and "-", at most ${LONGEST_LABEL} characters each and ${LONGEST_HOST} in all`,
    );
  }
  const port = options?.port ?? 0;
  if (port > LARGEST_PORT) {
    complain(
      service,
      `option (meshwright.options.v1.service).port: ${port} must be in 1 to ${LARGEST_PORT}; correct it`,
    );
  }
  return { host, port: port === 0 ? DEFAULT_PORT : port };
}

/** Deadline that the proto gives to a method. Undefined without one. */
export function methodTimeoutMs(method: DescMethod): number | undefined {
  const timeoutMs = hasOption(method, methodOptions) ? getOption(method, methodOptions).timeoutMs : 0;
  if (timeoutMs > LONGEST_TIMEOUT_MS) {
    complain(
      method,
      `option (meshwright.options.v1.method).timeout_ms: ${timeoutMs} must be at most ${LONGEST_TIMEOUT_MS}; correct it`,
    );
  }
  return timeoutMs === 0 ? undefined : timeoutMs;
}

function hostComplaint(host: string): string | undefined {
  if (host.length > LONGEST_HOST) return `has ${host.length} characters`;
  const bad = host.split(".").find((label) => label.length > LONGEST_LABEL || !LABEL.test(label));
  if (bad === undefined) return undefined;
  if (bad.length > LONGEST_LABEL) return `has the label "${bad}" of ${bad.length} characters`;
  return `has the label "${bad}", which is not a host name's`;
}
