import { createInterface } from "node:readline";

/** Does what the lines on standard input say, one after the other; ends the process when they end or one fails. */
export async function obey<Order, Answer>(act: (order: Order) => Promise<Answer>): Promise<never> {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await act(JSON.parse(line) as Order))}\n`);
  }
  process.exit(0);
}

/** CPU time of this process, user and system, in microseconds. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
