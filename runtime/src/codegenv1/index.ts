/**
 * What generated code may use. Versioned: it only grows; a breaking change is a new folder beside this one.
 * Nothing here is meant to be imported by hand.
 */
export type {
  ClientMesh,
  MeshMethod,
  MeshMethods,
  MeshService,
  MethodKind,
  ServiceRegistration,
} from "./types.js";
export { defineService, implementService } from "./types.js";
