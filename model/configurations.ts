/** One exhaustive search: which faults come together, which property is looked at, and what is expected. */
export interface Configuration {
  name: string;
  says: string;
  /** `I1` to `I5`, all of them (`I1-I5`), or `I8`. */
  property: string;
  defines: readonly string[];
  /** `right` must hold; `wrong` rules and `limit`s must not. */
  kind: 'right' | 'wrong' | 'limit';
}

/** Safety: any message that was ever sent arrives any number of times, at any time, or never. */
const always = (name: string, says: string, ...defines: string[]): Configuration => ({
  kind: 'right',
  name,
  says,
  property: 'I1-I5',
  defines: ['ANYTIME', 'SAFETY_OF=ALL', ...defines],
});

/** Liveness: losses, repeats and cuts have budgets; who can go on, does. */
const ends = (name: string, says: string, ...defines: string[]): Configuration => ({
  kind: 'right',
  name,
  says,
  property: 'I8',
  defines: ['LIVENESS', ...defines],
});

const breaks = (property: string, name: string, says: string, ...defines: string[]): Configuration => {
  const rule = `WRONG_${name.replaceAll('-', '_').toUpperCase()}`;
  const mode = property === 'I8' ? ['LIVENESS'] : ['ANYTIME', `SAFETY_OF=${property}`];
  return { kind: 'wrong', name, says, property, defines: [...mode, rule, ...defines] };
};

const limit = (...from: Parameters<typeof ends>): Configuration => ({ ...ends(...from), kind: 'limit' });

const WORLD = ['CANCELS', 'RECALLS', 'KS_EXPIRES', 'LINK_LOST', 'FAILURES=2'];
const BAD_PACKAGES = ['SWAPS=1', 'USELESS_PACKAGE', 'ALTERED_MACHINE'];

export const CONFIGURATIONS: readonly Configuration[] = [
  always('any-time', 'two failed activations, bad packages, all else', ...WORLD, ...BAD_PACKAGES, 'HOPELESS'),
  always('any-time-both-present', 'the new package is in its slot before', ...WORLD, 'BOTH_PRESENT'),
  always('no-consent', 'the owner orders without a token', 'UNSIGNED_ORDERS', 'RECALLS', 'LINK_LOST'),
  always('memory-lost', 'two power cuts', 'CUTS=2', 'CANCELS', 'RECALLS', 'KS_EXPIRES', 'LINK_LOST'),
  always('two-changes', 'a second token after the first came back', 'SERIALS=2'),
  always('two-tokens', 'two tokens and two new SHOs at once', 'SERIALS=2', 'TWO_RELEASES', 'TIMELESS', 'CANCELS'),

  ends('losses', 'two losses', 'LOSSES=2'),
  ends('repeats', 'a late repeat', 'REPEATS=1'),
  ends('power-cuts', 'two power cuts', 'CUTS=2'),
  ends('silence', 'RO, PVA or an SHO is silent for ever', 'SILENCE'),
  ends('cut-off', 'no way out after step 8', 'LINK_LOST', 'KS_EXPIRES'),
  ends('one-of-each', 'a loss, a power cut, no way out after 8', 'LOSSES=1', 'CUTS=1', 'LINK_LOST'),
  ends('cancel', 'cancel, recall, a loss', 'CANCELS', 'RECALLS', 'LOSSES=1'),
  ends('correction', 'two failed activations, a loss', 'FAILURES=2', 'LOSSES=1'),
  ends('correction-repeats', 'a failed activation, a late repeat', 'FAILURES=1', 'REPEATS=1'),
  ends('no-correction', 'there is no better package, a power cut', 'FAILURES=2', 'HOPELESS', 'CUTS=1'),
  ends('bad-packages', 'swapped, useless, machine altered, a loss', ...BAD_PACKAGES, 'LOSSES=1'),
  ends('both-present', 'the other variant, no way out, a loss', 'BOTH_PRESENT', 'LINK_LOST', 'LOSSES=1'),
  ends('second-order', 'a new token while the first delivery is open', 'SERIALS=2', 'AFTER_A_RETURN'),

  breaks('I8', 'session-needed', 'messages after step 8 need a live bootstrap', 'KS_EXPIRES'),
  breaks('I8', 'unregistration-expires', 'step 9 only while the token is valid'),
  breaks('I8', 'only-released', "activation only with the RO's release", 'SILENCE'),
  breaks('I8', 'take-back-alone', 'the old SHO takes a release back alone'),
  breaks('I8', 'return-needs-token-key', 'no return for a token whose bootstrap is gone', 'KS_EXPIRES'),
  breaks('I8', 'correction-expires', 'a corrected package only while the token is valid', 'FAILURES=1'),
  breaks('I8', 'old-failure-unanswered', 'the RO ignores the failure of a corrected package', 'FAILURES=1', 'LOSSES=1'),
  breaks('I8', 'out-of-order-answered', 'the new SHO drops a failure that comes before the answer of 6', 'FAILURES=2'),
  breaks('I8', 'old-delivery-corrects', 'an older package passes for a correction', 'FAILURES=2', 'REPEATS=1'),
  breaks('I1', 'early-discard', 'discard before the package is complete'),
  breaks('I1', 'erase-before-journal', 'erasing before the journal says so'),
  breaks('I1', 'lapses-when-delivered', 'the new SHO gives a delivered order up when the token runs out'),
  breaks('I1', 'repeat-judged-anew', 'the RO refuses the repeat of what it took, for the token ran out'),
  breaks('I1', 'refusal-forgotten', 'the RO refuses for good, and takes it later', 'SERIALS=2', 'AFTER_A_RETURN'),
  breaks('I1', 'failure-of-any-package', "the machine's failure is not bound to its package", 'FAILURES=1'),
  breaks('I1', 'outcome-of-any-package', "what the RO says of it to the new SHO isn't either", 'FAILURES=1'),
  breaks('I2', 'unsigned-token', "a token without the old SHO's consent is taken", 'UNSIGNED_ORDERS'),
  breaks('I3', 'no-discard-record', 'unregistration without a discard record'),
  breaks('I4', 'named-early', 'discovery names the new SHO at step 11'),
  breaks('I4', 'ack-before-commit', 'the old SHO acknowledges before it lets go', 'CUTS=1'),
  breaks('I5', 'spent-serials-in-memory', 'a power cut makes the machine forget spent serials', 'CUTS=1'),
  breaks('I5', 'tombstone-in-memory', 'a power cut makes the old SHO forget whom it let go', 'CUTS=1'),

  limit('failed-and-cut-off', 'the activation fails and there is no way out', 'FAILURES=1', 'LINK_LOST'),
  limit('failed-and-silence', 'the activation fails and a party is silent', 'FAILURES=1', 'SILENCE'),
];
