const EXECUTIONS = 0;
const LENGTH = 1;
const STOPPED = 2;
const HEADER_BYTES = 12;

/**
 * The input that is being run, in memory that the watchdog shares: a loop that never ends can't be asked what it runs.
 */
export class SharedInput {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#bytes = new Uint8Array(buffer, HEADER_BYTES);
  }

  static create(maxInputBytes: number): SharedInput {
    return new SharedInput(new SharedArrayBuffer(HEADER_BYTES + maxInputBytes));
  }

  /** Counts executions and other steps; it stands still while one lasts. */
  get ticks(): number {
    return Atomics.load(this.#words, EXECUTIONS);
  }

  /** Whether no more is to be run, whatever is left. */
  get isStopped(): boolean {
    return Atomics.load(this.#words, STOPPED) !== 0;
  }

  stop(): void {
    Atomics.store(this.#words, STOPPED, 1);
  }

  /** The next execution begins. */
  begin(input: Uint8Array, length: number): void {
    for (let index = 0; index < length; index++) this.#bytes[index] = input[index] as number;
    this.#words[LENGTH] = length;
    Atomics.add(this.#words, EXECUTIONS, 1);
  }

  /** Something other than an execution is done. */
  tick(): void {
    Atomics.add(this.#words, EXECUTIONS, 1);
  }

  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#words[LENGTH]);
  }
}
