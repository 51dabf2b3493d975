import { type ContextKey, createContextKey } from "@connectrpc/connect";
import type { CallDecision } from "../client/call-decision.js";

/**
 * Context key under which a call leaves its {@link CallDecision}: pass `contextValues` to the call, read the key when
 * the call has ended. Undefined before.
 */
export const callDecision: ContextKey<CallDecision | undefined> = createContextKey<CallDecision | undefined>(
  undefined,
  {
    description: "what the mesh decided for the call",
  },
);
