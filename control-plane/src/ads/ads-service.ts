import { Code, ConnectError } from "@connectrpc/connect";
import { AggregatedDiscoveryService } from "@meshwright/proto/envoy/service/discovery/v3/ads_pb";
import type { DiscoveryRequest, DiscoveryResponse } from "@meshwright/proto/envoy/service/discovery/v3/discovery_pb";
import { describeService, type ServiceRegistration } from "@meshwright/runtime";
import { implementService } from "@meshwright/runtime/codegenv1";
import type { ControlPlaneEvent } from "../events.js";
import type { MeshState } from "../mesh-state.js";
import { PushQueue } from "../push-queue.js";
import type { ServedType } from "../xds/resource-source.js";
import { AdsSession, type TypeStatus } from "./session.js";

/** A client of the control plane. */
export interface ClientStatus {
  readonly nodeId: string;
  readonly types: readonly TypeStatus[];
}

/** Serves ADS to any number of clients. */
export interface AdsService {
  readonly registration: ServiceRegistration;
  readonly clients: readonly ClientStatus[];
}

/** Makes the `AggregatedDiscoveryService` over a {@link MeshState}. */
export function createAdsService(
  state: MeshState,
  types: readonly ServedType[],
  onEvent: (event: ControlPlaneEvent) => void,
): AdsService {
  const sessions = new Set<AdsSession>();

  async function* stream(
    requests: AsyncIterable<DiscoveryRequest>,
  ): AsyncGenerator<DiscoveryResponse, void, undefined> {
    const session = new AdsSession(types, state.model, state.version);
    const responses = new PushQueue<DiscoveryResponse>();
    using _following = state.follow((model, version) => responses.push(...session.onModel(model, version)));
    let failure: ConnectError | undefined;
    const reading = (async () => {
      try {
        for await (const request of requests) {
          const isFirst = session.nodeId === "";
          const outcome = session.onRequest(request);
          if (isFirst && session.nodeId !== "") onEvent({ kind: "connected", nodeId: session.nodeId });
          switch (outcome.kind) {
            case "respond":
              responses.push(...outcome.responses);
              break;
            case "nacked":
              onEvent({ ...outcome, nodeId: session.nodeId });
              break;
            case "invalid":
              failure = new ConnectError(outcome.message, Code.InvalidArgument);
              return;
          }
        }
      } catch {
        // The client is gone, which ends the stream as well as a last request does.
      } finally {
        responses.end();
      }
    })();
    sessions.add(session);
    try {
      yield* responses;
      await reading;
    } finally {
      sessions.delete(session);
      if (session.nodeId !== "") onEvent({ kind: "disconnected", nodeId: session.nodeId });
    }
    if (failure !== undefined) throw failure;
  }

  return {
    registration: implementService(describeService(AggregatedDiscoveryService), {
      streamAggregatedResources: stream,
    }) as ServiceRegistration,
    get clients() {
      return [...sessions].map((session) => ({ nodeId: session.nodeId, types: session.status }));
    },
  };
}
