import { ErrorCode } from "@meshwright/runtime/wire";
import { expect, it } from "vitest";
import { measure } from "./measure.js";
import { RawPeer, type RawPeerOptions } from "./raw-peer.js";
import { type Target, type TargetOptions, targetFor } from "./target.js";

/** Names of RFC 9113 section 7. */
export type ErrorName = keyof typeof ErrorCode;

/** How an attack must end. */
export type Ending =
  /** The victim closes the connection, after a GOAWAY with one of these codes. */
  | { readonly kind: "closed"; readonly codes: readonly ErrorName[] }
  /** The victim closes the connection; it need not say anything, for the peer speaks another language. */
  | { readonly kind: "hung up" }
  /** The connection may live: what it costs is bounded. */
  | { readonly kind: "bounded" };

/** What an attack is given. */
export interface AttackContext {
  readonly target: Target;
  /** One more connection to the victim. The first one is the one that must end as expected. */
  connect(options?: RawPeerOptions): Promise<RawPeer>;
  /** The same, to the port where TLS is spoken; the peer begins with nothing. */
  connectTls(): Promise<RawPeer>;
}

/** One row of the suite. */
export interface Attack {
  readonly ending: Ending;
  /** What the victim is started with, apart from its defaults. */
  readonly options?: TargetOptions;
  /** Most milliseconds from the attack's first byte to the end of the socket. */
  readonly withinMs?: number;
  /** Attacks. Returns when it has done what it can; may check what it saw. */
  run(context: AttackContext): Promise<void>;
}

/** The connection, for rows without a limit of their own. */
export const WITHIN_MS = 2000;

export function closed(...codes: readonly ErrorName[]): Ending {
  return { kind: "closed", codes };
}

export const bounded: Ending = { kind: "bounded" };
export const hungUp: Ending = { kind: "hung up" };

/** One test: the attack over a real socket, measured and judged. */
export function attack(id: string, name: string, row: Attack): void {
  it(`${id} ${name}`, async ({ task }) => {
    const target = await targetFor(row.options ?? {});
    const result = await measure(target, {
      run: (peers) => {
        const connect = async (address: string, options?: RawPeerOptions): Promise<RawPeer> => {
          const peer = await RawPeer.connect(address, options);
          peers.push(peer);
          return peer;
        };
        return row.run({
          target,
          connect: (options) => connect(target.address, options),
          connectTls: () => connect(target.tlsAddress, { acknowledges: false }),
        });
      },
      judge: (peer) => judge(row, peer),
      withinMs: row.ending.kind === "bounded" ? undefined : (row.withinMs ?? WITHIN_MS),
    });
    Object.assign(task.meta, { attack: { id, name, ...result } });
    expect(result.complaints).toEqual([]);
  });
}

/** What became of the attacker's connection, and what is wrong with that. */
export function judge(
  { ending, withinMs = WITHIN_MS }: Pick<Attack, "ending" | "withinMs">,
  peer: RawPeer,
): { outcome: string; complaint?: string } {
  const goAway = peer.goAways.at(-1);
  const code = goAway === undefined ? "no GOAWAY" : errorName(goAway.code);
  const closedAtMs = peer.closedAtMs === undefined ? undefined : Math.round(peer.closedAtMs);
  const outcome =
    closedAtMs === undefined
      ? goAway === undefined
        ? "bounded"
        : `${code}, open`
      : `${code}, closed at ${closedAtMs} ms`;
  if (ending.kind === "bounded") return { outcome };
  if (closedAtMs === undefined) return { outcome, complaint: `the connection lives (${code})` };
  if (closedAtMs > withinMs) return { outcome, complaint: `closed after ${closedAtMs} ms, want ${withinMs} ms` };
  if (ending.kind === "hung up") return { outcome };
  if (goAway === undefined || !ending.codes.some((name) => ErrorCode[name] === goAway.code)) {
    return { outcome, complaint: `GOAWAY: ${code}, want ${ending.codes.join(" or ")}` };
  }
  return { outcome };
}

function errorName(code: number): string {
  return Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? String(code);
}
