import { describeError } from "./describe-error.js";

/** A failed handshake or a broken TLS connection, for people: what it means and what to do. */
export function explainTlsError(error: NodeJS.ErrnoException & { readonly reason?: string }): string {
  const text = error.reason ?? error.message;
  switch (error.code) {
    case "CERT_HAS_EXPIRED":
      return "the peer's certificate has expired: renew it, or check this machine's clock";
    case "CERT_NOT_YET_VALID":
      return "the peer's certificate is not valid yet: check this machine's clock";
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return `the peer's certificate leads to no root that is trusted here (${text}): put its root into tls.ca, and let the peer send the certificates in between`;
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_HTTP_REQUEST":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return `what the peer sends is not TLS (${text}): it speaks plaintext`;
    case "ERR_SSL_UNSUPPORTED_PROTOCOL":
    case "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION":
      return `the peer has no TLS version that is allowed here (${text}): see minVersion`;
    case "ERR_SSL_NO_APPLICATION_PROTOCOL":
    case "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL":
      return `the peer does not speak HTTP/2 over TLS (ALPN "h2")`;
    case "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE":
      return "the client sent no certificate, which is required here (mTLS): set tls.cert and tls.key of the client";
    case "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED":
      return "the server requires a client certificate (mTLS): set tls.cert and tls.key";
    case "ECONNRESET":
      return "the peer closed the connection during the TLS handshake";
    default:
      return error.reason ?? describeError(error);
  }
}
