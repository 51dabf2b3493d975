import type { AddressInfo, Server } from "node:net";

/** Listens on a free port; resolves with the address. */
export function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { address, port } = server.address() as AddressInfo;
      resolve(`${address}:${port}`);
    });
  });
}
