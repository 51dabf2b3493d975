/**
 * The wire alone, for tools, tests and gateways that speak HTTP/2 or gRPC without a mesh: HTTP/2 (RFC 9113), HPACK
 * (RFC 7541) and gRPC's message framing, all without IO, and the network of this process to run them on.
 */
export { type Clock, systemClock, type Timer } from "./base/clock.js";
export {
  type Address,
  type ByteStream,
  type ByteStreamHandler,
  type ConnectOptions,
  formatAddress,
  type Listener,
  type ListenLimitExceeded,
  type ListenOptions,
  type Network,
  parseAddress,
} from "./base/network.js";
export { type Rng, systemRng } from "./base/rng.js";
export type { CertificateName, ClientTls, PeerIdentity, ServerTls, TlsFacts, TlsVersion } from "./base/tls.js";
export { type ConnectionInit, createHttp2Connection } from "./http2/connection.js";
export { CLIENT_PREFACE, FRAME_HEADER_BYTES, FrameFlag, FrameType, writeFrameHeader } from "./http2/frame.js";
export { type DecodedBlock, HeaderDecoder, type HeaderListLimits } from "./http2/hpack/decoder.js";
export { HeaderEncoder } from "./http2/hpack/encoder.js";
export { http2Limits } from "./http2/limit-presets.js";
export type { Http2Limits, Http2Options, Http2Preset, LimitExceeded, LimitName } from "./http2/limits.js";
export { LIMIT_NAMES } from "./http2/limits.js";
export { OutputBuffer } from "./http2/output-buffer.js";
export { openHttp2Session, type SessionInit } from "./http2/session.js";
export { Setting } from "./http2/settings.js";
export {
  type ConnectionError,
  type ConnectionHandler,
  ErrorCode,
  type ErrorOrigin,
  type HeaderFields,
  type HeaderTemplate,
  type Http2Connection,
  type Http2Stream,
  type StreamError,
  type StreamHandler,
} from "./http2/types.js";
export { nodeNetwork } from "./net/node-network.js";
export { PREFIX_BYTES, writeMessagePrefix } from "./rpc/framing.js";
export { MessageReader, type MessageSink } from "./rpc/message-reader.js";
