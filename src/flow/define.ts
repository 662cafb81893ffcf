import { GbaError } from '../base/index.ts';

export interface Transition<S extends string, E extends string> {
  from: S | readonly S[];
  on: E;
  to: S;
  /** The step of the operator change that this transition does, 0 to 14. */
  step?: number;
}

export interface FlowDefinition<S extends string, E extends string> {
  name: string;
  initial: S;
  states: readonly S[];
  transitions: readonly Transition<S, E>[];
  final: readonly S[];
}

/** A party's progress as a pure table: no transition that the table does not name exists. */
export interface Flow<S extends string, E extends string> extends FlowDefinition<S, E> {
  /** The state after `event`; throws `invalid-transition` with the events that are allowed. */
  next(state: S, event: E): S;
  can(state: S, event: E): boolean;
  isFinal(state: S): boolean;
}

/** Checks the table itself: known states, no two ways out on one event, nothing leaves a final state. */
export function defineFlow<S extends string, E extends string>(definition: FlowDefinition<S, E>): Flow<S, E> {
  const { name, states, final } = definition;
  for (const state of [definition.initial, ...final]) {
    if (!states.includes(state)) throw new GbaError('flow-table-invalid', `flow ${name}: no such state: ${state}`);
  }
  const table = new Map<string, S>();
  for (const { from, on, to } of definition.transitions) {
    for (const state of typeof from === 'string' ? [from] : from) {
      const key = `${state} ${on}`;
      if (!states.includes(state) || !states.includes(to) || final.includes(state) || table.has(key)) {
        throw new GbaError('flow-table-invalid', `flow ${name}: bad transition ${state} --${on}--> ${to}`);
      }
      table.set(key, to);
    }
  }
  const allowed = (state: S): string[] =>
    [...table.keys()].filter((key) => key.startsWith(`${state} `)).map((key) => key.slice(state.length + 1));
  return {
    ...definition,
    next(state, event) {
      const to = table.get(`${state} ${event}`);
      if (to !== undefined) return to;
      const options = allowed(state).join(', ') || 'nothing';
      throw new GbaError(
        'invalid-transition',
        `flow ${name}: '${event}' is not possible in '${state}' (allowed: ${options})`,
      );
    },
    can: (state, event) => table.has(`${state} ${event}`),
    isFinal: (state) => final.includes(state),
  };
}
