import { channel } from "node:diagnostics_channel";

/** The diagnostics channel that tells of connections that came to nothing; see docs/errors.md. */
export const CONNECTION_ERROR_CHANNEL = "meshwright:connection_error";

/** What {@link CONNECTION_ERROR_CHANNEL} carries. */
export interface ConnectionErrorMessage {
  /** A server could not accept a connection, such as for want of file descriptors, or its TLS handshake failed. */
  readonly error: Error;
}

/** Publishes every connection that a server did not get on {@link CONNECTION_ERROR_CHANNEL}. */
export function createConnectionReporter(): (error: Error) => void {
  const errors = channel(CONNECTION_ERROR_CHANNEL);
  return (error) => {
    if (!errors.hasSubscribers) return;
    const event: ConnectionErrorMessage = { error };
    errors.publish(event);
  };
}
