/** What a route match sees of a call. Called synchronously during `match` only. */
export interface RouteCall {
  /** `/package.Service/Method`. */
  readonly path: string;
  /**
   * The value of a request header, given its lower-case name; several values are joined by ",". Not called for
   * `content-type`, `:method` and `:path`, which are the same for every RPC or known from {@link RouteCall.path}, nor
   * for `-bin` names.
   */
  header(name: string): string | undefined;
}

/**
 * The headers of one call as matchers see them (gRFC A28). It remembers the last header: in practice the routes of a
 * virtual host ask for the same one, again and again.
 */
export class HeaderView {
  #call: RouteCall | undefined;
  #name = "";
  #value: string | undefined;

  /** Starts on a call. Pass nothing to let the last one go. */
  reset(call?: RouteCall): void {
    this.#call = call;
    this.#name = "";
    this.#value = undefined;
  }

  /** The value of a header. */
  get(name: string): string | undefined {
    if (name === this.#name) return this.#value;
    const value = this.#read(name);
    this.#name = name;
    this.#value = value;
    return value;
  }

  #read(name: string): string | undefined {
    switch (name) {
      case "content-type":
        // gRFC A28: whatever the transport sends, such as "application/grpc+proto".
        return "application/grpc";
      case ":method":
        return "POST";
      case ":path":
        return this.#call?.path;
      default:
        return this.#call?.header(name);
    }
  }
}
