import { describe, expect, it } from "vitest";
import { FrameFlag } from "./frame.js";
import type { Http2Options, Http2Preset } from "./limits.js";
import {
  dataFrame,
  frame,
  goAwayFrame,
  headersFrame,
  REQUEST,
  RESPONSE,
  ScriptedPeer,
  settingsFrame,
  uint32,
} from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

type Role = "client" | "server";

/** Something that a peer may do so often at once, and so often more each second. */
interface Budget {
  readonly what: string;
  readonly limit: string;
  readonly roles: readonly Role[];
  readonly mesh: readonly [burst: number, perSecond: number];
  readonly edge: readonly [burst: number, perSecond: number];
  /** How many of the burst the set-up took. */
  readonly taken?: number;
  readonly options?: Http2Options;
  prepare?(peer: ScriptedPeer): void;
  /** Does it once; `id` is a stream that nobody used yet. */
  act(peer: ScriptedPeer, id: number, role: Role): void;
}

const BOTH: readonly Role[] = ["client", "server"];
const RESETS = { mesh: [1000, 33], edge: [200, 7] } as const;
const malformed = ["x-no", "pseudo headers"];
const unknown = Buffer.from([0, 0, 2, 0xaa, 0xff, 0, 0, 0, 1, 1, 2]);
const rst = (id: number, code: number = ErrorCode.CANCEL): Buffer => frame("RST_STREAM", 0, id, uint32(code));

/** Stream 1 is one that we reset: frames of it may be under way. */
function prepareGone(peer: ScriptedPeer): void {
  peer.streams[0]?.stream?.reset(ErrorCode.CANCEL);
}

const EMPTY = { limit: "empty_frames", roles: BOTH, mesh: [10, 1], edge: [10, 1], prepare: prepareGone } as const;

/** A control frame that comes again and again. */
function control(what: string, bytes: Buffer, more: Partial<Budget> = {}): Budget {
  const act = (peer: ScriptedPeer): void => void peer.raw(bytes);
  return { what, limit: "control_rate", roles: BOTH, mesh: [1000, 100], edge: [1000, 100], act, ...more };
}

const BUDGETS: readonly Budget[] = [
  {
    what: "A1: resets in the read that opened the stream",
    limit: "rapid_reset",
    roles: ["server"],
    ...RESETS,
    act: (peer, id) => peer.raw(headersFrame(id, REQUEST), rst(id)),
  },
  {
    what: "A1: resets after the stream had its turn",
    limit: "cancel_rate",
    roles: ["server"],
    mesh: [10_000, 10_000],
    edge: [1000, 1000],
    act: (peer, id) => peer.raw(headersFrame(id, REQUEST)).raw(rst(id)),
  },
  {
    what: "A2: malformed headers, which make us reset",
    limit: "rapid_reset",
    roles: BOTH,
    ...RESETS,
    act: (peer, id, role) => {
      if (role === "client") peer.open();
      peer.raw(headersFrame(id, malformed));
    },
  },
  {
    what: "A2: windows above 2^31-1, which make us reset",
    limit: "rapid_reset",
    roles: ["client"],
    ...RESETS,
    act: (peer, id) => {
      peer.open();
      peer.raw(frame("WINDOW_UPDATE", 0, id, uint32(0x7fff_ffff)));
    },
  },
  {
    what: "A9: SETTINGS",
    limit: "settings_rate",
    roles: BOTH,
    mesh: [100, 10],
    edge: [100, 10],
    taken: 1,
    act: (peer) => peer.raw(settingsFrame([])),
  },
  control("A9: acknowledgements of SETTINGS that were not sent", frame("SETTINGS", FrameFlag.ACK, 0)),
  control("A11: acknowledgements of PINGs that were not sent", frame("PING", FrameFlag.ACK, 0, Buffer.alloc(8))),
  control("A1: resets of a stream that is gone", rst(1), { prepare: prepareGone }),
  control("A23: GOAWAYs", goAwayFrame(0x7fff_ffff, ErrorCode.NO_ERROR)),
  control("A29: informational responses", headersFrame(1, [":status", "103"]), { roles: ["client"] }),
  {
    what: "A13: empty DATA frames",
    ...EMPTY,
    act: (peer) => peer.raw(frame("DATA", 0, 1)),
  },
  {
    what: "A13: empty HEADERS frames",
    ...EMPTY,
    act: (peer) => peer.raw(frame("HEADERS", FrameFlag.END_HEADERS, 1)),
  },
  {
    what: "A14: DATA frames of a byte",
    limit: "tiny_frames",
    roles: BOTH,
    mesh: [10_000, 100],
    edge: [2000, 100],
    prepare: prepareGone,
    options: { maxTinyFramesPerTurn: Number.POSITIVE_INFINITY },
    act: (peer) => peer.raw(dataFrame(1, Buffer.of(1))),
  },
  {
    what: "A21: streams above MAX_CONCURRENT_STREAMS",
    limit: "refused_streams",
    roles: ["server"],
    mesh: [100, 10],
    edge: [100, 10],
    options: { maxConcurrentStreams: 1 },
    act: (peer, id) => peer.raw(headersFrame(id, REQUEST)),
  },
  {
    what: "A24: frames of unknown types",
    limit: "unknown_frames",
    roles: BOTH,
    mesh: [1000, 100],
    edge: [1000, 100],
    act: (peer) => peer.raw(unknown),
  },
];

