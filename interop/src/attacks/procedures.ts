// Requests and answers between a test and the processes that it starts.

/** What a process can be asked; answers travel as JSON. */
export type Procedures = Readonly<Record<string, (argument: never) => unknown>>;

/** A request, to the process. */
export interface ProcedureCall {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

/** Its answer. The first one, of id 0, tells that the process is ready. */
export interface ProcedureAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Answers the parent process until it goes. `greeting` tells it that this process is ready. */
export function serveProcedures(procedures: Procedures, greeting: unknown): void {
  process.on("message", async ({ id, name, argument }: ProcedureCall) => {
    try {
      const procedure = procedures[name];
      if (procedure === undefined) throw new Error(`no procedure "${name}"`);
      tell({ id, value: await procedure(argument as never) });
    } catch (error) {
      tell({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
  tell({ id: 0, value: greeting });
}

function tell(answer: ProcedureAnswer): void {
  process.send?.(answer);
}
