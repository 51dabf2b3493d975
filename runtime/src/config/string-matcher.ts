/** How a text is compared (Envoy `type.matcher.v3.StringMatcher`). A regex is RE2 syntax and matches the whole text. */
export interface StringMatcher {
  readonly kind: "exact" | "prefix" | "suffix" | "contains" | "regex";
  readonly value: string;
  /** Compare without regard to ASCII case. Never set with `regex`. */
  readonly ignoreCase: boolean;
}
