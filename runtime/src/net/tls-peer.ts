import type { TLSSocket } from "node:tls";
import type { CertificateName, TlsFacts } from "../base/tls.js";
import { listNames, matchesIdentity } from "./peer-identity.js";
import { subjectAltNames } from "./subject-alt-names.js";
import { ALPN_H2 } from "./tls-options.js";

/** Whether the peer of a finished handshake may stay. */
export type PeerCheck =
  | { readonly kind: "accepted"; readonly facts: TlsFacts }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * Looks at a finished handshake, in either role. Runs after every one, whatever Node has checked by then: it takes
 * clients without ALPN, and does not ask who the server is when a session is resumed.
 *
 * `expected` are the names of which the peer must have one; undefined if any peer with a good chain is welcome.
 */
export function checkPeer(socket: TLSSocket, expected: readonly CertificateName[] | undefined): PeerCheck {
  if (socket.alpnProtocol !== ALPN_H2) {
    return refused(
      `the peer did not agree on HTTP/2 (ALPN "h2"); it must offer it, and be no proxy that speaks HTTP/1.1`,
    );
  }
  if (socket.isSessionReused()) return refused("the peer resumed a TLS session, which is never offered");
  const protocol = socket.getProtocol() ?? "";
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined || !socket.authorized) {
    // Of a client that was not asked, or whose chain nobody checked, nothing is known.
    return expected === undefined
      ? { kind: "accepted", facts: { protocol, peerNames: [] } }
      : refused("the peer's certificate was not verified");
  }
  const found = subjectAltNames(certificate.raw);
  if (found.kind === "invalid") return refused(`the peer's certificate is malformed: ${found.message}`);
  const { names } = found;
  if (expected !== undefined && !matchesIdentity(names, expected)) {
    const has = names.length === 0 ? "no names (subjectAltName; its common name does not count)" : listNames(names);
    return refused(
      `the peer's certificate is not for ${listNames(expected)}: it has ${has}; connect by one of its names, or set tls.serverName or tls.identity to the name it must have`,
    );
  }
  return { kind: "accepted", facts: { protocol, peerNames: names } };
}

function refused(reason: string): PeerCheck {
  return { kind: "refused", reason };
}
