import { constants, randomUUID } from "node:crypto";
import { isIP } from "node:net";
import {
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TlsOptions,
} from "node:tls";
import type { ClientTls, ServerTls } from "../base/tls.js";
import { expectedNames } from "./peer-identity.js";

/** The protocol that both sides must have agreed on when a handshake is over (RFC 9113 section 3.2). */
export const ALPN_H2 = "h2";

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

// Those of TLS 1.3, and of TLS 1.2 what RFC 9113 section 9.2.2 leaves: forward secret and authenticated.
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** What a TLS server is made with. Throws when the options make no server, and says which of them and why. */
export function serverTlsOptions(tls: ServerTls): TlsOptions {
  const isMutual = tls.requireClientCertificate ?? false;
  if (isMutual && tls.ca === undefined) {
    // Node would take the public roots: anybody can have a certificate from those.
    throw new Error("tls.requireClientCertificate needs tls.ca, the roots that certificates of clients must lead to");
  }
  if (!isMutual && tls.ca !== undefined) {
    throw new Error("tls.ca has no effect without tls.requireClientCertificate: set it to true, or leave ca out");
  }
  return {
    ...contextOptions(tls),
    ALPNProtocols: [ALPN_H2],
    requestCert: isMutual,
    rejectUnauthorized: isMutual,
    // A session of another listener of this process must not be resumed here either.
    sessionIdContext: randomUUID().replaceAll("-", ""),
  };
}

/** What a TLS client connects with. Throws when the options make no client, and says which of them and why. */
export function clientTlsOptions(tls: ClientTls, host: string | undefined): ConnectionOptions {
  const servername = tls.serverName ?? host;
  return {
    ...contextOptions(tls),
    ALPNProtocols: [ALPN_H2],
    rejectUnauthorized: true,
    // Node leaves this check out when a session is resumed; ours runs after every handshake.
    checkServerIdentity: () => undefined,
    // RFC 6066 section 3: an IP address is no server name.
    ...(servername === undefined || isIP(servername) !== 0 ? {} : { servername }),
  };
}

/** Throws when the options make no server, so that a mistake shows where it was made. */
export function assertServerTls(tls: ServerTls): void {
  secureContextOf(serverTlsOptions(tls));
}

/** Throws when the options make no client of `host`, so that a mistake shows where it was made. */
export function assertClientTls(tls: ClientTls, host: string | undefined): void {
  expectedNames(tls, host);
  secureContextOf(clientTlsOptions(tls, host));
}

/** Certificate, key and roots as OpenSSL takes them. Throws when they are none, or don't belong together. */
export function secureContextOf(options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = options.key === undefined ? "tls.ca" : "tls.cert, tls.key or tls.ca";
    const reason =
      code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH"
        ? "tls.key is not the private key of tls.cert: the first certificate in tls.cert must be the one of the key"
        : `${what} can't be used: ${message}`;
    throw new Error(reason, { cause: error });
  }
}

/** Milliseconds that a handshake may take. */
export function handshakeTimeoutMs(wantedMs: number | undefined): number {
  return wantedMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS;
}

function contextOptions(tls: ServerTls | ClientTls): SecureContextOptions {
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new Error("tls.cert and tls.key go together: set both");
  return {
    ...pem("cert", tls.cert),
    ...pem("key", tls.key),
    ...pem("ca", tls.ca),
    minVersion: tls.minVersion ?? "TLSv1.2",
    maxVersion: "TLSv1.3",
    ciphers: CIPHERS,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

function pem(name: "cert" | "key" | "ca", value: string | Uint8Array | undefined): { [name: string]: Buffer } {
  if (value === undefined) return {};
  const bytes = Buffer.from(value as string);
  if (!bytes.includes("-----BEGIN "))
    throw new Error(`tls.${name} is not PEM: it has no line that begins with "-----BEGIN "`);
  return { [name]: bytes };
}
