/**
 * The Huffman code of RFC 7541 appendix B. The code is canonical: codes of one length follow each other in symbol
 * order, so the lengths alone define it. One base-36 digit per symbol, 0 to 255, then EOS.
 */
const CODE_LENGTHS =
  "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad677777777777777777777" +
  "77878djde6f56565666577666567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmo" +
  "lmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu";

const EOS = 256;
const LENGTHS: Uint8Array = Uint8Array.from(CODE_LENGTHS, (digit) => Number.parseInt(digit, 36));
const CODES: Uint32Array = assignCodes();

// The decoder walks the code's tree four bits at a time. An entry of the table, by state * 16 + nibble:
// bits 0-7 the next state, bit 8 a symbol is complete, bits 9-16 that symbol, bit 17 the input is broken.
const HAS_SYMBOL = 1 << 8;
const SYMBOL_SHIFT = 9;
const IS_BROKEN = 1 << 17;
const { steps: STEPS, canEnd: CAN_END } = buildDecoder();

/** Bytes that the Huffman form of `text` takes. A character above 0xff counts as `?`, as which it is written. */
export function huffmanByteCount(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits += LENGTHS[symbolOf(text.charCodeAt(index))] as number;
  return (bits + 7) >>> 3;
}

/** Writes the Huffman form of `text` at `at`; returns the position after it. */
export function writeHuffman(bytes: Uint8Array, at: number, text: string): number {
  let position = at;
  let pending = 0;
  let pendingBits = 0;
  for (let index = 0; index < text.length; index++) {
    const symbol = symbolOf(text.charCodeAt(index));
    const code = CODES[symbol] as number;
    let length = LENGTHS[symbol] as number;
    // At most 7 bits are pending; codes have up to 30, which would not fit into 32 bits together.
    while (length > 0) {
      const taken = Math.min(length, 24);
      length -= taken;
      pending = (pending << taken) | ((code >>> length) & ((1 << taken) - 1));
      pendingBits += taken;
      while (pendingBits >= 8) {
        pendingBits -= 8;
        bytes[position++] = pending >>> pendingBits;
      }
      pending &= (1 << pendingBits) - 1;
    }
  }
  // RFC 7541 section 5.2: padded with the most significant bits of EOS, which are ones.
  if (pendingBits > 0) bytes[position++] = (pending << (8 - pendingBits)) | (0xff >>> pendingBits);
  return position;
}

/** The shortest code has 5 bits, so that many characters come out of a byte at the most. */
const MOST_CHARACTERS_PER_BYTE = 8 / 5;

/** Reads Huffman forms; keeps the memory that they are read into. */
export class HuffmanReader {
  #text: Buffer = Buffer.allocUnsafeSlow(256);

  /** Reads the form in `bytes` from `start` to `end`. Undefined when it is malformed. */
  read(bytes: Uint8Array, start: number, end: number): string | undefined {
    const mostCharacters = Math.ceil((end - start) * MOST_CHARACTERS_PER_BYTE);
    if (mostCharacters > this.#text.length) this.#text = Buffer.allocUnsafeSlow(2 * mostCharacters);
    const text = this.#text;
    let length = 0;
    let state = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      const high = STEPS[(state << 4) | (byte >>> 4)] as number;
      if (high >= HAS_SYMBOL) {
        if (high >= IS_BROKEN) return undefined;
        text[length++] = high >>> SYMBOL_SHIFT;
      }
      const low = STEPS[((high & 0xff) << 4) | (byte & 0xf)] as number;
      if (low >= HAS_SYMBOL) {
        if (low >= IS_BROKEN) return undefined;
        text[length++] = low >>> SYMBOL_SHIFT;
      }
      state = low & 0xff;
    }
    return CAN_END[state] === 1 ? text.toString("latin1", 0, length) : undefined;
  }
}

function symbolOf(character: number): number {
  return character > 0xff ? 0x3f : character;
}

function assignCodes(): Uint32Array {
  const codes = new Uint32Array(LENGTHS.length);
  const symbols = [...LENGTHS.keys()].sort((a, b) => (LENGTHS[a] as number) - (LENGTHS[b] as number) || a - b);
  let code = 0;
  let length = LENGTHS[symbols[0] as number] as number;
  for (const symbol of symbols) {
    const symbolLength = LENGTHS[symbol] as number;
    code <<= symbolLength - length;
    length = symbolLength;
    codes[symbol] = code;
    code += 1;
  }
  return codes;
}

function buildDecoder(): { readonly steps: Uint32Array; readonly canEnd: Uint8Array } {
  // Inner nodes of the tree; a child is the number of an inner node, or -1 - symbol.
  const children: [number | undefined, number | undefined][] = [[undefined, undefined]];
  for (const [symbol, length] of LENGTHS.entries()) {
    const code = CODES[symbol] as number;
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const branch = (code >>> bit) & 1;
      const pair = children[node] as [number | undefined, number | undefined];
      if (bit === 0) {
        pair[branch] = -1 - symbol;
      } else {
        let next = pair[branch];
        if (next === undefined) {
          next = children.push([undefined, undefined]) - 1;
          pair[branch] = next;
        }
        node = next;
      }
    }
  }
  const steps = new Uint32Array(children.length * 16);
  for (let state = 0; state < children.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) steps[(state << 4) | nibble] = step(children, state, nibble);
  }
  // Padding is at most 7 bits, all ones (RFC 7541 section 5.2).
  const canEnd = new Uint8Array(children.length);
  for (let node: number | undefined = 0, depth = 0; depth < 8 && node !== undefined && node >= 0; depth++) {
    canEnd[node] = 1;
    node = (children[node] as [number | undefined, number | undefined])[1];
  }
  return { steps, canEnd };
}

function step(children: readonly [number | undefined, number | undefined][], from: number, nibble: number): number {
  let node = from;
  let entry = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child: number | undefined = children[node]?.[(nibble >>> bit) & 1];
    if (child === undefined || child === -1 - EOS) return IS_BROKEN;
    if (child >= 0) {
      node = child;
    } else {
      // The shortest code has 5 bits, so four bits complete one symbol at the most.
      entry = HAS_SYMBOL | ((-1 - child) << SYMBOL_SHIFT);
      node = 0;
    }
  }
  return entry | node;
}
