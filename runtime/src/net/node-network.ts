import type { Network } from "../base/network.js";
import { connect } from "./connect.js";
import { listen } from "./listen.js";

/** The process's own network: TCP and Unix sockets, with or without TLS. */
export const nodeNetwork: Network = { connect, listen };
