import { channel } from "node:diagnostics_channel";

/** The diagnostics channel that tells of peers that went over a limit; see docs/errors.md. */
export const LIMIT_CHANNEL = "meshwright:limit";

/** What {@link LIMIT_CHANNEL} carries. */
export interface LimitMessage {
  /** `h2.<limit>_exceeded`. */
  readonly counter: string;
  readonly limit: string;
  /** Ours: the peer is the other one. */
  readonly role: "client" | "server";
  /** The peer's address, as far as it is known. */
  readonly peer: string;
  /** What was found, for people. */
  readonly message: string;
}

/** Takes what connections and calls tell. */
export type ReportLimit = (
  role: "client" | "server",
  peer: string,
  exceeded: { readonly limit: string; readonly message: string },
) => void;

/** Publishes every limit that a peer exceeds on {@link LIMIT_CHANNEL}. Costs a check while nobody listens. */
export function createLimitReporter(): ReportLimit {
  const limits = channel(LIMIT_CHANNEL);
  return (role, peer, { limit, message }) => {
    if (!limits.hasSubscribers) return;
    const event: LimitMessage = { counter: `h2.${limit}_exceeded`, limit, role, peer, message };
    limits.publish(event);
  };
}
