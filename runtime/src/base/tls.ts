/** Oldest version of TLS that is spoken. Nothing below 1.2 is ever. `TLSv1.3` is the preset for peers that all have it. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** A name in a certificate, subjectAltName of RFC 5280. The subject's common name is never one. */
export type CertificateName =
  /** A host name; in a certificate, its first label may be `*`. */
  | { readonly kind: "dns"; readonly value: string }
  /** Such as `spiffe://cluster.local/ns/default/sa/greeter`; compared character by character. */
  | { readonly kind: "uri"; readonly value: string }
  /** An IP address in any spelling; addresses are compared, not texts. */
  | { readonly kind: "ip"; readonly value: string };

/** TLS of a server. Sessions are never resumed: every connection has its full handshake. */
export interface ServerTls {
  /** The certificate, then those that lead to its root, PEM. */
  readonly cert: string | Uint8Array;
  /** Its private key, PEM. */
  readonly key: string | Uint8Array;
  /** Roots that certificates of clients must lead to, PEM. Goes with `requireClientCertificate`. */
  readonly ca?: string | Uint8Array;
  /** Refuses clients without a valid certificate (mTLS). Defaults to false: clients are not asked for one. */
  readonly requireClientCertificate?: boolean;
  /** Defaults to `TLSv1.2`. */
  readonly minVersion?: TlsVersion;
}

/** TLS of a client. Sessions are never resumed, and who the server is gets verified in every handshake. */
export interface ClientTls {
  /** Roots that the server's certificate must lead to, PEM. Defaults to the public ones that Node brings. */
  readonly ca?: string | Uint8Array;
  /** The client's own certificate, for servers that ask for one (mTLS), PEM. Goes with `key`. */
  readonly cert?: string | Uint8Array;
  /** Its private key, PEM. */
  readonly key?: string | Uint8Array;
  /** Host name that the server is asked for (SNI) and verified by. Defaults to the host of the address. */
  readonly serverName?: string;
  /** Whom the server must prove to be. Defaults to the server name, or the IP address, that is connected to. */
  readonly identity?: PeerIdentity;
  /** Defaults to `TLSv1.2`. */
  readonly minVersion?: TlsVersion;
}

/** Whom a server must prove to be. */
export type PeerIdentity =
  /** The server name or IP address that is connected to (RFC 9525). */
  | { readonly kind: "address" }
  /** One of these, each compared with names of its own kind only. */
  | { readonly kind: "names"; readonly names: readonly CertificateName[] };

/** What a TLS handshake found. */
export interface TlsFacts {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  /** The names in the peer's certificate, which was verified. Empty when it sent none. */
  readonly peerNames: readonly CertificateName[];
}
