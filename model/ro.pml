/* The registration operator: deliveries (DPF) and discovery (DRF). */

#if SERIALS == 2
/* One open delivery a machine. */
#define MAY_DELIVER (deliveries[OTHER] == 0 || deliveries[OTHER] == registered || deliveries[OTHER] == refused)
#else
#define MAY_DELIVER true
#endif
#define LET_GO (deliveries[s] == released || deliveries[s] == succeeded || deliveries[s] == failed || \
                deliveries[s] == registered)

#ifdef WRONG_REFUSAL_FORGOTTEN
/* Wrong: refused for good because another is open, and not remembered. */
#define MAY_JUDGE true
#define REFUSES (expired[s] || !MAY_DELIVER)
#else
/* While another delivery is open this one has to wait. What is refused for good stays refused: time does not go back. */
#define MAY_JUDGE (deliveries[s] != 0 || expired[s] || MAY_DELIVER)
#define REFUSES expired[s]
#endif

/* 6: the same delivery again is answered as before, whatever the time is; a newer package corrects a failed one. */
inline take_delivery(package) {
  if
#ifdef WRONG_REPEAT_JUDGED_ANEW
  :: expired[s] -> SAY_WIRE(DELIVERY_REFUSED + package)
#endif
  :: deliveries[s] == 0 && !REFUSES -> BEGIN(deliveries, open); offering[s] = package; SAY_WIRE(DELIVERY_TAKEN + package)
  :: deliveries[s] == 0 && REFUSES -> SAY_WIRE(DELIVERY_REFUSED + package)
#ifdef WRONG_OLD_DELIVERY_CORRECTS
  :: package < offering[s] && TAKE(deliveries, failed, correction, released);
       offering[s] = package; SAY_WIRE(DELIVERY_TAKEN + package)
  :: package < offering[s] && deliveries[s] != failed -> SAY_WIRE(DELIVERY_TAKEN + package)
  :: package == offering[s] -> SAY_WIRE(DELIVERY_TAKEN + package)
#else
  :: deliveries[s] != 0 && package <= offering[s] -> SAY_WIRE(DELIVERY_TAKEN + package)
#endif
  :: package > offering[s] && TAKE(deliveries, failed, correction, released);
       offering[s] = package; SAY_WIRE(DELIVERY_TAKEN + package)
  :: else -> SAY_WIRE(DELIVERY_REFUSED + package)
  fi
}

/* 13: a failure names its package; of one that has been corrected already it is answered and changes nothing. */
inline take_failure(package) {
  if
#ifdef WRONG_FAILURE_OF_ANY_PACKAGE
  :: TAKE(deliveries, released, result_failure, failed); SAY_AIR(FAILURE_TAKEN + package)
#else
  :: package == offering[s] && TAKE(deliveries, released, result_failure, failed); SAY_AIR(FAILURE_TAKEN + package)
#ifndef WRONG_OLD_FAILURE_UNANSWERED
  :: package < offering[s] && LET_GO -> SAY_AIR(FAILURE_TAKEN + package)
#endif
#endif
  :: deliveries[s] == failed && package == offering[s] -> SAY_AIR(FAILURE_TAKEN + package)
  :: else
  fi
}

proctype ro(byte s) {
end:
  do
  :: d_step { ON_WIRE(DELIVER + 1) && MAY_JUDGE -> TAKE_WIRE(DELIVER + 1); take_delivery(1) }
#if FAILURES > 0
  :: d_step { ON_WIRE(DELIVER + 2) -> TAKE_WIRE(DELIVER + 2); take_delivery(2) }
  :: d_step { ON_WIRE(DELIVER + 3) -> TAKE_WIRE(DELIVER + 3); take_delivery(3) }
#ifdef HOPELESS
  :: d_step { ON_WIRE(DELIVER + packed[s]) && deliveries[s] == failed && packed[s] > offering[s] ->
       TAKE_WIRE(DELIVER + packed[s]); SAY_WIRE(DELIVERY_REFUSED + packed[s]) }
#endif
#endif

  /* 7: the machine's keys are pinned with the first offer. */
  :: d_step { IN_AIR(POLL) && (deliveries[s] == open || deliveries[s] == offered || deliveries[s] == released) ->
       TAKE_AIR(POLL);
       if :: TAKE(deliveries, open, offer, offered) :: else fi;
       SAY_AIR(OFFER + offering[s]) }
  :: d_step { IN_AIR(REFUSE) ->
       TAKE_AIR(REFUSE);
       if
       :: TAKE(deliveries, open, refusal, refused)
       :: TAKE(deliveries, offered, refusal, refused)
       :: else
       fi }
  :: d_step { deliveries[s] == refused && (orders[s] == delivering || orders[s] == delivered) && !ON_WIRE(REFUSAL) ->
       SAY_WIRE(REFUSAL) }

  /* 11, 12 */
  :: d_step { IN_AIR(RELAY) ->
       TAKE_AIR(RELAY);
       if
       :: TAKE(deliveries, offered, acknowledgement, released); names_old = false; SAY_AIR(RELEASE)
#ifdef WRONG_NAMED_EARLY
            ; names_new[s] = true
#endif
       :: LET_GO -> SAY_AIR(RELEASE)
       :: else
       fi }
  :: d_step { LET_GO && (orders[s] == delivering || orders[s] == delivered) && !ON_WIRE(SHOWN) -> SAY_WIRE(SHOWN) }

  /* 13 */
  :: d_step { IN_AIR(SUCCESS) ->
       TAKE_AIR(SUCCESS);
       if
       :: TAKE(deliveries, released, result_success, succeeded); SAY_AIR(SUCCESS_TAKEN)
       :: TAKE(deliveries, failed, result_success, succeeded); SAY_AIR(SUCCESS_TAKEN)
       :: deliveries[s] == succeeded || deliveries[s] == registered -> SAY_AIR(SUCCESS_TAKEN)
       :: else
       fi }
#if FAILURES > 0
  :: d_step { IN_AIR(FAILURE + 1) -> TAKE_AIR(FAILURE + 1); take_failure(1) }
  :: d_step { IN_AIR(FAILURE + 2) -> TAKE_AIR(FAILURE + 2); take_failure(2) }
  :: d_step { IN_AIR(FAILURE + 3) -> TAKE_AIR(FAILURE + 3); take_failure(3) }
  :: d_step { deliveries[s] == failed && answered[s] < offering[s] && !ON_WIRE(OUTCOME_BAD + offering[s]) ->
       SAY_WIRE(OUTCOME_BAD + offering[s]) }
#endif
  :: d_step { deliveries[s] == succeeded && orders[s] != registering && orders[s] != done && !ON_WIRE(OUTCOME_GOOD) ->
       SAY_WIRE(OUTCOME_GOOD) }

  /* 14: only after 13. */
  :: d_step { ON_WIRE(REGISTER) ->
       TAKE_WIRE(REGISTER);
       if
       :: TAKE(deliveries, succeeded, registration, registered); names_new[s] = true; SAY_WIRE(REGISTERED)
       :: deliveries[s] == registered -> SAY_WIRE(REGISTERED)
       :: else
       fi }
  od unless { silent == RO }
}