interface Row {
  readonly budget: Budget;
  readonly name: string;
  readonly role: Role;
  readonly preset: Http2Preset;
}

const ROWS: readonly Row[] = BUDGETS.flatMap((budget) =>
  budget.roles.flatMap((role) =>
    (["mesh", "edge"] as const).map((preset) => ({
      budget,
      role,
      preset,
      name: `${budget.what} (${role}, ${preset})`,
    })),
  ),
);

/** A peer whose stream 1 is open, and a way to have it do the thing so many times. */
function start({ budget, role, preset }: Row, options: Http2Options = {}) {
  const peer = new ScriptedPeer(role, { preset, ...budget.options, ...options }).handshake();
  if (role === "client") peer.open();
  else peer.raw(headersFrame(1, REQUEST));
  budget.prepare?.(peer);
  peer.frames();
  let id = 3;
  const repeat = (count: number): void => {
    for (let done = 0; done < count; done++) {
      budget.act(peer, id, role);
      peer.frames();
      id += 2;
    }
    peer.streams.length = Math.min(peer.streams.length, 1);
  };
  return { peer, repeat };
}

/** Tells of streams one by one, and ends nothing. */
const told = (peer: ScriptedPeer): string[] => peer.limits.filter((limit) => limit !== "concurrent_streams");

function expectOver(peer: ScriptedPeer, limit: string): void {
  expect(peer.closed).toMatchObject([{ code: ErrorCode.ENHANCE_YOUR_CALM, origin: "library" }]);
  expect(told(peer)).toEqual([limit]);
}

describe("a budget of the peer", () => {
  it.for(ROWS.map((row) => [row.name, row] as const))("has a burst, and one more ends it. %s", ([, row]) => {
    const { peer, repeat } = start(row);
    repeat(row.budget[row.preset][0] - (row.budget.taken ?? 0));
    expect([peer.closed, told(peer)]).toEqual([[], []]);
    repeat(1);
    expectOver(peer, row.budget.limit);
  });

  it.for(ROWS.map((row) => [row.name, row] as const))("refills by the second. %s", async ([, row]) => {
    const { peer, repeat } = start(row);
    const [burst, perSecond] = row.budget[row.preset];
    repeat(burst - (row.budget.taken ?? 0));
    await peer.clock.advance(1000);
    repeat(perSecond);
    expect([peer.closed, told(peer)]).toEqual([[], []]);
    repeat(1);
    expectOver(peer, row.budget.limit);
  });

  it.for(ROWS.map((row) => [row.name, row] as const))("refills to its burst, not beyond. %s", async ([, row]) => {
    const { peer, repeat } = start(row);
    await peer.clock.advance(200_000);
    repeat(row.budget[row.preset][0]);
    expect([peer.closed, told(peer)]).toEqual([[], []]);
    repeat(1);
    expectOver(peer, row.budget.limit);
  });
});

