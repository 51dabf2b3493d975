import type { GreeterProcess } from "./greeters.js";
import type { PhaseResult, PhaseView } from "./script.js";
import type { Tally } from "./tally.js";

/** What the picture shows. */
export interface Scene {
  readonly phase: PhaseView | undefined;
  readonly tally: Tally;
  readonly processes: readonly GreeterProcess[];
  readonly results: readonly PhaseResult[];
  readonly hints: readonly string[];
  /** The last words of the control plane, such as why a file was refused. */
  readonly news: string | undefined;
}

/** Shows how the demo goes: a live picture on a terminal, plain lines elsewhere. */
export interface Screen {
  /** Shows the present state; call it as often as you like. */
  draw(scene: Scene): void;
  /** A line that stays. */
  say(line: string): void;
  /** Gives the terminal back. */
  close(): void;
}

const BAR_WIDTH = 40;
const CLEAR = "\u001b[H\u001b[J";
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const USE_OTHER_BUFFER = "\u001b[?1049h";
const USE_MAIN_BUFFER = "\u001b[?1049l";

/** Picks the screen that fits the output. */
export function createScreen(output: NodeJS.WriteStream): Screen {
  return output.isTTY ? new LiveScreen(output) : new PlainScreen(output);
}

class PlainScreen implements Screen {
  readonly #output: NodeJS.WriteStream;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  draw(): void {}

  say(line: string): void {
    this.#output.write(`${line}\n`);
  }

  close(): void {}
}

class LiveScreen implements Screen {
  readonly #output: NodeJS.WriteStream;
  readonly #said: string[] = [];
  #isOpen = false;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  draw(scene: Scene): void {
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#output.write(USE_OTHER_BUFFER + HIDE_CURSOR);
    }
    const width = this.#output.columns;
    const lines = picture(scene).map((line) => (visibleLength(line) > width ? line.slice(0, width) : line));
    this.#output.write(CLEAR + lines.slice(0, this.#output.rows - 1).join("\n"));
  }

  say(line: string): void {
    if (this.#isOpen) this.#said.push(line);
    else this.#output.write(`${line}\n`);
  }

  close(): void {
    if (this.#isOpen) this.#output.write(SHOW_CURSOR + USE_MAIN_BUFFER);
    this.#isOpen = false;
    for (const line of this.#said.splice(0)) this.#output.write(`${line}\n`);
  }
}

/** The picture as lines. */
function picture({ phase, tally, processes, results, hints, news }: Scene): string[] {
  const goal = phase === undefined || phase.goalCalls === 0 ? "" : ` of ${phase.goalCalls}`;
  const lines = [
    bold("meshwright: a canary through a mesh without proxies"),
    "",
    `${bold(phase?.name ?? "starting")}   ${tally.calls}${goal} calls   ${failures(tally.failed)}   ` +
      `p50 ${ms(tally.latencyMs(0.5))}   p99 ${ms(tally.latencyMs(0.99))}`,
    "",
  ];
  for (const version of ["v1", "v2"]) {
    const configured = phase?.configured?.[version];
    const observed = tally.share(version);
    lines.push(
      `  ${version} configured ${bar(configured ?? 0, "░")} ${configured === undefined ? "  -  " : percent(configured)}`,
    );
    lines.push(`     observed   ${bar(observed, "█")} ${percent(observed)}`);
  }
  lines.push("");
  for (const { name, version, isAlive } of processes) {
    const state = isAlive ? green("up  ") : red("dead");
    lines.push(`  ${name.padEnd(14)} ${version}  ${state}  ${tally.instances.get(name) ?? 0} answers`);
  }
  lines.push("");
  for (const result of results)
    lines.push(`  ${result.complaints.length === 0 ? green("ok") : red("no")} ${resultLine(result)}`);
  if (news !== undefined) lines.push("", ...news.split("\n"));
  return [...lines, "", ...hints];
}

/** One phase in one line. */
export function resultLine(result: PhaseResult): string {
  const split = ["v1", "v2"]
    .map((version) => {
      const configured = result.configured?.[version];
      const seen = percent(result.observed[version] ?? 0).trim();
      return configured === undefined ? `${version} ${seen}` : `${version} ${seen} of ${percent(configured).trim()}`;
    })
    .join(", ");
  const latency = `p50 ${ms(result.p50Ms)}, p99 ${ms(result.p99Ms)}`;
  return `${result.name}: ${result.calls} calls, ${result.failed} failed, ${split}, ${latency}`;
}

function failures(count: number): string {
  const text = `${count} failed`;
  return count === 0 ? green(text) : red(text);
}

function bar(share: number, block: string): string {
  const filled = Math.round(share * BAR_WIDTH);
  return block.repeat(filled) + " ".repeat(BAR_WIDTH - filled);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`.padStart(7);
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}

function visibleLength(line: string): number {
  let length = 0;
  let isEscape = false;
  for (const character of line) {
    if (character === "\u001b") isEscape = true;
    if (!isEscape) length += 1;
    if (isEscape && character === "m") isEscape = false;
  }
  return length;
}

function bold(text: string): string {
  return colour(text, 1);
}

function green(text: string): string {
  return colour(text, 32);
}

function red(text: string): string {
  return colour(text, 31);
}

function colour(text: string, code: number): string {
  return process.env["NO_COLOR"] ? text : `\u001b[${code}m${text}\u001b[0m`;
}
