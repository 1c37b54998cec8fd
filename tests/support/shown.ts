/** How a field was shown. */
export interface State {
  readonly state: string;
  readonly reason?: string;
}

/** What a read showed of each field that is held, and why not more. */
export function statesOf(read: any /* oxlint-disable-line typescript/no-explicit-any */): ReadonlyMap<string, State> {
  const shown: [string, State][] = [
    ...Object.entries<State>(read.fields),
    ...read.phones.map((phone: any) => [phone.kind, phone.number]), // oxlint-disable-line typescript/no-explicit-any
    ...read.addresses.flatMap(({ id: _id, ...parts }: Record<string, State>) => Object.entries(parts)),
  ];
  return new Map(
    shown
      .filter(([, { reason }]) => reason !== 'not_collected')
      .map(([field, { state, reason }]) => [field, reason === undefined ? { state } : { state, reason }]),
  );
}