describe("what gives the peer back of its budget", () => {
  const server = (options: Http2Options): ScriptedPeer => new ScriptedPeer("server", options).handshake();

  it("A1: is a stream that ended in order, or was cancelled late, up to the burst", () => {
    const peer = server({ resetBurst: 3 });
    let id = 1;
    const rapid = (): void => {
      peer.raw(headersFrame(id, REQUEST), rst(id));
      id += 2;
    };
    const late = (): void => {
      peer.raw(headersFrame(id, REQUEST)).raw(rst(id));
      id += 2;
    };
    for (let count = 0; count < 5; count++) late();
    for (let count = 0; count < 3; count++) rapid();
    late();
    rapid();
    expect(peer.closed).toEqual([]);
    rapid();
    expectOver(peer, "rapid_reset");
  });

  it("A1, A2: is no stream that was reset at once, nor one that the peer made us reset", () => {
    const peer = server({ resetBurst: 2, tinyFrameBurst: 1 });
    peer.raw(headersFrame(1, REQUEST)).raw(dataFrame(1, Buffer.of(1)));
    peer.raw(headersFrame(3, REQUEST), rst(3));
    // Its body is longer than it said.
    peer.raw(headersFrame(5, [...REQUEST, "content-length", "1"])).raw(dataFrame(5, Buffer.alloc(64)));
    expect([peer.closed, peer.limits]).toEqual([[], []]);
    peer.raw(dataFrame(1, Buffer.of(1)));
    expectOver(peer, "tiny_frames");
  });

  it("A14: is a tiny frame for each stream that ended and for each message that is whole", () => {
    const peer = server({ tinyFrameBurst: 1 });
    peer.raw(headersFrame(1, REQUEST), dataFrame(1, Buffer.of(1)));
    peer.streams[0]?.stream?.progress();
    peer.streams[0]?.stream?.progress();
    peer.raw(dataFrame(1, Buffer.of(1)));
    peer.raw(headersFrame(3, REQUEST)).raw(rst(3));
    peer.raw(dataFrame(1, Buffer.of(1)));
    expect(peer.closed).toEqual([]);
    peer.raw(dataFrame(1, Buffer.of(1)));
    expectOver(peer, "tiny_frames");
  });

  it("A11: is a control frame for each HEADERS and each DATA frame that we send", () => {
    const peer = server({ controlBurst: 2 }).raw(headersFrame(1, REQUEST));
    const ack = frame("SETTINGS", FrameFlag.ACK, 0);
    peer.raw(ack, ack);
    peer.streams[0]?.stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
    peer.raw(ack);
    peer.streams[0]?.stream?.sendData(Buffer.of(1), false);
    peer.raw(ack);
    expect(peer.closed).toEqual([]);
    peer.raw(ack);
    expectOver(peer, "control_rate");
  });

  it("A18: is 100 PRIORITY frames for each stream, its own or ours", () => {
    const priority = frame("PRIORITY", 0, 99, Buffer.alloc(5));
    for (const role of BOTH) {
      const peer = new ScriptedPeer(role).handshake();
      for (let count = 0; count < 100; count++) peer.raw(priority);
      if (role === "client") peer.open();
      else peer.raw(headersFrame(1, REQUEST));
      for (let count = 0; count < 100; count++) peer.raw(priority);
      expect(peer.closed).toEqual([]);
      peer.raw(priority);
      expectOver(peer, "priority_frames");
    }
  });
});

describe("a client", () => {
  it("A1: charges no server that resets what it was asked", () => {
    const peer = new ScriptedPeer("client", { resetBurst: 0, cancelBurst: 0 }).handshake();
    for (let id = 1; id < 200; id += 2) {
      peer.open();
      peer.raw(rst(id, ErrorCode.REFUSED_STREAM));
    }
    expect([peer.closed, peer.limits]).toEqual([[], []]);
  });
});
