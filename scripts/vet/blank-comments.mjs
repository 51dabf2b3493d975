/**
 * Replaces every comment of TypeScript source with spaces, keeping lines and columns; the rest stays as it is. Good
 * enough for greps, not a parser: a regular expression literal is told from a division by what stands before it.
 *
 * @param {string} source
 * @returns {string}
 */
export function blankComments(source) {
  let out = "";
  let at = 0;
  while (at < source.length) {
    const end = tokenEnd(source, at, out);
    const token = source.slice(at, end);
    out += /^\/[/*]/.test(token) ? token.replace(/[^\n]/g, " ") : token;
    at = end;
  }
  return out;
}

/**
 * Where the comment, string, template or regular expression that starts at `at` ends; one further for anything else.
 *
 * @param {string} source
 * @param {number} at
 * @param {string} before the code up to here, without comments
 */
function tokenEnd(source, at, before) {
  const two = source.slice(at, at + 2);
  const one = source[at];
  if (two === "//") return endOf(source, /\n|$/g, at) ?? source.length;
  if (two === "/*") return (endOf(source, /\*\//g, at + 2) ?? source.length - 2) + 2;
  if (one === '"' || one === "'")
    return literalEnd(source, at, /\\.|["'\n]/gs, (mark) => mark === one || mark === "\n");
  if (one === "`") return literalEnd(source, at, /\\.|`/gs, (mark) => mark === "`");
  if (one === "/" && /(^|[(,=:[!&|?{};+]|=>|\breturn|\bcase)\s*$/.test(before.slice(-40))) {
    let isInClass = false;
    return literalEnd(source, at, /\\.|[[\]/\n]/gs, (mark) => {
      if (mark === "[") isInClass = true;
      if (mark === "]") isInClass = false;
      return (mark === "/" && !isInClass) || mark === "\n";
    });
  }
  return at + 1;
}

/**
 * @param {string} source
 * @param {RegExp} mark
 * @param {number} from
 */
function endOf(source, mark, from) {
  mark.lastIndex = from;
  return mark.exec(source)?.index;
}

/**
 * @param {string} source
 * @param {number} start
 * @param {RegExp} marks
 * @param {(mark: string) => boolean} isLast
 */
function literalEnd(source, start, marks, isLast) {
  marks.lastIndex = start + 1;
  for (let match = marks.exec(source); match !== null; match = marks.exec(source)) {
    if (isLast(match[0])) return marks.lastIndex;
  }
  return source.length;
}
