/** Fakes for tests: the same that the runtime's own tests use. */
export { createVirtualClock, type VirtualClock } from "./virtual-clock.js";
