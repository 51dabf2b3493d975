/** What a suite found. `failures` names the cases that did not pass. */
export interface SuiteResult {
  readonly passed: number;
  readonly skipped: number;
  readonly failed: number;
  readonly failures: readonly string[];
}

/** Reads the JUnit report of h2spec. */
export function readJunit(xml: string): SuiteResult {
  let passed = 0;
  let skipped = 0;
  let failed = 0;
  const failures: string[] = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(/<testcase\s([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)) {
    if (!/<(failure|error|skipped)\b/.test(body)) {
      passed += 1;
      continue;
    }
    const isSkipped = /<skipped\b/.test(body);
    if (isSkipped) skipped += 1;
    else failed += 1;
    const name = `${attribute(attributes, "package")}: ${attribute(attributes, "classname")}`;
    failures.push(`${isSkipped ? "skipped" : "failed"} ${name}\n    ${plain(body)}`);
  }
  return { passed, skipped, failed, failures };
}

/** Reads what h2specd prints, which has no report. Undefined when it broke off. */
export function readSummary(output: string): SuiteResult | undefined {
  const counts = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(output);
  if (counts === null) return undefined;
  const [, , passed, skipped, failed] = counts.map(Number);
  // Failures are listed once more at the end, with the expectation.
  const list = output.slice(output.lastIndexOf("Failures:"), counts.index);
  const failures = (failed ?? 0) + (skipped ?? 0) === 0 ? [] : [list.trim()];
  return { passed: passed ?? 0, skipped: skipped ?? 0, failed: failed ?? 0, failures };
}

function attribute(attributes: string, name: string): string {
  return plain(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "?");
}

function plain(xml: string): string {
  return xml
    .replace(/<[^>]*>/g, " ")
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&#x([0-9a-f]+);/gi, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ")
    .trim();
}
