/** Fakes for tests: the same that the runtime's own tests use. */
export {
  createSimulatedNetwork,
  type SimulatedNetwork,
  type SimulatedNetworkDependencies,
} from "./simulated-network.js";
export { createVirtualClock, type VirtualClock } from "./virtual-clock.js";
