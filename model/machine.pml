/* The machine with its TRE. One process for each serial; what they share is in the TRE. */

#if SERIALS == 2
/* No newer change is open, and none is where nothing can be given back any more. */
#define MAY_ANNOUNCE (changes[OTHER] == 0 || BEFORE_DISCARD(changes[OTHER]) || ENDED(changes[OTHER]))
#define IN_USE (in_use[0] > 0 || in_use[1] > 0)
#else
#define MAY_ANNOUNCE true
#define IN_USE (in_use[0] > 0)
#endif
#define INSTRUCTION_NUMBER (2 * s + 1)
#define CANCEL_NUMBER (2 * s + 2)

/* The RO is a NAF of the new operator's BSF, too. */
#define RO_SESSION (live || IN_USE)

#ifdef WRONG_SESSION_NEEDED
/* Wrong: after step 8 the old SHO and the RO are spoken to over a live bootstrap only. */
#define REACHES_OLD_SHO (CONNECTED && live)
#define REACHES_RO (CONNECTED && RO_SESSION)
#else
#define REACHES_OLD_SHO CONNECTED
#define REACHES_RO CONNECTED
#endif

/* The newer instruction replaces what the older one announced. */
inline replace_other() {
#if SERIALS == 2
  s = OTHER;
  if
  :: TAKE(changes, announced, supersede, superseded)
  :: TAKE(changes, attested, supersede, superseded)
  :: TAKE(changes, downloading, supersede, superseded)
  :: TAKE(changes, stored, supersede, superseded)
  :: else
  fi;
  s = OTHER
#else
  skip
#endif
}

/* Owner or old SHO ask for the token back: "returned", or too late and nothing changes. */
inline give_back() {
  if
  :: TAKE(changes, announced, cancel, returned)
  :: TAKE(changes, attested, cancel, returned)
  :: TAKE(changes, downloading, cancel, returned)
  :: TAKE(changes, stored, cancel, returned)
  :: else
  fi
}

/* The final refusals of the machine's own. */
inline refuse_for_good() {
  if
  :: TAKE(changes, announced, refuse, refused)
  :: TAKE(changes, attested, refuse, refused)
  :: TAKE(changes, downloading, refuse, refused)
  :: TAKE(changes, stored, refuse, refused)
  fi
}

/* A delivery that fits the token is taken; the download can still turn out to be something else. */
inline accept_offer(package) {
#ifdef BOTH_PRESENT
  if
  :: TAKE(changes, announced, package_present, stored); pending[s] = package
  :: TAKE(changes, attested, package_present, stored); pending[s] = package
  fi
#else
  if
  :: changes[s] == announced -> early[s] = true; TAKE(changes, announced, token_accepted, downloading)
  :: changes[s] == attested -> TAKE(changes, attested, token_accepted, downloading)
  fi
#endif
}

#ifdef WRONG_UNSIGNED_TOKEN
#define COUNTERSIGNED true
#else
#define COUNTERSIGNED (!unsigned_order[s])
#endif

/* No context outlives the discard; what is pinned does. */
inline forget_bootstraps() {
#if SERIALS == 2
  if :: changes[OTHER] == 0 -> keyless[OTHER] = true :: else fi
#else
  skip
#endif
}

#define WAITS_FOR_DELIVERY (changes[s] == announced || changes[s] == attested)
#define OWES_9 (changes[s] == discarded || changes[s] == active_owing_9 || changes[s] == failed_owing_9)
#define OWES_11 (changes[s] == acknowledged || changes[s] == active_owing_11 || changes[s] == failed_owing_11)
#define ACTIVATES (changes[s] == released || changes[s] == activating_owing_9 || changes[s] == activating_owing_11)

