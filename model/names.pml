/* The states and events of the transition tables in src; `-` is written `_`, and what Promela reserves ends in `_`. */
mtype = {
  /* states of the machine */
  announced, attested, downloading, stored, discarding, discarded, acknowledged, released,
  activating_owing_9, activating_owing_11, active_owing_9, active_owing_11, active_owing_13,
  failed_owing_9, failed_owing_11, failed_owing_13, failed, finished, returned, refused, superseded,
  /* of a release at the old SHO */
  composed, issued, recalling, letting_go, gone,
  /* of an order at the new SHO */
  validating, preparing, delivering, delivered, correcting, redelivering, registering, done,
  /* of a delivery at the RO */
  open, offered, succeeded, registered,
  /* of a validation at the PVA */
  asked, positive, negative
};

mtype = {
  /* events */
  quoted, token_accepted, delivery_dropped, early_delivery_dropped, package_stored, package_present, discard, erased,
  acknowledgement, release, grace_over, activated, activation_failed, failure_taken, correction_stored, result_taken,
  cancel, refuse, supersede,
  consent, withdraw, recall, unregistration, removed, return_,
  validation_positive, validation_negative, lapsed, packaged, unpackable, delivery_taken, delivery_refused,
  machine_refused, release_shown, result_success, result_failure,
  offer, correction, registration, refusal,
  quote_good, quote_bad
};
