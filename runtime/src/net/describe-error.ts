/** Why a socket failed, for people. */
export function describeError(error: Error): string {
  // Connecting to a name with several addresses fails with all of their reasons at once.
  const reasons = error instanceof AggregateError ? error.errors : [error];
  return reasons
    .map((reason: NodeJS.ErrnoException) => {
      switch (reason.code) {
        case "ECONNREFUSED":
          return "connection refused: nobody listens there";
        case "ENOTFOUND":
          return "no such host";
        default:
          return reason.message;
      }
    })
    .join("; ");
}