proctype machine(byte s) {
end:
  do
  /* 0: before step 8 a lost session is made anew. */
  :: d_step { !live && old == WHOLE && served && link -> live = true }

  /* 2: pinned and journalled; the number makes a repeat void. */
  :: d_step { IN_AIR(INSTRUCT) && CONNECTED ->
       TAKE_AIR(INSTRUCT);
       if
       :: number < INSTRUCTION_NUMBER && changes[s] == 0 && !keyless[s] && !expired[s] && MAY_ANNOUNCE ->
            number = INSTRUCTION_NUMBER; replace_other(); BEGIN(changes, announced)
       :: else
       fi }
  :: d_step { IN_AIR(CANCEL) && CONNECTED ->
       TAKE_AIR(CANCEL);
       if
       :: number < CANCEL_NUMBER && (changes[s] != 0 || !keyless[s]) ->
            number = CANCEL_NUMBER;
            if :: changes[s] == 0 -> BEGIN(changes, announced) :: else fi;
            give_back()
       :: else
       fi }
  :: d_step { IN_AIR(RECALL) && CONNECTED && (old == WHOLE -> live : true) ->
       TAKE_AIR(RECALL);
#ifdef WRONG_RETURN_NEEDS_TOKEN_KEY
       if :: changes[s] == 0 && !keyless[s] -> BEGIN(changes, announced) :: else fi;
#else
       /* A serial never heard of is burnt, also when its bootstrap is gone: the session itself says who answers. */
       if :: changes[s] == 0 -> BEGIN(changes, announced) :: else fi;
#endif
       give_back() }

  /* 4 */
  :: d_step { WAITS_FOR_DELIVERY && validations[s] == asked && SPEAKS(PVA) && !IN_AIR(QUOTE) && !IN_AIR(VERDICT) ->
       SAY_AIR(QUOTE) }
  :: d_step { IN_AIR(VERDICT) ->
       TAKE_AIR(VERDICT);
       if
       :: TAKE(changes, announced, quoted, attested)
       :: TAKE(changes, attested, quoted, attested)
       :: else
       fi }

  /* 7: judged, downloaded, opened and stored in the TRE; only then journalled. */
  :: d_step { WAITS_FOR_DELIVERY && RO_SESSION && !expired[s] && !IN_AIR(POLL) && !IN_AIR(OFFER + 1) -> SAY_AIR(POLL) }
  :: d_step { IN_AIR(OFFER + 1) ->
       TAKE_AIR(OFFER + 1);
       if
       :: WAITS_FOR_DELIVERY && !expired[s] && COUNTERSIGNED -> accept_offer(1)
       :: else
       fi }
#ifndef BOTH_PRESENT
  :: d_step { changes[s] == downloading && pending[s] == 0 && RO_SESSION && SPEAKS(RO) -> pending[s] = 1 }
  :: d_step { pending[s] == 1 && TAKE(changes, downloading, package_stored, stored) }
  :: d_step { changes[s] == downloading && pending[s] == 0 && swaps > 0 ->
       swaps = swaps - 1;
       if
       :: early[s] -> early[s] = false; TAKE(changes, downloading, early_delivery_dropped, announced)
       :: else -> TAKE(changes, downloading, delivery_dropped, attested)
       fi }
#ifdef USELESS_PACKAGE
  /* Signed by the new SHO, and yet it does not open: that will never change. */
  :: d_step { changes[s] == downloading && pending[s] == 0 && RO_SESSION && SPEAKS(RO) -> refuse_for_good() }
#endif
#endif

  /* The token ran out before step 8. */
  :: d_step { BEFORE_DISCARD(changes[s]) && expired[s] -> refuse_for_good() }

  /* 8: the journal first, then the record, then the erasure; after a power cut it goes on where it was. */
  :: d_step { pending[s] == 1 && !expired[s] && TAKE(changes, stored, discard, discarding) }
#ifdef WRONG_EARLY_DISCARD
  :: d_step { changes[s] == downloading && pending[s] == 0 -> changes[s] = discarding }
#endif
  :: d_step { changes[s] == discarding && old == WHOLE -> old = RECORDED }
  :: d_step { changes[s] == discarding && old == RECORDED -> old = ERASED; forget_bootstraps() }
  :: d_step { old == ERASED && TAKE(changes, discarding, erased, discarded) }
#ifdef WRONG_SPENT_SERIALS_IN_MEMORY
  :: d_step { changes[s] == discarding && in_use[s] > 0 -> in_use[s] = 0 }
#endif
#ifdef WRONG_ERASE_BEFORE_JOURNAL
  :: d_step { changes[s] == stored && pending[s] == 1 && !expired[s] && old == WHOLE -> old = ERASED }
#endif

  /* 9, 10 */
  :: d_step { OWES_9 && REACHES_OLD_SHO && !IN_AIR(UNREGISTER) && !IN_AIR(ACK) -> SAY_AIR(UNREGISTER) }
#ifdef WRONG_NO_DISCARD_RECORD
  :: d_step { changes[s] == stored && !expired[s] && !IN_AIR(UNREGISTER) -> SAY_AIR(UNREGISTER) }
#endif
  :: d_step { IN_AIR(ACK) && REACHES_OLD_SHO ->
       TAKE_AIR(ACK);
       if
       :: TAKE(changes, discarded, acknowledgement, acknowledged)
       :: TAKE(changes, active_owing_9, acknowledgement, active_owing_11)
       :: TAKE(changes, failed_owing_9, acknowledgement, failed_owing_11)
       :: else
       fi }

  /* 11, 12 */
  :: d_step { OWES_11 && REACHES_RO && !IN_AIR(RELAY) && !IN_AIR(RELEASE) -> SAY_AIR(RELAY) }
  :: d_step { IN_AIR(RELEASE) && REACHES_RO ->
       TAKE_AIR(RELEASE);
       if
       :: TAKE(changes, acknowledged, release, released)
       :: TAKE(changes, active_owing_11, release, active_owing_13)
       :: TAKE(changes, failed_owing_11, release, failed_owing_13)
       :: else
       fi }

  /* Nobody answers, or no way leads to him: the machine goes on alone. */
#ifndef WRONG_ONLY_RELEASED
  :: d_step { TAKE(changes, discarded, grace_over, activating_owing_9) }
  :: d_step { TAKE(changes, acknowledged, grace_over, activating_owing_11) }
#endif

  /* 12: the switch in the TRE, then the journal. */
  :: d_step { ACTIVATES && in_use[s] == 0 && pending[s] > 0 ->
       in_use[s] = pending[s]; pending[s] = 0; activations[s] = activations[s] + 1 }
  :: d_step { ACTIVATES && in_use[s] > 0 ->
       if
       :: TAKE(changes, released, activated, active_owing_13)
       :: TAKE(changes, activating_owing_9, activated, active_owing_9)
       :: TAKE(changes, activating_owing_11, activated, active_owing_11)
       fi }
  :: d_step { failures > 0 && ACTIVATES && in_use[s] == 0 && pending[s] > 0 ->
       if
       :: TAKE(changes, released, activation_failed, failed_owing_13)
       :: TAKE(changes, activating_owing_9, activation_failed, failed_owing_9)
       :: TAKE(changes, activating_owing_11, activation_failed, failed_owing_11)
       fi;
       failures = failures - 1 }

  /* 13 */
  :: d_step { changes[s] == active_owing_13 && REACHES_RO && !IN_AIR(SUCCESS) && !IN_AIR(SUCCESS_TAKEN) -> SAY_AIR(SUCCESS) }
  :: d_step { IN_AIR(SUCCESS_TAKEN) ->
       TAKE_AIR(SUCCESS_TAKEN);
       if
       :: TAKE(changes, active_owing_13, result_taken, finished)
       :: else
       fi }
  :: d_step { changes[s] == failed_owing_13 && REACHES_RO &&
              !IN_AIR(FAILURE + pending[s]) && !IN_AIR(FAILURE_TAKEN + pending[s]) -> SAY_AIR(FAILURE + pending[s]) }
  :: d_step { changes[s] == failed_owing_13 && REACHES_RO && IN_AIR(FAILURE_TAKEN + pending[s]) ->
       TAKE_AIR(FAILURE_TAKEN + pending[s]);
       TAKE(changes, failed_owing_13, failure_taken, failed) }

  /* The corrected package, under the same token and whatever its validity. */
  :: d_step { changes[s] == failed && REACHES_RO && !IN_AIR(POLL) && !IN_AIR(OFFER + pending[s] + 1) ->
       SAY_AIR(POLL) }
  :: d_step { changes[s] == failed && REACHES_RO && IN_AIR(OFFER + pending[s] + 1) ->
       TAKE_AIR(OFFER + pending[s] + 1);
#ifdef WRONG_CORRECTION_EXPIRES
       if :: !expired[s] -> pending[s] = pending[s] + 1; TAKE(changes, failed, correction_stored, released) :: else fi
#else
       pending[s] = pending[s] + 1;
       TAKE(changes, failed, correction_stored, released)
#endif
     }

  /* What an ended change leaves: nothing pending; a return to the old SHO, a refusal to the RO. */
  :: d_step { ENDED(changes[s]) && pending[s] > 0 -> pending[s] = 0 }
  :: d_step { ENDED(changes[s]) && (releases[s] == issued || releases[s] == recalling) && SPEAKS(OLD_SHO) &&
              CONNECTED && !IN_AIR(RETURN) -> SAY_AIR(RETURN) }
  :: d_step { ENDED(changes[s]) && (deliveries[s] == open || deliveries[s] == offered) && SPEAKS(RO) &&
              CONNECTED && !IN_AIR(REFUSE) -> SAY_AIR(REFUSE) }
  od
}
